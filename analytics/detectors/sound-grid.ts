import type { Sound } from './detector.ts';

/**
 * Bins of half a second on the run's own grid, so that neighbouring segments continue each other's series. A bin that
 * straddles two segments belongs to whoever has at least half of it.
 */
export const binMs = 500;

export interface Bin {
  atMs: number;
  /** Index of the first of `count` steps of `stepMs` that fall into the bin. */
  first: number;
  count: number;
}

/** How the steps (of `stepMs`, the first of them at `startMs`) fall into the bins. */
export function binsOf(options: { startMs: number; stepMs: number; stepCount: number }): Bin[] {
  const { startMs, stepMs, stepCount } = options;
  const bins: Bin[] = [];
  for (let step = 0; step < stepCount; step += 1) {
    const atMs = Math.floor((startMs + step * stepMs) / binMs) * binMs;
    const bin = bins.at(-1);
    if (bin?.atMs === atMs) bin.count += 1;
    else bins.push({ atMs, first: step, count: 1 });
  }
  return bins.filter((bin) => bin.count * stepMs >= binMs / 2);
}

/** Power in dB (full-scale square wave = 0) of frames of `frameMs`, after a high-pass. */
export function frameLevelsDb(sound: Sound, options: { frameMs: number; highPassHz: number }): Float64Array {
  const frameSamples = (sound.sampleRateHz * options.frameMs) / 1000;
  const frameCount = Math.floor(sound.samples.length / frameSamples);
  const levels = new Float64Array(frameCount);
  const filter = highPass(options.highPassHz, sound.sampleRateHz);
  for (let frame = 0; frame < frameCount; frame += 1) {
    let energy = 0;
    for (let at = frame * frameSamples; at < (frame + 1) * frameSamples; at += 1) {
      const value = filter(sound.samples[at] ?? 0);
      energy += value * value;
    }
    levels[frame] = 10 * Math.log10(energy / frameSamples + silence);
  }
  return levels;
}

/** -100 dB: digital silence has a level too, or one muted frame would be minus infinity. */
const silence = 1e-10;

/** Butterworth of second order (R. Bristow-Johnson's cookbook, Q = 1/sqrt 2). */
function highPass(cutoffHz: number, sampleRateHz: number): (value: number) => number {
  const omega = (2 * Math.PI * cutoffHz) / sampleRateHz;
  const alpha = Math.sin(omega) / Math.SQRT2;
  const cosine = Math.cos(omega);
  const a0 = 1 + alpha;
  const b0 = (1 + cosine) / 2 / a0;
  const a1 = (-2 * cosine) / a0;
  const a2 = (1 - alpha) / a0;
  let [x1, x2, y1, y2] = [0, 0, 0, 0];
  return (value) => {
    const filtered = b0 * (value - 2 * x1 + x2) - a1 * y1 - a2 * y2;
    x2 = x1;
    x1 = value;
    y2 = y1;
    y1 = filtered;
    return filtered;
  };
}
