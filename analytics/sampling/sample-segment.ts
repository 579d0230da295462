import { asTouchlineError } from '../../core/errors.ts';
import { runFfmpeg } from '../../core/ffmpeg.ts';
import type { AnalysisPass } from '../../core/jobs.ts';
import { msFromTicks, ticksPerSecond, unwrapPts90k } from '../../core/media-time.ts';
import type { SegmentRecord } from '../../core/segment.ts';
import type { Picture, Sound } from '../detectors/detector.ts';
import type { PictureRequest } from './picture-request.ts';
import type { GpuDecoding } from './gpu-decoding.ts';
import { planSampling, type SamplePlan, type SourcePictures } from './sample-plan.ts';
import { soundFrom, standingPictures, standingSound } from './sample-standing.ts';
import { corrupt, type CheckedSegment } from './segment-check.ts';
import type { StandingFfmpegs } from './standing-ffmpeg.ts';

export interface Sampled {
  /** For each request, ascending in time. */
  pictures: Picture[][];
  sound: Sound | undefined;
}

/** A coarse pass of 10 s takes 0.4 s alone, a fine one 2 s; 60 s is that on a machine overbooked thirtyfold. */
const sampleWallMsMax = 60_000;
const sampleRateHz = 16_000;

interface Sampling {
  segment: SegmentRecord;
  bytes: Uint8Array;
  checked: CheckedSegment;
  pass: AnalysisPass;
  requests: readonly PictureRequest[];
  wantsSound: boolean;
  standing: StandingFfmpegs;
  /** Absent = the CPU decodes everything. */
  gpu?: GpuDecoding | undefined;
  /** Default `runFfmpeg`. */
  run?: typeof runFfmpeg;
  signal: AbortSignal;
}

/**
 * Decodes once what all detectors together asked for: keyframes and sound by ffmpegs that stay, and what those cannot
 * take by one that is started for this segment.
 *
 * @throws TouchlineError `segment.corrupt` when less came out than lies in the segment; ffmpeg's own otherwise
 */
export async function sampleSegment(sampling: Sampling): Promise<Sampled> {
  const { segment, checked, pass, requests } = sampling;
  const source =
    segment.video && checked.pictures.length > 0
      ? { width: segment.video.width, height: segment.video.height, isReordered: checked.isReordered }
      : undefined;
  const wantsPictures = source !== undefined && requests.length > 0;
  const wantsSound = sampling.wantsSound && checked.sound !== undefined;
  const isCoarse = pass === 'coarse';
  const [pictures, sound] = await Promise.all([
    isCoarse && wantsPictures ? standingPictures(sampling, requests, source) : undefined,
    isCoarse && wantsSound ? standingSound(sampling) : undefined,
  ]);
  const rest = await sampleAlone(
    {
      ...sampling,
      requests: wantsPictures && !pictures ? requests : [],
      wantsSound: wantsSound && !sound,
    },
    source,
  );
  return {
    pictures: pictures ?? (wantsPictures ? rest.pictures : requests.map(() => [])),
    sound: sound ?? rest.sound,
  };
}

/** Keyframes alone (the coarse pass) cost the CPU less than the way to the GPU and back. */
async function sampleAlone(sampling: Sampling, source: SourcePictures | undefined): Promise<Sampled> {
  const { gpu, pass, requests, signal } = sampling;
  const isForGpu = pass === 'fine' && source !== undefined && requests.length > 0;
  if (!gpu || !isForGpu || !(await gpu.isOn())) return await sampleOn('cpu', sampling, source);
  try {
    return await sampleOn('gpu', sampling, source);
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    // Only who decodes everything can call a segment corrupt.
    const sampled = await sampleOn('cpu', sampling, source);
    gpu.onFault(asTouchlineError(thrown));
    return sampled;
  }
}

async function sampleOn(
  decoder: 'cpu' | 'gpu',
  sampling: Sampling,
  source: SourcePictures | undefined,
): Promise<Sampled> {
  const { segment, checked, pass, requests, wantsSound } = sampling;
  const plan = planSampling({
    pass,
    source: requests.length > 0 ? source : undefined,
    requests,
    wantsSound,
    onGpu: decoder === 'gpu',
  });
  const outputs = plan.outputCount === 0 ? [] : await decode(plan, sampling);
  const pictures = plan.sizes.map((size, index) => {
    const times = readTimes(outputs[2 * index + 1], segment);
    return picturesOf(outputs[2 * index], times, size, segment);
  });
  for (const [index, found] of pictures.entries()) {
    checkPictures(found, requests[index]?.perSecondMax ?? 1, { segment, checked, pass });
  }
  return { pictures, sound: wantsSound ? soundOf(outputs.at(-1), { segment, checked }) : undefined };
}

