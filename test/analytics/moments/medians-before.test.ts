import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { firstAtOrAfter, gapEndBefore, medianOf, type Sample } from '../../../analytics/moments/evidence.ts';
import { mediansBefore } from '../../../analytics/moments/medians-before.ts';

const at = (values: readonly number[]): Sample[] =>
  values.map((value, index) => ({ atMs: index * 500, value }));

describe('what was usual before a sample', () => {
  it('is the median of those in the window, without itself; unknown below four of them', () => {
    const samples = at([5, 1, 4, 2, 100, 3, 0]);
    expect(mediansBefore(samples, { windowMs: 60_000, gaps: [] })).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      3,
      4,
      3.5,
    ]);
  });

  it('forgets what is older than the window, and keeps what is just as old', () => {
    const samples = at([9, 9, 1, 1, 1, 1, 1]);
    expect(mediansBefore(samples, { windowMs: 2_000, gaps: [] }).slice(4)).toEqual([5, 1, 1]);
  });

  it('begins anew behind a gap', () => {
    const samples = at([9, 9, 9, 9, 9, 1, 1, 1, 1, 1]);
    const gaps = [{ fromMs: 2_100, untilMs: 2_500 }];
    const medians = mediansBefore(samples, { windowMs: 60_000, gaps });
    expect([medians[4], medians.slice(5, 9), medians[9]]).toEqual([9, Array(4).fill(undefined), 1]);
  });

  it('is what sorting each window anew gives, whatever the values, the pauses and the gaps are', () => {
    const values = fc.array(fc.tuple(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: -4, max: 4 })));
    const gap = fc
      .tuple(fc.nat(60_000), fc.nat(5_000))
      .map(([fromMs, ms]) => ({ fromMs, untilMs: fromMs + ms }));
    fc.assert(
      fc.property(
        values,
        fc.array(gap, { maxLength: 3 }),
        fc.integer({ min: 0, max: 20_000 }),
        (steps, gaps, windowMs) => {
          let atMs = 0;
          const samples = steps.map(([pauseMs, value]) => ({ atMs: (atMs += pauseMs), value }));
          const anew = samples.map((sample, index) => {
            const fromMs = Math.max(sample.atMs - windowMs, gapEndBefore(gaps, sample.atMs));
            const before = samples.slice(firstAtOrAfter(samples, fromMs), index).map(({ value }) => value);
            return before.length < 4 ? undefined : medianOf(before);
          });
          expect(mediansBefore(samples, { windowMs, gaps })).toEqual(anew);
        },
      ),
    );
  });
});
