import { describe, expect, it } from 'vitest';

import { scalingPolicy } from '../../../scaling/policy.ts';
import { compare } from '../../../scaling/simulate/compare.ts';
import type { Faults } from '../../../scaling/simulate/faults.ts';
import { saturday } from '../../../scaling/simulate/saturday.ts';
import { scenarioOf, simulateDay, type Day } from '../../../scaling/simulate/simulate.ts';
import { touchlineScaler } from '../../../scaling/simulate/touchline-scaler.ts';
import { heavyWork } from '../../../scaling/simulate/trace.ts';

const policy = scalingPolicy.parse({});
const hourMs = 3_600_000;

const saturdayOf = (seed: number, faults: Faults = {}) =>
  scenarioOf({
    trace: saturday(seed),
    model: heavyWork,
    bootSecondsMedian: 240,
    sloSeconds: 20,
    seed,
    faults,
  });

const dayOf = async (faults: Faults): Promise<Day> =>
  await simulateDay(touchlineScaler(policy), saturdayOf(1, faults));

describe('a simulated Saturday', () => {
  it('comes out the same from the same seed, and differently from another', async () => {
    const [one, again, other] = await Promise.all(
      [1, 1, 2].map(async (seed) => (await simulateDay(touchlineScaler(policy), saturdayOf(seed))).outcome),
    );
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('ends every segment once, or it still waits, is in hand, or comes back from a machine that died', async () => {
    const faults = { spot: { killsPerMachineHour: 2, noticeSeconds: 0 } };
    const { world, outcome } = await simulateDay(touchlineScaler(policy), saturdayOf(3, faults));
    const inHand = [...world.present].filter(({ job }) => job).length;
    expect(outcome.segmentCount).toBeGreaterThan(50_000);
    expect(outcome.killedInFlightCount).toBeGreaterThan(50);
    // What came back was done again: nothing is left half an hour after the last segment.
    expect(outcome.doneCount + world.line.count + inHand).toBe(outcome.segmentCount);
    expect(world.doneCount).toBe(outcome.doneCount);
  });

  it('is late with one segment in a thousand at the most, for 1.3 times what it has to cost, and nobody does both better', async () => {
    const { bound, days } = await compare(saturdayOf(1), policy);
    const [ours, ...others] = days.map(({ outcome }) => outcome);
    if (!bound || !ours) throw new Error('there is a bound and an outcome');
    expect(ours.missedShare).toBeLessThanOrEqual(0.001);
    expect(ours.gpuHours / bound.gpuHours).toBeLessThanOrEqual(1.3);
    expect(others).toHaveLength(6);
    for (const { name, gpuHours, missedShare } of others)
      expect([name, gpuHours > ours.gpuHours, missedShare >= ours.missedShare]).toEqual([name, true, true]);
  });
});

describe('what goes wrong', () => {
  /** The large slot begins 3.5 h into the day: its machines are ordered at about 3.4 h. */
  const { startMs } = saturday(1);
  const window = (fromHour: number, toHour: number) => ({
    fromMs: startMs + fromHour * hourMs,
    toMs: startMs + toHour * hourMs,
  });
  const presentAt = ({ samples }: Day, hour: number): number =>
    samples.find(({ atMs }) => atMs >= startMs + hour * hourMs)?.presentCount ?? Number.NaN;

  it('holds machines back while there are none to be had, and gets them as soon as there are', async () => {
    const day = await dayOf({ shortages: [{ ...window(3.3, 3.9), countMax: 16 }] });
    expect([presentAt(day, 3.6), presentAt(day, 4.1)]).toEqual([16, expect.any(Number)]);
    expect(presentAt(day, 4.1)).toBeGreaterThan(24);
    expect(day.outcome.missedShare).toBeGreaterThan(0.02);
  });

  it('orders by the schedule while nobody can read the load', async () => {
    const day = await dayOf({ stale: [window(3.3, 3.6)] });
    expect(presentAt(day, 3.5)).toBeGreaterThanOrEqual(26);
    expect(day.outcome.missedShare).toBeLessThan(0.001);
    // Nothing is let go on old figures: at 6.4 h all but a few of those matches are over.
    const held = await dayOf({ stale: [window(5.5, 6.5)] });
    expect(presentAt(held, 6.4)).toBeGreaterThanOrEqual(presentAt(held, 5.5));
    expect(presentAt(held, 6.4)).toBeGreaterThan(24);
  });

  it('asks again when the service turns it away', async () => {
    const [calm, throttled] = [await dayOf({}), await dayOf({ throttledShare: 0.9 })];
    expect(throttled.outcome.gpuHours).not.toBe(calm.outcome.gpuHours);
    expect(throttled.outcome.missedShare).toBeLessThan(0.005);
  });

  it('goes on after a crash with what was written down, as if nothing had been', async () => {
    const crash = (fromHour: number): Faults => ({ crashes: [window(fromHour, fromHour + 0.001)] });
    const [calm, crashed] = [await dayOf({}), await dayOf(crash(4.5))];
    expect(crashed.outcome).toEqual({ ...calm.outcome, name: 'touchline' });
    const dead = await dayOf({ crashes: [window(3.3, 3.6)] });
    expect([presentAt(dead, 3.5) < 5, dead.outcome.missedShare > 0.01]).toEqual([true, true]);
  });
});
