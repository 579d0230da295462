/**
 * Media time is a whole number of ticks of the 90 kHz clock of MPEG-2 systems (ISO/IEC 13818-1 §2.4.2.1), unwrapped
 * to 53 bits and counted from the first frame of the run. 25, 30, 50 and 60 fps, and their 1000/1001 kin, have whole
 * or half tick periods on it; nothing in the house adds up floating-point seconds.
 */
export const ticksPerSecond = 90_000;
export const ticksPerMs = 90;

/** PTS and DTS in a transport stream have 33 bits: they come round every 26.5 hours. */
export const ptsWrap90k = 2 ** 33;

export function ticksFromMs(ms: number): number {
  return Math.round(ms * ticksPerMs);
}

/** Nearest whole ms. */
export function msFromTicks(ticks: number): number {
  return Math.round(ticks / ticksPerMs);
}

/** The value congruent to `pts` (mod 2^33) that lies nearest to `near90k`. */
export function unwrapPts90k(pts: number, near90k: number): number {
  const distance = (((pts - near90k) % ptsWrap90k) + ptsWrap90k) % ptsWrap90k;
  return near90k + (distance >= ptsWrap90k / 2 ? distance - ptsWrap90k : distance);
}

/** Frames per second as a fraction: 30000/1001, never 29.97. */
export interface FrameRate {
  num: number;
  den: number;
}

const standardRates: readonly FrameRate[] = [
  { num: 24000, den: 1001 },
  { num: 24, den: 1 },
  { num: 25, den: 1 },
  { num: 30000, den: 1001 },
  { num: 30, den: 1 },
  { num: 50, den: 1 },
  { num: 60000, den: 1001 },
  { num: 60, den: 1 },
];

/**
 * The rate of frames shown at `pts90k` (sorted). Publishers round to whole ms, so the mean over the span decides and the
 * nearest broadcast rate within 0.3 % is taken (half of what separates 29.97 from 30 over 4 s is 2 ms of 4000);
 * other rates are given in thousandths. Undefined for fewer than two frames.
 */
export function frameRateOf(pts90k: readonly number[]): FrameRate | undefined {
  const first = pts90k[0];
  const last = pts90k.at(-1);
  if (first === undefined || last === undefined || last <= first) return undefined;
  const fps = ((pts90k.length - 1) * ticksPerSecond) / (last - first);
  let best: FrameRate | undefined;
  let bestError = 0.003;
  for (const rate of standardRates) {
    const error = Math.abs((fps * rate.den) / rate.num - 1);
    if (error < bestError) [best, bestError] = [rate, error];
  }
  return best ?? { num: Math.round(fps * 1000), den: 1000 };
}
