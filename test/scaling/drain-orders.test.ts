import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { systemClock } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { drainOrderKey } from '../../core/drain-order.ts';
import { drainOrdersIn } from '../../scaling/drain-orders.ts';
import { openFsStore } from '../../store/fs-store.ts';
import type { ObjectStore } from '../../store/object-store.ts';

describe('orders to drain in a store', () => {
  let folder: string;
  let store: ObjectStore;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'touchline-orders-'));
    store = await openFsStore({ folder, random: systemRandom });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('are there until they are taken back, and may be given and taken back twice', async () => {
    const orders = drainOrdersIn(store);
    expect(await orders.read()).toEqual(new Map());
    await orders.order('i-1', true);
    const first = await orders.read();
    await orders.order('i-1', true);
    expect(await orders.read()).toEqual(first);
    expect(first.get('i-1')).toBeGreaterThan(systemClock.nowMs() - 60_000);
    expect(await store.head(drainOrderKey('i-1'))).toBeDefined();
    await orders.order('i-1', false);
    await orders.order('i-1', false);
    expect(await orders.read()).toEqual(new Map());
    expect(await store.head(drainOrderKey('i-1'))).toBeUndefined();
  });

  it('are read whole, page by page', async () => {
    const keys = Array.from({ length: 2_001 }, (_, index) => `i-${String(index).padStart(5, '0')}`);
    const listed = keys.map((id, index) => ({ key: drainOrderKey(id), modifiedAtMs: index }));
    const orders = drainOrdersIn({
      put: async () => await Promise.resolve(),
      remove: async () => {},
      list: async (prefix, { startAfter = '', limit }) =>
        listed.filter(({ key }) => key.startsWith(prefix) && key > startAfter).slice(0, limit),
    });
    expect(await orders.read()).toEqual(new Map(keys.map((id, index) => [id, index])));
  });
});
