import { describe, expect, it } from 'vitest';

import { crowdRoars } from '../../../analytics/moments/crowd-roars.ts';
import { signalNames, type Clue } from '../../../analytics/moments/evidence.ts';
import { findMoments } from '../../../analytics/moments/find-moments.ts';
import type { Signal } from '../../../core/moment.ts';
import { evidenceOf, soccer } from './scene.ts';

interface Noise {
  riseDb: number;
  crestDb: number;
  /** From the first second on: a commentator does not wait for the goal. */
  speech: number;
}

function isLoud(atMs: number): boolean {
  return atMs >= 30_000 && atMs < 37_000;
}

/** A minute of quiet at -40 dB with one noise from 30 to 37 s. */
function heard({ riseDb, crestDb, speech }: Noise): ReturnType<typeof evidenceOf> {
  const atMs = Array.from({ length: 120 }, (_, index) => index * 500);
  const signal = (name: string, unit: string, valueAt: (at: number) => number): Signal => ({
    name,
    unit,
    atMs,
    values: atMs.map(valueAt),
  });
  const signals = [
    signal(signalNames.crowdFloor, 'dBFS', (at) => (isLoud(at) ? riseDb - 40 : -40)),
    signal(signalNames.crowdCrest, 'dB', (at) => (isLoud(at) ? crestDb : 6)),
    signal(signalNames.speech, '0-1', () => speech),
  ];
  return { ...evidenceOf([]), signals, knownUntilMs: 60_000 };
}

function roarOf(noise: Noise): Clue | undefined {
  return crowdRoars(heard(noise), soccer)[0];
}

describe('crowdRoars', () => {
  it.each<[string, Noise, number | undefined]>([
    ['a full roar', { riseDb: 7, crestDb: 2.5, speech: 0 }, 1],
    ['a full roar with a commentator over it', { riseDb: 7, crestDb: 2.5, speech: 1 }, 1],
    ['half a rise', { riseDb: 5, crestDb: 2.5, speech: 1 }, 0.5],
    ['what may be either, and nobody talks', { riseDb: 7, crestDb: 3.5, speech: 0 }, 0.5],
    ['what may be either, and somebody talks', { riseDb: 7, crestDb: 3.5, speech: 1 }, 0.4],
    ['a voice', { riseDb: 15, crestDb: 4.5, speech: 1 }, undefined],
  ])('gives the strength of %s', (_what, noise, strength) => {
    if (strength === undefined) expect(roarOf(noise)).toBeUndefined();
    else expect(roarOf(noise)?.strength).toBeCloseTo(strength, 5);
  });

  it('makes a moment of a roar although the commentator never stops, and with nothing else to go by', () => {
    const moments = findMoments(heard({ riseDb: 7, crestDb: 2.5, speech: 1 }), soccer);
    expect(moments).toMatchObject([{ label: 'crowd-roar', peakMs: 30_000 }]);
    expect(findMoments(heard({ riseDb: 7, crestDb: 3.5, speech: 1 }), soccer)).toEqual([]);
  });
});
