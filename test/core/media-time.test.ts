import { describe, expect, it } from 'vitest';

import { frameRateOf, ptsWrap90k, ticksFromMs, unwrapPts90k } from '../../core/media-time.ts';

describe('unwrapping a PTS', () => {
  it.each([
    [0, 0, 0],
    [10, ptsWrap90k - 10, ptsWrap90k + 10],
    [ptsWrap90k - 10, 10, -10],
    [100, 5 * ptsWrap90k, 5 * ptsWrap90k + 100],
    [ptsWrap90k - 1, 5 * ptsWrap90k, 5 * ptsWrap90k - 1],
  ])('%d near %d is %d', (pts, near, expected) => expect(unwrapPts90k(pts, near)).toBe(expected));
});

describe('the frame rate', () => {
  it.each([
    [25, { num: 25, den: 1 }],
    [30000 / 1001, { num: 30000, den: 1001 }],
    [30, { num: 30, den: 1 }],
    [50, { num: 50, den: 1 }],
    [60000 / 1001, { num: 60000, den: 1001 }],
    [12.5, { num: 12500, den: 1000 }],
  ])('of %d fps stamped in whole ms over 4 s is found', (fps, expected) => {
    const pts90k = Array.from({ length: Math.round(fps * 4) }, (_, frame) =>
      ticksFromMs(Math.round((frame * 1000) / fps)),
    );
    expect(frameRateOf(pts90k)).toEqual(expected);
  });

  it('of one frame is unknown', () => expect(frameRateOf([0])).toBeUndefined());
});
