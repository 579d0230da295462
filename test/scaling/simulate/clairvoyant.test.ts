import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { scalingPolicy } from '../../../scaling/policy.ts';
import { clairvoyantBound } from '../../../scaling/simulate/clairvoyant.ts';
import { compare } from '../../../scaling/simulate/compare.ts';
import { scenarioOf, type Scenario } from '../../../scaling/simulate/simulate.ts';
import type { Broadcast, Trace } from '../../../scaling/simulate/trace.ts';

const minuteMs = 60_000;

function traceOf(broadcasts: { fromMinute: number; minutes: number; isTold?: boolean }[]): Trace {
  return {
    name: 'a small day',
    startMs: 0,
    endMs: 120 * minuteMs,
    broadcasts: broadcasts.map(({ fromMinute, minutes, isTold = true }, index): Broadcast => {
      const [startMs, endMs] = [fromMinute * minuteMs, (fromMinute + minutes) * minuteMs];
      return {
        channelId: `c${index}`,
        name: `c${index}`,
        startMs,
        endMs,
        scheduled: isTold ? { startMs, endMs } : undefined,
      };
    }),
  };
}

/** Every segment takes exactly `workSeconds`. */
function scenario(trace: Trace, workSeconds: number, changes: Partial<Scenario> = {}): Scenario {
  return scenarioOf({
    trace,
    model: { segmentSeconds: 6, workSecondsMean: workSeconds, workSigma: 0 },
    bootSecondsMedian: 240,
    sloSeconds: 20,
    seed: 1,
    ...changes,
  });
}

const secondsOf = (one: Scenario): number =>
  Math.round((clairvoyantBound(one)?.gpuHours ?? Number.NaN) * 3600);
const withGap = (minutes: number): Scenario =>
  scenario(
    traceOf([
      { fromMinute: 20, minutes: 10 },
      { fromMinute: 30 + minutes, minutes: 10 },
    ]),
    6,
  );
/** The quickest boot, less the two bins that a machine may use in part. */
const start = 240 * 0.75 - 20;

describe('the clairvoyant bound', () => {
  it('of one channel that keeps one machine busy is its work and one start', () => {
    expect(secondsOf(scenario(traceOf([{ fromMinute: 20, minutes: 10 }]), 6))).toBe(600 + start);
  });

  it('of two is two machines at once, and of one after the other the same machine twice', () => {
    const both = [
      { fromMinute: 20, minutes: 10 },
      { fromMinute: 20, minutes: 10 },
    ];
    expect(secondsOf(scenario(traceOf(both), 6))).toBe(2 * (600 + start));
    const inTurn = [
      { fromMinute: 20, minutes: 10 },
      { fromMinute: 30, minutes: 10 },
    ];
    expect(secondsOf(scenario(traceOf(inTurn), 6))).toBe(1200 + start);
  });

  it('keeps a machine over a gap that is shorter than a start, and ends it before a longer one', () => {
    // The work before it may wait for 14 s of the SLO, of which one whole bin shortens the gap; none can come early.
    expect(secondsOf(withGap(2))).toBe(1200 + start + 120 - 10);
    expect(secondsOf(withGap(10))).toBe(1200 + 2 * start);
  });

  it('shares machines between channels that need a part of one each, and lets work wait up to the SLO', () => {
    const halves = traceOf([
      { fromMinute: 20, minutes: 10 },
      { fromMinute: 20, minutes: 10 },
    ]);
    expect(secondsOf(scenario(halves, 3))).toBe(600 + start);
  });

  it('is the work alone where a machine boots at once', () => {
    const two = traceOf([
      { fromMinute: 20, minutes: 10 },
      { fromMinute: 50, minutes: 10 },
    ]);
    expect(secondsOf(scenario(two, 6, { bootSecondsMedian: 26 }))).toBe(1200);
  });

  it('is none when no number of machines is enough', () => {
    const many = traceOf(Array.from({ length: 3 }, () => ({ fromMinute: 20, minutes: 10 })));
    expect(clairvoyantBound(scenario(many, 6, { countMax: 2 }))).toBeUndefined();
    expect(clairvoyantBound(scenario(many, 6, { countMax: 3 }))).toBeDefined();
  });

  it('is never above anybody who is never late', { timeout: 60_000 }, async () => {
    const anyTrace = fc
      .array(
        fc.record({
          fromMinute: fc.integer({ min: 15, max: 60 }),
          minutes: fc.integer({ min: 1, max: 40 }),
          isTold: fc.boolean(),
        }),
        { minLength: 1, maxLength: 6 },
      )
      .map(traceOf);
    let seenCount = 0;
    await fc.assert(
      fc.asyncProperty(
        anyTrace,
        fc.double({ min: 0.5, max: 8, noNaN: true }),
        fc.integer({ min: 5, max: 300 }),
        fc.nat(),
        async (trace, work, bootSecondsMedian, seed) => {
          const model = { segmentSeconds: 6, workSecondsMean: work, workSigma: 0.3 };
          const one = scenarioOf({ trace, model, bootSecondsMedian, sloSeconds: 20, seed, countMax: 20 });
          const { bound, days } = await compare(one, scalingPolicy.parse({}));
          for (const { outcome } of days.filter((day) => day.outcome.missedShare === 0)) {
            seenCount += 1;
            expect(outcome.gpuHours).toBeGreaterThanOrEqual(bound?.gpuHours ?? Infinity);
          }
        },
      ),
      { numRuns: 25 },
    );
    // Half an hour after the last segment nothing is left that could still be late.
    expect(seenCount).toBeGreaterThan(40);
  });
});
