import { TouchlineError } from '../../core/errors.ts';
import { msFromTicks, ticksPerSecond } from '../../core/media-time.ts';
import type { SegmentRecord } from '../../core/segment.ts';
import type { Picture, Sound } from '../detectors/detector.ts';
import { keyframeStream } from './keyframe-stream.ts';
import type { PictureRequest } from './picture-request.ts';
import { planKeyframes, planSound, soundBlockSamples, type SourcePictures } from './sample-plan.ts';
import type { CheckedSegment } from './segment-check.ts';
import { soundCluster, soundHeader } from './sound-container.ts';
import { frameSamples, soundStream } from './sound-stream.ts';
import type { Exchange, StandingFfmpegs } from './standing-ffmpeg.ts';

interface Task {
  standing: StandingFfmpegs;
  segment: SegmentRecord;
  checked: CheckedSegment;
  signal: AbortSignal;
}

/**
 * The keyframes of a segment, as each request wants them, by an ffmpeg that stays.
 *
 * @returns undefined when it has to be decoded alone: then that tells whether it is broken
 */
export async function standingPictures(
  task: Task,
  requests: readonly PictureRequest[],
  source: SourcePictures,
): Promise<Picture[][] | undefined> {
  const { segment, checked } = task;
  if (hasOtherKeyframes(checked)) return undefined;
  const picked = requests.map((request) => pick(checked.coded.keyframes, request.perSecondMax));
  const wanted = checked.coded.keyframes.filter((keyframe) => picked.some((some) => some.has(keyframe)));
  const input = keyframeStream(wanted.map((keyframe) => keyframe.data));
  if (!input) return undefined;
  const { args, sizes } = planKeyframes(source, requests);
  const pictureBytes = sizes.map((size) => size.width * size.height * 3);
  const answers = await ask(task, {
    args,
    input,
    answerBytes: pictureBytes.map((bytes) => bytes * wanted.length),
    what: `sampling segment ${segment.id}`,
  });
  return answers?.map((answer, output) =>
    wanted.flatMap((keyframe, index) => {
      const size = sizes[output];
      if (!size || picked[output]?.has(keyframe) !== true) return [];
      const bytes = pictureBytes[output] ?? 0;
      const rgb = answer.subarray(index * bytes, (index + 1) * bytes);
      return [{ atMs: msFromTicks(keyframe.at90k), ...size, rgb }];
    }),
  );
}

/** A start costs 0.1 s of CPU; with 32 segments of 4 s it is 0.7 ms per second of sound. */
const segmentsPerFfmpeg = 32;
const sampleRateHz = 16_000;

/** The sound of a segment by an ffmpeg that stays. @returns undefined when it has to be decoded alone */
export async function standingSound(task: Task): Promise<Sound | undefined> {
  const { segment, checked } = task;
  const stream = soundStream(checked.coded.sound);
  if (!stream) return undefined;
  // Up to a block is held back, and a little by the resampler.
  const heldSamples = soundBlockSamples * (stream.sampleRateHz / sampleRateHz);
  const paddingCount = Math.ceil(heldSamples / frameSamples) + 2;
  const clusterOf = (track: number): Uint8Array | undefined => soundCluster(stream, { track, paddingCount });
  if (!clusterOf(0)) return undefined;
  const sampleCount = Math.ceil((stream.frames.length * frameSamples * sampleRateHz) / stream.sampleRateHz);
  const header = soundHeader(stream, segmentsPerFfmpeg);
  const [answer] =
    (await ask(task, {
      args: planSound(segmentsPerFfmpeg).args,
      kind: `${stream.sampleRateHz} Hz, ${stream.channelCount} channels`,
      input: (turn) => Buffer.concat([turn === 0 ? header : nothing, clusterOf(turn) ?? nothing]),
      answerBytes: [sampleCount * 4],
      outputCount: segmentsPerFfmpeg,
      what: `listening to segment ${segment.id}`,
    })) ?? [];
  return answer && soundFrom(answer, checked);
}

/** What ffmpeg gave out, as detectors want it. */
export function soundFrom(answer: Buffer, { sound }: CheckedSegment): Sound {
  const count = Math.max(0, Math.floor(answer.length / 4) - madeUpSamples);
  return {
    startMs: msFromTicks(sound?.start90k ?? 0),
    sampleRateHz,
    // Copied: floats have to lie on a multiple of four bytes, which a slice of somebody's buffer may not.
    samples: new Float32Array(answer.buffer.slice(answer.byteOffset, answer.byteOffset + count * 4)),
  };
}

/** 2 ms: the last samples also depend on what the resampler takes to follow. */
const madeUpSamples = 32;

const nothing = new Uint8Array(0);

async function ask(task: Task, exchange: Omit<Exchange, 'signal'>): Promise<Buffer[] | undefined> {
  try {
    return await task.standing.ask({ ...exchange, signal: task.signal });
  } catch (thrown) {
    if (thrown instanceof TouchlineError && thrown.code === 'ffmpeg.no-answer') return undefined;
    throw thrown;
  }
}

/** 5 ms of tolerance: publishers round times to whole ms. */
const tolerance90k = 450;

function pick<T extends { at90k: number }>(keyframes: readonly T[], perSecondMax: number): Set<T> {
  const picked = new Set<T>();
  let last90k = -Infinity;
  for (const keyframe of keyframes) {
    if (keyframe.at90k - last90k < ticksPerSecond / perSecondMax - tolerance90k) continue;
    picked.add(keyframe);
    last90k = keyframe.at90k;
  }
  return picked;
}

/** Few encoders place IDR pictures further apart. */
const idrGap90kMax = 5 * ticksPerSecond;

/** Where they are rare, others to begin with (recovery points of an open GOP) may lie between; ffmpeg knows those. */
function hasOtherKeyframes({ pictures, coded }: CheckedSegment): boolean {
  const times = [pictures[0], ...coded.keyframes, pictures.at(-1)].map((one) => one?.at90k ?? 0);
  return times.some((at90k, index) => at90k - (times[index - 1] ?? at90k) > idrGap90kMax);
}
