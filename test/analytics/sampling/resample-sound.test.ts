import { describe, expect, it } from 'vitest';

import { resampleSound } from '../../../analytics/sampling/resample-sound.ts';

function tone(hz: number, rateHz: number, seconds = 1): Float32Array {
  return Float32Array.from({ length: rateHz * seconds }, (_, n) => Math.sin((2 * Math.PI * hz * n) / rateHz));
}

function levelDb(samples: Float32Array): number {
  return 10 * Math.log10((2 * samples.reduce((sum, value) => sum + value * value, 0)) / samples.length);
}

function levelOf(hz: number): number {
  return levelDb(resampleSound(tone(hz, 48_000), 48_000, 16_000).subarray(100, -100));
}

describe('sound in a lower rate', () => {
  it.each([48_000, 44_100, 32_000, 96_000])('from %i Hz is the same sound, sample for sample', (fromHz) => {
    const found = resampleSound(tone(1000, fromHz), fromHz, 16_000);
    const wanted = tone(1000, 16_000);
    expect(found).toHaveLength(16_000);
    for (let at = 100; at < 15_900; at += 1) expect(found[at]).toBeCloseTo(wanted[at] ?? NaN, 2);
  });

  it('keeps what the lower rate can hold, and nothing of what it cannot', () => {
    expect(levelOf(6000)).toBeCloseTo(0, 0);
    expect(levelOf(9000)).toBeLessThan(-40);
    expect(levelOf(10_000)).toBeLessThan(-55);
  });

  it('of nothing is nothing', () => {
    expect(resampleSound(new Float32Array(0), 48_000, 16_000)).toHaveLength(0);
  });
});
