import { describe, expect, it } from 'vitest';

import { systemClock, type Clock } from '../../../core/clock.ts';
import { silentLog, type Log } from '../../../core/log.ts';
import { DryRunProvider } from '../../../scaling/providers/dry-run.ts';
import { providerContract } from '../provider-contract.ts';

const bootMs = 240_000;
const pools = [
  { name: 'spot', power: 1, dollarsPerHour: 0.4 },
  { name: 'on-demand', power: 1, dollarsPerHour: 1.2 },
];

function onPaper(
  log: Log = silentLog,
  changes: Partial<ConstructorParameters<typeof DryRunProvider>[0]> = {},
) {
  const time = { nowMs: 1_800_000_000_000 };
  const clock: Clock = { ...systemClock, nowMs: () => time.nowMs };
  const provider = new DryRunProvider({ pools, bootMsP95: () => bootMs, clock, log, ...changes });
  return { provider, time };
}

providerContract({ name: 'dry-run', canKeep: false, staysDrained: false, canDie: false }, async () => {
  const { provider, time } = onPaper();
  return {
    provider,
    pass: async () => {
      time.nowMs += 10_000;
    },
    done: async () => {},
  };
});

describe('a fleet on paper', () => {
  it('boots as long as a real one', async () => {
    const { provider, time } = onPaper();
    await provider.apply({ kind: 'order', pool: 'spot', count: 1 });
    time.nowMs += bootMs - 1;
    expect((await provider.observe()).machines[0]?.life).toBe('pending');
    time.nowMs += 1;
    expect((await provider.observe()).machines[0]?.life).toBe('running');
  });

  it('keeps its pools apart, and has no other', async () => {
    const { provider } = onPaper();
    await provider.apply({ kind: 'order', pool: 'spot', count: 2 });
    await provider.apply({ kind: 'order', pool: 'on-demand', count: 1 });
    expect((await provider.observe()).pools.map(({ orderedCount }) => orderedCount)).toEqual([2, 1]);
    expect(await provider.apply({ kind: 'order', pool: 'g6', count: 1 })).toMatchObject({
      kind: 'failed',
      isRetryable: false,
    });
  });

  it('has one pool that costs nothing when none is named', async () => {
    const { provider } = onPaper(silentLog, { pools: [] });
    expect((await provider.observe()).pools).toMatchObject([{ name: 'paper', power: 1, dollarsPerHour: 0 }]);
  });

  it('says what it would do, and not what it would not', async () => {
    const lines: unknown[] = [];
    const log: Log = { ...silentLog, info: (_, fields) => lines.push(fields?.['action']) };
    const { provider } = onPaper(log);
    const order = { kind: 'order', pool: 'spot', count: 1 } as const;
    await provider.apply(order);
    await provider.apply(order);
    expect(lines).toEqual([order]);
  });
});
