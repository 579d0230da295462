import { describe, expect, it } from 'vitest';

import { curveOf } from '../../../control/watch/curve.ts';

const pointAt = (atMs: number, value: number, clues: Record<string, number> = { crowd: value }) => ({
  atMs,
  value,
  clues,
});

describe('a curve in buckets', () => {
  it('is null where nobody looked, 0 where nothing was found, and what was found elsewhere', () => {
    const curve = curveOf([pointAt(1000, 0.5)], [{ fromMs: 0, toMs: 1500 }], {
      fromMs: 0,
      toMs: 2000,
      bucketsMax: 100,
    });
    expect(curve).toEqual({
      startMs: 0,
      stepMs: 500,
      min: [0, 0, 0.5, null],
      max: [0, 0, 0.5, null],
      clues: { crowd: [0, 0, 0.5, 0] },
    });
  });

  it('keeps the highest and the lowest of each bucket, and what made the highest', () => {
    const points = [pointAt(0, 0.2), pointAt(500, 0.9, { whistle: 0.9 }), pointAt(2500, 0.4)];
    const curve = curveOf(points, [{ fromMs: 0, toMs: 4000 }], { fromMs: 0, toMs: 4000, bucketsMax: 5 });
    expect(curve).toMatchObject({ stepMs: 1000, min: [0.2, 0, 0, 0], max: [0.9, 0, 0.4, 0] });
    expect(curve.clues).toEqual({ crowd: [0, 0, 0.4, 0], whistle: [0.9, 0, 0, 0] });
  });

  it('loses no peak of three hours, in any number of buckets', () => {
    const hoursMs = 3 * 3_600_000;
    const peaks = [123_500, 5_000_000, 10_799_500];
    for (const bucketsMax of [1, 2, 7, 100, 999, 2000]) {
      const curve = curveOf(
        peaks.map((atMs) => pointAt(atMs, 0.7)),
        [{ fromMs: 0, toMs: hoursMs }],
        { fromMs: 0, toMs: hoursMs, bucketsMax },
      );
      expect(curve.max.length).toBeLessThanOrEqual(bucketsMax);
      expect(curve.startMs + curve.max.length * curve.stepMs).toBeGreaterThanOrEqual(hoursMs);
      for (const atMs of peaks) {
        expect(curve.max[Math.floor((atMs - curve.startMs) / curve.stepMs)]).toBe(0.7);
      }
    }
  });

  it('has its buckets stand still when the range moves', () => {
    const range = { bucketsMax: 10 };
    const one = curveOf([], [], { ...range, fromMs: 10_100, toMs: 19_900 });
    const other = curveOf([], [], { ...range, fromMs: 10_700, toMs: 20_500 });
    expect(one.stepMs).toBe(other.stepMs);
    expect([one.startMs % one.stepMs, other.startMs % other.stepMs]).toEqual([0, 0]);
    expect(Math.max(one.max.length, other.max.length)).toBeLessThanOrEqual(10);
  });

  it('leaves out what lies outside of the range, edges by the half-open rule', () => {
    const points = [pointAt(500, 0.9), pointAt(1000, 0.1), pointAt(2000, 0.9)];
    const known = [{ fromMs: 0, toMs: 4000 }];
    const curve = curveOf(points, known, { fromMs: 1000, toMs: 2000, bucketsMax: 10 });
    expect(curve).toMatchObject({ startMs: 1000, max: [0.1, 0] });
    expect(curveOf(points, known, { fromMs: 1000, toMs: 1000, bucketsMax: 10 }).max).toEqual([]);
  });
});
