import { describe, expect, it } from 'vitest';

import { crowdSignals } from '../../../analytics/detectors/crowd.ts';
import type { Sound } from '../../../analytics/detectors/detector.ts';
import { PowerSpectrum } from '../../../analytics/detectors/power-spectrum.ts';
import { binsOf } from '../../../analytics/detectors/sound-grid.ts';
import { findWhistles } from '../../../analytics/detectors/whistle.ts';
import { isMissing, readSound, sharedPath } from '../support/make-media.ts';

const rate = 16_000;

describe('bins of half a second', () => {
  it('lie on the grid of the run wherever a segment begins', () => {
    const bins = binsOf({ startMs: 10_240, stepMs: 20, stepCount: 100 });
    expect(bins.map(({ atMs, first, count }) => [atMs, first, count])).toEqual([
      [10_000, 0, 13],
      [10_500, 13, 25],
      [11_000, 38, 25],
      [11_500, 63, 25],
    ]);
  });

  it.each([
    [13, 1],
    [12, 0],
  ])('with %i of 25 steps count %i times: from half on', (stepCount, count) => {
    expect(binsOf({ startMs: 0, stepMs: 20, stepCount })).toHaveLength(count);
  });

  it('exist in the run before zero: sound may begin before the first picture', () => {
    expect(binsOf({ startMs: -300, stepMs: 20, stepCount: 20 })[0]).toMatchObject({ atMs: -500, count: 15 });
  });
});

describe('the level of the crowd', () => {
  it('is the level of steady noise, and its crest is small', () => {
    const [floor, crest] = crowdSignals(sound(2, (n) => 0.1 * noise(n)));
    // Uniform noise of +-0.1 has -24.8 dB; a high-pass of 200 Hz takes 0.1 dB of 8 kHz, the 20th percentile 0.5.
    expect(floor?.atMs).toEqual([0, 500, 1000, 1500]);
    for (const value of floor?.values ?? []) expect(value).toBeCloseTo(-25.2, 0);
    for (const value of crest?.values ?? []) expect(value).toBeLessThan(1);
  });

  it('does not rise with a voice that pauses, but its crest does', () => {
    const [quietFloor] = crowdSignals(sound(2, (n) => 0.01 * noise(n)));
    const [floor, crest] = crowdSignals(sound(2, (n) => (talks(n) ? 0.3 : 0.01) * noise(n)));
    expect((floor?.values[1] ?? 0) - (quietFloor?.values[1] ?? 0)).toBeLessThan(1);
    for (const value of crest?.values ?? []) expect(value).toBeGreaterThan(10);
  });

  it('does not hear hum: 50 Hz at full scale counts as near silence', () => {
    const [floor] = crowdSignals(sound(1, (n) => Math.sin((2 * Math.PI * 50 * n) / rate)));
    expect(floor?.values[1]).toBeLessThan(-25);
  });

  it('is -100 dB in digital silence, not minus infinity', () => {
    expect(crowdSignals(sound(1, () => 0))[0]?.values).toEqual([-100, -100]);
  });

  it('of two neighbouring segments joins without a step', () => {
    const whole = crowdSignals(sound(8, (n) => 0.1 * noise(n)))[0];
    const second = crowdSignals(sound(4, (n) => 0.1 * noise(n + 4 * rate), 4000))[0];
    for (const [index, atMs] of (second?.atMs ?? []).entries()) {
      const same = whole?.values[whole.atMs.indexOf(atMs)] ?? 0;
      expect(second?.values[index]).toBeCloseTo(same, 0);
    }
  });

  it.skipIf(isMissing('footage/audio'))('is steady in a real crowd and not in commentary', async () => {
    expect(await crestOf('applause_cheer_4s.wav')).toBeLessThan(2.5);
    expect(await crestOf('crowd_quiet_5s.wav')).toBeLessThan(3);
    expect(await crestOf('commentary_tts_six.wav')).toBeGreaterThan(4);
  });
});

