import { describe, expect, it } from 'vitest';

import { Batcher } from '../../queue/batcher.ts';
import { Collected } from './queue-contract.ts';

describe('a batcher', () => {
  it('sends together what comes in one turn or while it is busy, in order, and no more than allowed', async () => {
    const batches: number[][] = [];
    const gate = new Collected<void>();
    const batcher = new Batcher<number>({
      countMax: 3,
      send: async (entries) => {
        batches.push([...entries]);
        if (batches.length === 1) await gate.reach(1);
        return entries.map(() => undefined);
      },
    });
    const first = [batcher.add(1), batcher.add(2)];
    await new Promise(setImmediate);
    const rest = [3, 4, 5, 6].map(async (entry) => await batcher.add(entry));
    await new Promise(setImmediate);
    expect(batches).toEqual([[1, 2]]);
    gate.add();
    await Promise.all([...first, ...rest]);
    expect(batches).toEqual([[1, 2], [3, 4, 5], [6]]);
    await batcher.add(7);
    expect(batches.at(-1)).toEqual([7]);
  });

  it('answers each by itself, and all of a call that failed', async () => {
    let callCount = 0;
    const batcher = new Batcher<string>({
      countMax: 10,
      send: async (entries) => {
        callCount += 1;
        if (callCount === 2) throw new Error('away');
        return entries.map((entry) => (entry === 'bad' ? new Error('no') : undefined));
      },
    });
    const outcomes = async (entries: string[]): Promise<string[]> =>
      (await Promise.allSettled(entries.map(async (entry) => await batcher.add(entry)))).map(
        (one) => one.status,
      );
    expect(await outcomes(['good', 'bad', 'good'])).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await outcomes(['one', 'two'])).toEqual(['rejected', 'rejected']);
    expect(await outcomes(['after'])).toEqual(['fulfilled']);
  });
});
