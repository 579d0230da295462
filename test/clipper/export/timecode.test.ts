import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  frameOfDay,
  frameOfTimecode,
  framesPerDay,
  timecodeOf,
  timecodeRate,
} from '../../../clipper/export/timecode.ts';

const rate = (num: number, den = 1) => {
  const found = timecodeRate({ num, den });
  if (!found) throw new Error('no such rate');
  return found;
};
const all = [rate(24000, 1001), rate(24), rate(25), rate(30000, 1001), rate(30), rate(50), rate(60000, 1001)];

describe('timecode', () => {
  it.each([
    [30000, 1001, { nominal: 30, dropped: 2 }],
    [60000, 1001, { nominal: 60, dropped: 4 }],
    [24000, 1001, { nominal: 24, dropped: 0 }],
    [50, 1, { nominal: 50, dropped: 0 }],
    [25_000, 1000, { nominal: 25, dropped: 0 }],
    [12_500, 1000, undefined],
    [29_970, 1000, undefined],
    [120, 1, undefined],
  ])('of %i/%i is counted as %j', (num, den, expected) => {
    expect(timecodeRate({ num, den })).toEqual(expected);
  });

  it.each([
    [0, '00:00:00;00'],
    [1799, '00:00:59;29'],
    [1800, '00:01:00;02'],
    [3597, '00:01:59;29'],
    [3598, '00:02:00;02'],
    [17_981, '00:09:59;29'],
    [17_982, '00:10:00;00'],
    [107_892, '01:00:00;00'],
    [2_589_407, '23:59:59;29'],
    [2_589_408, '00:00:00;00'],
    [-1, '23:59:59;29'],
  ])('of frame %i at 29.97 is %s', (frame, text) => {
    expect(timecodeOf(frame, rate(30000, 1001))).toBe(text);
  });

  it.each([
    [3599, '00:00:59;59'],
    [3600, '00:01:00;04'],
    [35_964, '00:10:00;00'],
  ])('of frame %i at 59.94 is %s', (frame, text) => {
    expect(timecodeOf(frame, rate(60000, 1001))).toBe(text);
  });

  it.each([
    '00:01:00;00',
    '00:01:00;01',
    '00:01:00:02',
    '00:00:00;30',
    '24:00:00;00',
    '0:00:00;00',
    '00:60:00;00',
  ])('%s is no label at 29.97', (text) => {
    expect(frameOfTimecode(text, rate(30000, 1001))).toBeUndefined();
  });

  it('names each frame of a day once, and back', () => {
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.double({ min: 0, max: 1, noNaN: true }), (one, share) => {
        const frame = Math.min(framesPerDay(one) - 1, Math.floor(share * framesPerDay(one)));
        expect(frameOfTimecode(timecodeOf(frame, one), one)).toBe(frame);
      }),
      { numRuns: 3000 },
    );
  });

  it('keeps to the clock to a frame or two where labels are dropped', () => {
    const noon = Date.UTC(2026, 10, 28, 12);
    expect(timecodeOf(frameOfDay(noon, { num: 30000, den: 1001 }), rate(30000, 1001))).toBe('12:00:00;01');
    expect(timecodeOf(frameOfDay(noon, { num: 25, den: 1 }), rate(25))).toBe('12:00:00:00');
    expect(timecodeOf(frameOfDay(noon + 40, { num: 25, den: 1 }), rate(25))).toBe('12:00:00:01');
    expect(timecodeOf(frameOfDay(noon, { num: 24000, den: 1001 }), rate(24000, 1001))).toBe('11:59:16:20');
  });
});
