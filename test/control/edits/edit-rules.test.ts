import { describe, expect, it } from 'vitest';

import { checkRange } from '../../../control/edits/edit-rules.ts';

const media = { start90k: 90_000, end90k: 90_000 * 1_000 };
const gaps = [{ start90k: 90_000 * 100, end90k: 90_000 * 110 }];

describe('what can be cut', () => {
  it.each([
    ['of half a second', 900_000, 945_000],
    ['of ten minutes', 90_000 * 120, 90_000 * 720],
    ['up to half a frame beside what there is', 85_500, 90_000 * 20],
    ['up to half a frame behind what there is', 90_000 * 900, 90_000_000 + 4_500],
    ['that ends where a gap begins', 90_000 * 90, 90_000 * 100],
    ['that begins where a gap ends', 90_000 * 110, 90_000 * 120],
    ['with a gap in the middle', 90_000 * 90, 90_000 * 120],
  ])('is a stretch %s', (_what, in90k, out90k) => {
    expect(() => checkRange({ in90k, out90k }, media, gaps)).not.toThrow();
  });

  it.each([
    ['shorter than half a second', 900_000, 944_999, '0.5 s behind in'],
    ['that ends before it begins', 900_000, 810_000, '0.5 s behind in'],
    ['longer than ten minutes', 90_000 * 120, 90_000 * 720 + 1, '600 s are the most'],
    ['before what there is', 85_499, 90_000 * 20, 'leaves what was recorded'],
    ['behind what there is', 90_000 * 900, 90_000_000 + 4_501, 'leaves what was recorded'],
    ['that begins in a gap', 90_000 * 100, 90_000 * 120, 'in lies where nothing was recorded'],
    ['that ends in a gap', 90_000 * 90, 90_000 * 110, 'out lies where nothing was recorded'],
  ])('is no stretch %s', (_what, in90k, out90k, words) => {
    expect(() => checkRange({ in90k, out90k }, media, gaps)).toThrow(words);
  });

  it('is nothing while there is no media', () => {
    expect(() => checkRange({ in90k: 0, out90k: 90_000 }, undefined, [])).toThrow('no media of this run yet');
  });
});
