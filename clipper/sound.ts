import { ticksPerSecond } from '../core/media-time.ts';
import { splitAdts, wrapAdts } from './adts.ts';
import { seconds, type ClipPlan, type Stretch } from './clip-plan.ts';
import { decodeSound, encodeSound } from './commands.ts';
import { bytesOf, planLoudness, type Pcm } from './loudness.ts';
import type { SoundTrack } from './mp4-writer.ts';
import type { RunFfmpeg } from './run-ffmpeg.ts';
import { sameBytes, type SoundFrame } from './source-media.ts';

export interface ClipSound {
  track: SoundTrack | undefined;
  notes: string[];
}

/**
 * The sound of a clip, on the sample. Copied where the feed has it in one piece from the first picture on; decoded, laid
 * on the clip's time line and encoded again where there are holes, closed gaps, a late start, or a loudness to meet.
 */
export async function makeSound(options: {
  frames: readonly SoundFrame[];
  plan: Pick<ClipPlan, 'stretches' | 'duration' | 'timescale'>;
  loudnessLufs: number | undefined;
  run: RunFfmpeg;
}): Promise<ClipSound> {
  const { plan, loudnessLufs, run } = options;
  const runs = findRuns(options.frames).filter((one) =>
    plan.stretches.some((stretch) => overlaps(one, stretch)),
  );
  if (runs.length === 0) {
    return { track: undefined, notes: options.frames.length > 0 ? ['no sound in this stretch'] : [] };
  }
  const notes = describeHoles(runs, plan.stretches);
  const [only] = plan.stretches;
  if (runs.length === 1 && plan.stretches.length === 1 && runs[0] && only && loudnessLufs === undefined) {
    const track = copySound(runs[0], only);
    if (track) return { track, notes };
  }
  const pcm = await layOut(runs, plan, run);
  let filters: string[] = [];
  if (loudnessLufs !== undefined) {
    const loudness = await planLoudness(pcm, loudnessLufs, run);
    filters = loudness.filters;
    const { beforeLufs, afterLufs } = loudness;
    notes.push(`loudness brought from ${beforeLufs.toFixed(1)} to ${afterLufs.toFixed(1)} LUFS`);
  }
  return { track: await encode(pcm, filters, run), notes };
}

/** Frames that follow one another without a hole. */
interface SoundRun {
  frames: SoundFrame[];
  /** Run time of its first sample, smoothed: publishers round each time stamp to a whole ms. */
  start90k: number;
  end90k: number;
  frame90k: number;
}

/** Just under one frame at 48 kHz (1920 ticks): what is missing more is a lost frame. */
const jitter90kMax = 1800;

/** Below this a hole is rounding: 1 ms. */
const soundError90kMax = 90;

function findRuns(frames: readonly SoundFrame[]): SoundRun[] {
  const runs: SoundFrame[][] = [];
  let expected90k = Number.NaN;
  let start90k = 0;
  let samples = 0;
  for (const frame of frames) {
    const previous = runs.at(-1)?.[0];
    const continues =
      previous !== undefined &&
      Math.abs(frame.pts90k - expected90k) <= jitter90kMax &&
      sameBytes(frame.config.specificConfig, previous.config.specificConfig);
    if (continues) runs.at(-1)?.push(frame);
    else {
      runs.push([frame]);
      [start90k, samples] = [frame.pts90k, 0];
    }
    samples += frame.sampleCount;
    expected90k = start90k + (samples * ticksPerSecond) / frame.config.sampleRateHz;
  }
  return runs.map(smooth);
}

function smooth(frames: SoundFrame[]): SoundRun {
  const rateHz = frames[0]?.config.sampleRateHz ?? 48_000;
  let samples = 0;
  let residual90k = 0;
  for (const frame of frames) {
    residual90k += frame.pts90k - (samples * ticksPerSecond) / rateHz;
    samples += frame.sampleCount;
  }
  const start90k = residual90k / frames.length;
  const frame90k = ((frames[0]?.sampleCount ?? 1024) * ticksPerSecond) / rateHz;
  return { frames, start90k, end90k: start90k + (samples * ticksPerSecond) / rateHz, frame90k };
}

function overlaps(one: SoundRun, stretch: Stretch): boolean {
  return one.end90k > stretch.start90k && one.start90k < stretch.end90k;
}

/** Packets as they are, with one more in front: AAC overlaps, so the first that is heard needs the one before. */
function copySound(one: SoundRun, stretch: Stretch): SoundTrack | undefined {
  const config = one.frames[0]?.config;
  if (!config || one.start90k > stretch.start90k + soundError90kMax) return undefined;
  if (one.frames.some((frame) => frame.sampleCount !== 1024)) return undefined;
  const toSamples = config.sampleRateHz / ticksPerSecond;
  const firstHeard = Math.max(0, Math.floor((stretch.start90k - one.start90k) / one.frame90k));
  const first = Math.max(0, firstHeard - 1);
  const last = Math.min(one.frames.length, Math.ceil((stretch.end90k - one.start90k) / one.frame90k));
  const skipped90k = stretch.start90k - (one.start90k + first * one.frame90k);
  const skipSamples = Math.max(0, Math.round(skipped90k * toSamples));
  const frames = one.frames.slice(first, last).map((frame) => frame.data);
  const wantedSamples = Math.round((stretch.end90k - stretch.start90k) * toSamples);
  return {
    config,
    frames,
    skipSamples,
    playSamples: Math.min(wantedSamples, frames.length * 1024 - skipSamples),
  };
}

