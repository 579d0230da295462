import { drainOrderKey } from '../core/drain-order.ts';

/** How machines elsewhere are told to drain: their workers see nothing but the queue and the store. */
export interface DrainOrders {
  /** May be repeated. */
  order(instanceId: string, isDraining: boolean): Promise<void>;
  /** Who is told to drain, and since when, ms since 1970. */
  read(): Promise<Map<string, number>>;
}

/** The part of an object store that is needed. */
interface Shelf {
  put(
    key: string,
    body: Uint8Array,
    options: { contentType: string; ifNoneMatch: boolean },
  ): Promise<unknown>;
  remove(key: string): Promise<void>;
  list(
    prefix: string,
    options: { startAfter?: string; limit: number },
  ): Promise<{ key: string; modifiedAtMs: number }[]>;
}

const pageMax = 1_000;

/** An order is an object that is there, or is not. */
export function drainOrdersIn(store: Shelf): DrainOrders {
  return {
    order: async (instanceId, isDraining) => {
      const key = drainOrderKey(instanceId);
      if (!isDraining) return await store.remove(key);
      const body = Buffer.from('{"schema":"touchline.drain/1"}\n');
      // The first stays: since when it drains is when that was written.
      await store.put(key, body, { contentType: 'application/json', ifNoneMatch: true });
    },
    read: async () => {
      const orders = new Map<string, number>();
      const [prefix = '', suffix = ''] = drainOrderKey('*').split('*');
      for (let startAfter: string | undefined; ;) {
        const page = await store.list(prefix, {
          limit: pageMax,
          ...(startAfter === undefined ? {} : { startAfter }),
        });
        for (const { key, modifiedAtMs } of page)
          orders.set(key.slice(prefix.length, key.length - suffix.length), modifiedAtMs);
        startAfter = page.at(-1)?.key;
        if (page.length < pageMax) return orders;
      }
    },
  };
}