describe('the whistle', () => {
  it('is found where it blows, for as long as it blows, at its pitch', () => {
    const [spot, ...others] = findWhistles({ ...blow(1, 0.5, 3750), startMs: 60_000 });
    expect(others).toEqual([]);
    expect(spot?.atMs).toBeGreaterThan(60_960);
    expect(spot?.atMs).toBeLessThan(61_030);
    expect(spot?.durationMs).toBeGreaterThan(450);
    expect(spot?.durationMs).toBeLessThan(560);
    expect(spot?.evidence['hz']).toBeCloseTo(3750, -2);
    expect(spot?.confidence).toBeGreaterThan(0.85);
  });

  it.each<[number, number]>([
    [0.07, 0],
    [0.16, 1],
  ])('of %d s counts %i times: a blip is a squeak of a shoe', (seconds, count) => {
    expect(findWhistles(blow(1, seconds, 3750))).toHaveLength(count);
  });

  it.each<[number, number]>([
    [2000, 0],
    [2400, 1],
    [4600, 1],
    [5000, 0],
  ])('at %i Hz counts %i times', (hz, count) => {
    expect(findWhistles(blow(1, 0.5, hz))).toHaveLength(count);
  });

  it('that is no pea whistle counts half', () => {
    const [pea] = findWhistles(blow(1, 0.5, 3000));
    const [other] = findWhistles(blow(1, 0.5, 2500));
    expect(other?.confidence).toBeCloseTo((pea?.confidence ?? 0) / 2, 1);
  });

  it('is not heard in noise, silence or a chord', () => {
    expect(findWhistles(sound(2, (n) => 0.3 * noise(n)))).toEqual([]);
    expect(findWhistles(sound(2, () => 0))).toEqual([]);
    const chord = [500, 1000, 2000, 3000, 4000];
    expect(
      findWhistles(
        sound(2, (n) => chord.reduce((sum, hz) => sum + 0.1 * Math.sin((2 * Math.PI * hz * n) / rate), 0)),
      ),
    ).toEqual([]);
  });

  it.skipIf(isMissing('footage/audio'))(
    'is found in the recording of one and in no recording of a crowd',
    async () => {
      const real = await whistlesIn('whistle_long_1.7s.wav');
      expect(real.reduce((sum, durationMs) => sum + durationMs, 0)).toBeGreaterThan(700);
      for (const name of [
        'applause_cheer_4s.wav',
        'crowd_quiet_5s.wav',
        'crowd_ooh_miss_3s.wav',
        'commentary_tts_six.wav',
      ]) {
        expect([name, await whistlesIn(name)]).toEqual([name, []]);
      }
    },
  );
});

describe('the spectrum', () => {
  it('has all the power of a sine at its bin, and Parseval holds', () => {
    const samples = Float32Array.from({ length: 512 }, (_, n) => Math.sin((2 * Math.PI * 40 * n) / 512));
    const power = Array.from(new PowerSpectrum(512).of(samples, 0));
    expect(power.indexOf(Math.max(...power))).toBe(40);
    const windowed = samples.map((value, n) => value * (0.5 - 0.5 * Math.cos((2 * Math.PI * n) / 512)));
    const energy = windowed.reduce((sum, value) => sum + value * value, 0);
    expect((2 * power.reduce((sum, value) => sum + value, 0)) / 512).toBeCloseTo(energy, 3);
  });
});

/** A tenth of a second of speech, a tenth of pause. */
function talks(n: number): boolean {
  return Math.floor(n / (rate * 0.1)) % 2 === 0;
}

function blow(fromS: number, seconds: number, hz: number): Sound {
  return sound(3, (n) => {
    const isBlown = n >= fromS * rate && n < (fromS + seconds) * rate;
    return 0.01 * noise(n) + (isBlown ? 0.3 * Math.sin((2 * Math.PI * hz * n) / rate) : 0);
  });
}

async function recording(name: string): Promise<Sound> {
  return { startMs: 0, sampleRateHz: rate, samples: await readSound(sharedPath(`footage/audio/${name}`)) };
}

async function crestOf(name: string): Promise<number> {
  const crest = crowdSignals(await recording(name))[1]?.values ?? [];
  return crest.toSorted((one, other) => one - other)[crest.length >> 1] ?? 0;
}

async function whistlesIn(name: string): Promise<number[]> {
  return findWhistles(await recording(name)).map(({ durationMs }) => durationMs);
}

function sound(seconds: number, sampleAt: (n: number) => number, startMs = 0): Sound {
  return {
    startMs,
    sampleRateHz: rate,
    samples: Float32Array.from({ length: seconds * rate }, (_, n) => sampleAt(n)),
  };
}

/** White, -1 to 1, the same for the same n. */
function noise(n: number): number {
  let state = Math.imul(n + 1, 0x9e37_79b1);
  state = Math.imul(state ^ (state >>> 15), 0x85eb_ca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2_ae35);
  return ((state ^ (state >>> 16)) >>> 0) / 2 ** 31 - 1;
}