/** Decodes each run and puts it where it belongs; what nothing was sent for stays silent. */
async function layOut(
  runs: readonly SoundRun[],
  plan: Pick<ClipPlan, 'stretches' | 'duration' | 'timescale'>,
  run: RunFfmpeg,
): Promise<Pcm> {
  const first = runs[0]?.frames[0]?.config;
  // HE-AAC names half of the rate that it decodes to; at 48 kHz nothing of it is lost.
  const sampleRateHz = (first?.sampleRateHz ?? 0) >= 32_000 ? (first?.sampleRateHz ?? 48_000) : 48_000;
  const channelCount = Math.min(first?.channelCount ?? 2, 8);
  const samples = new Float32Array(
    Math.round((plan.duration * sampleRateHz) / plan.timescale) * channelCount,
  );
  for (const stretch of plan.stretches) {
    for (const one of runs.filter((candidate) => overlaps(candidate, stretch))) {
      const from = Math.max(0, Math.floor((stretch.start90k - one.start90k) / one.frame90k) - 2);
      const to = Math.min(one.frames.length, Math.ceil((stretch.end90k - one.start90k) / one.frame90k) + 1);
      const decoded = await decode(one.frames.slice(from, to), { sampleRateHz, channelCount }, run);
      const start90k = one.start90k + from * one.frame90k;
      place(decoded, { samples, sampleRateHz, channelCount }, start90k, stretch, plan.timescale);
    }
  }
  return { samples, sampleRateHz, channelCount };
}

async function decode(
  frames: readonly SoundFrame[],
  format: { sampleRateHz: number; channelCount: number },
  run: RunFfmpeg,
): Promise<Float32Array> {
  const input = Buffer.concat(frames.map((frame) => wrapAdts(frame.data, frame.config)));
  const [output = Buffer.alloc(0)] = await run('decoding the sound', { args: decodeSound(format), input });
  return new Float32Array(new Uint8Array(output).buffer, 0, Math.floor(output.length / 4));
}

function place(
  decoded: Float32Array,
  into: Pcm,
  start90k: number,
  stretch: Stretch,
  timescale: number,
): void {
  const { sampleRateHz, channelCount, samples } = into;
  const toSamples = sampleRateHz / ticksPerSecond;
  const stretchAt = Math.round((stretch.at * sampleRateHz) / timescale);
  const stretchEnd = stretchAt + Math.round((stretch.end90k - stretch.start90k) * toSamples);
  const at = stretchAt + Math.round((start90k - stretch.start90k) * toSamples);
  const skip = Math.max(0, stretchAt - at);
  const count = Math.min(decoded.length / channelCount - skip, stretchEnd - at - skip);
  if (count <= 0) return;
  const part = decoded.subarray(skip * channelCount, (skip + count) * channelCount);
  const target = (at + skip) * channelCount;
  samples.set(part.subarray(0, Math.max(0, samples.length - target)), target);
}

/** Enough for a crowd and two commentators: 96 kbit/s a channel. */
const bitsPerSecondPerChannel = 96_000;

/** ffmpeg's own encoder puts one frame of priming in front (`initial_padding`). */
const primingSamples = 1024;

async function encode(pcm: Pcm, filters: readonly string[], run: RunFfmpeg): Promise<SoundTrack | undefined> {
  const bitsPerSecond = bitsPerSecondPerChannel * pcm.channelCount;
  const [output = Buffer.alloc(0)] = await run('encoding the sound', {
    args: encodeSound({ ...pcm, filters, bitsPerSecond }),
    input: bytesOf(pcm.samples),
  });
  const { frames } = splitAdts(output);
  const [first] = frames;
  if (!first) return undefined;
  const { specificConfig, sampleRateHz, channelCount } = first;
  return {
    config: { specificConfig, sampleRateHz, channelCount },
    frames: frames.map((frame) => frame.data),
    skipSamples: primingSamples,
    playSamples: Math.min(pcm.samples.length / pcm.channelCount, frames.length * 1024 - primingSamples),
  };
}

/** Holes shorter than this are not heard as such. */
const holeWorthANote90k = 0.1 * ticksPerSecond;

function describeHoles(runs: readonly SoundRun[], stretches: readonly Stretch[]): string[] {
  const notes: string[] = [];
  for (const stretch of stretches) {
    let heardTo90k = stretch.start90k;
    const note = (to90k: number): void => {
      if (to90k - heardTo90k < holeWorthANote90k) return;
      notes.push(`no sound for ${seconds(to90k - heardTo90k)} s at ${seconds(heardTo90k)} s of the run`);
    };
    for (const one of runs.filter((candidate) => overlaps(candidate, stretch))) {
      note(one.start90k);
      heardTo90k = Math.max(heardTo90k, one.end90k);
    }
    note(stretch.end90k);
  }
  return notes;
}
