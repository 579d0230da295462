import { createHash } from 'node:crypto';

import type { ObjectInfo, ObjectStore } from '../../store/object-store.ts';

/** The reading half of an object store, over files in memory. */
export function memoryStore(
  objects: ReadonlyMap<string, { bytes: Uint8Array; contentType: string }>,
): ObjectStore {
  const head = async (key: string): Promise<ObjectInfo | undefined> => {
    const object = objects.get(key);
    if (!object) return undefined;
    const etag = `"${createHash('sha256').update(object.bytes).digest('hex').slice(0, 32)}"`;
    const { contentType } = object;
    return { key, bytes: object.bytes.length, contentType, etag, modifiedAtMs: 1_700_000_000_000 };
  };
  const get = async (key: string, range?: { start: number; end: number }): Promise<Uint8Array> => {
    const bytes = objects.get(key)?.bytes ?? new Uint8Array();
    return range ? bytes.subarray(range.start, range.end + 1) : bytes;
  };
  return {
    head,
    get,
    stream: async (key, range) => {
      const bytes = await get(key, range);
      return (async function* () {
        for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
      })();
    },
    put: refuse,
    list: refuse,
    remove: refuse,
    check: refuse,
    localPath: () => undefined,
  };
}

async function refuse(): Promise<never> {
  throw new Error('this store is for reading');
}
