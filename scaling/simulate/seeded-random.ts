import type { Random } from '../../core/random.ts';

/** The same seed and purpose give the same numbers: what one part of a world draws does not shift what another gets. */
export function seededRandom(seed: number, purpose: string): Random {
  let state = seed >>> 0;
  for (const letter of purpose) state = Math.imul(state ^ (letter.codePointAt(0) ?? 0), 0x9e3779b1) >>> 0;
  // Mulberry32 (Tommy Ettinger, public domain): 32 bits of state, passes gjrand, and that is enough for a queue.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    unit: () => next() / 2 ** 32,
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
  };
}

/** Mean 0, deviation 1 (Box and Muller). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
}

/** Values around `median`, `sigma` of their logarithm, cut off at the given multiples of the median: nothing boots in no time. */
export function logNormal(
  random: Random,
  about: { median: number; sigma: number; timesMin: number; timesMax: number },
): number {
  const { median, sigma, timesMin, timesMax } = about;
  return median * Math.min(timesMax, Math.max(timesMin, Math.exp(sigma * normal(random))));
}

export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random.unit());
}