async function decode(
  plan: SamplePlan,
  options: Pick<Sampling, 'segment' | 'bytes' | 'run' | 'signal'>,
): Promise<Buffer[]> {
  const { run = runFfmpeg } = options;
  try {
    return await run({
      args: plan.args,
      what: `sampling segment ${options.segment.id}`,
      input: options.bytes,
      extraOutputs: plan.outputCount - 1,
      wallMsMax: sampleWallMsMax,
      signal: options.signal,
    });
  } catch (thrown) {
    const error = asTouchlineError(thrown);
    if (error.code !== 'ffmpeg.failed' || error.retryable) throw error;
    throw corrupt(options.segment, `ffmpeg cannot decode it (${error.message})`, error);
  }
}

/** Lines of `framecrc`: stream, dts, pts, duration, size, checksum; ticks of 90 kHz because we ask for them. */
function readTimes(text: Buffer | undefined, segment: SegmentRecord): number[] {
  return (text?.toString('latin1') ?? '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Number(line.split(',')[2]))
    .map((pts90k) => unwrapPts90k(pts90k - segment.filePtsOffset90k, segment.start90k));
}

function picturesOf(
  bytes: Buffer | undefined,
  times90k: readonly number[],
  size: { width: number; height: number },
  segment: SegmentRecord,
): Picture[] {
  const pictureBytes = size.width * size.height * 3;
  if (bytes?.length !== times90k.length * pictureBytes) {
    throw corrupt(
      segment,
      `${times90k.length} pictures of ${pictureBytes} bytes were announced, ${bytes?.length} bytes came`,
    );
  }
  return times90k.map((at90k, index) => ({
    atMs: msFromTicks(at90k),
    ...size,
    rgb: bytes.subarray(index * pictureBytes, (index + 1) * pictureBytes),
  }));
}

/** What is in the segment has to come out of the decoder, whatever its exit code says. */
function checkPictures(
  found: readonly Picture[],
  perSecondMax: number,
  { segment, checked, pass }: { segment: SegmentRecord; checked: CheckedSegment; pass: AnalysisPass },
): void {
  const keyframes = checked.pictures.filter((picture) => picture.isKeyframe);
  const first = keyframes[0];
  if (!first) return; // Nothing can be decoded before a keyframe; the record says `startsWithKeyframe: false`.
  if (pass === 'coarse') {
    const due = thin(keyframes, perSecondMax).length;
    if (found.length < due) throw corrupt(segment, `${found.length} of ${due} keyframes could be decoded`);
    return;
  }
  const due90k = (checked.pictures.at(-1)?.at90k ?? 0) - first.at90k;
  const found90k = ((found.at(-1)?.atMs ?? 0) - (found[0]?.atMs ?? 0)) * 90;
  // Up to a second may lie between the last picture that was asked for and the end.
  if (found.length === 0 || found90k < due90k - Math.max(ticksPerSecond, due90k / 2)) {
    throw corrupt(
      segment,
      `${msFromTicks(found90k)} of ${msFromTicks(due90k)} ms of pictures could be decoded`,
    );
  }
}

function thin(pictures: CheckedSegment['pictures'], perSecondMax: number): CheckedSegment['pictures'] {
  let last90k = -Infinity;
  return pictures.filter(({ at90k }) => {
    const isPicked = at90k - last90k >= (1 / perSecondMax) * ticksPerSecond;
    if (isPicked) last90k = at90k;
    return isPicked;
  });
}

function soundOf(
  bytes: Buffer | undefined,
  { segment, checked }: { segment: SegmentRecord; checked: CheckedSegment },
): Sound | undefined {
  if (!checked.sound || !bytes) return undefined;
  const { start90k, end90k } = checked.sound;
  const sampleCount = Math.floor(bytes.length / 4);
  const dueCount = ((end90k - start90k) / ticksPerSecond) * sampleRateHz;
  // A quarter of a second is a few AAC frames and the resampler's tail.
  if (sampleCount < dueCount * 0.9 - sampleRateHz / 4) {
    throw corrupt(
      segment,
      `${Math.round(sampleCount / 16)} of ${Math.round(dueCount / 16)} ms of sound could be decoded`,
    );
  }
  return soundFrom(bytes, checked);
}
