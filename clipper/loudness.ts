import type { RunFfmpeg } from './run-ffmpeg.ts';
import { measureLoudness } from './commands.ts';

export interface Pcm {
  samples: Float32Array;
  sampleRateHz: number;
  channelCount: number;
}

/** What EBU R128 allows at most, dBTP. AAC adds a little of its own, so the limiter stands 0.5 dB below. */
const truePeakDbMax = -1;
const limiterDb = truePeakDbMax - 0.5;

/** A gain beyond this brings up hiss, not a match. */
const gainDbMax = 30;

/** Limiting peaks takes loudness away; two corrections were enough for the most peaky crowd tried (within 0.3 LU). */
const correctionCountMax = 2;
const errorLuMax = 0.3;

/**
 * Filters that bring sound to a programme loudness (EBU R128), with constant gain so that the match keeps its dynamics,
 * and a limiter for what would go over the true peak. Measured, applied, measured again.
 *
 * @returns no filters for silence
 */
export async function planLoudness(
  pcm: Pcm,
  targetLufs: number,
  run: RunFfmpeg,
): Promise<{ filters: string[]; beforeLufs: number; afterLufs: number }> {
  const before = await measure(pcm, [], run);
  // -70 LUFS is the absolute gate (ITU-R BS.1770-4): nothing above it is silence.
  if (before.integratedLufs <= -70) {
    return { filters: [], beforeLufs: before.integratedLufs, afterLufs: before.integratedLufs };
  }
  let gainDb = Math.min(gainDbMax, targetLufs - before.integratedLufs);
  if (before.truePeakDb + gainDb <= truePeakDbMax) {
    return {
      filters: [gainFilter(gainDb)],
      beforeLufs: before.integratedLufs,
      afterLufs: before.integratedLufs + gainDb,
    };
  }
  for (let correction = 0; ; correction += 1) {
    const filters = [gainFilter(gainDb), ...limiter(pcm.sampleRateHz)];
    const { integratedLufs } = await measure(pcm, filters, run);
    const errorLu = targetLufs - integratedLufs;
    if (Math.abs(errorLu) <= errorLuMax || correction === correctionCountMax || gainDb >= gainDbMax) {
      return { filters, beforeLufs: before.integratedLufs, afterLufs: integratedLufs };
    }
    gainDb = Math.min(gainDbMax, gainDb + errorLu);
  }
}

export async function measure(
  pcm: Pcm,
  filters: readonly string[],
  run: RunFfmpeg,
): Promise<{ integratedLufs: number; truePeakDb: number }> {
  const [output] = await run('measuring the loudness', {
    args: measureLoudness({ ...pcm, filters }),
    input: bytesOf(pcm.samples),
  });
  const lines = (output?.toString('utf8') ?? '').split('\n');
  const last = (name: string): number =>
    Number(lines.findLast((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? Number.NaN);
  const integrated = last('lavfi.r128.I');
  const peak = last('lavfi.r128.true_peak');
  return {
    // Under 0.4 s nothing can be integrated: taken for silence, so nothing is done to it.
    integratedLufs: Number.isFinite(integrated) ? integrated : -70,
    truePeakDb: peak > 0 ? 20 * Math.log10(peak) : -144,
  };
}

export function bytesOf(samples: Float32Array): Uint8Array {
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
}

function gainFilter(gainDb: number): string {
  return `volume=${gainDb.toFixed(3)}dB`;
}

/** At four times the rate a sample peak is a true peak within 0.6 dB; `latency=1` takes the look-ahead out again. */
function limiter(sampleRateHz: number): string[] {
  const limit = (10 ** (limiterDb / 20)).toFixed(5);
  return [
    `aresample=${sampleRateHz * 4}`,
    `alimiter=limit=${limit}:attack=5:release=50:level=disabled:latency=1`,
    `aresample=${sampleRateHz}`,
  ];
}
