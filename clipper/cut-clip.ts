import { join } from 'node:path';

import { clipFolder, sidecarKey, type ClipSidecar, type Preset, type Rendition } from '../core/clip.ts';
import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import { digestId } from '../core/ids.ts';
import type { CutJob } from '../core/jobs.ts';
import type { Log } from '../core/log.ts';
import { ticksFromMs, ticksPerMs } from '../core/media-time.ts';
import type { SegmentRecord } from '../core/segment.ts';
import type { ClipPlan } from './clip-plan.ts';
import { Laps } from './laps.ts';
import { decodable } from './picture-encoder.ts';
import { peakSeconds, proveClip, type Proof } from './proof.ts';
import type { Encoder } from './commands.ts';
import {
  makeRendition,
  makeStill,
  type Crop,
  type EncodeTools,
  type MadeFile,
  type WideClip,
} from './renditions.ts';
import { ffmpegFor } from './run-ffmpeg.ts';
import { readSourceMedia, type Picture, type SourceMedia } from './source-media.ts';
import { attemptsFor, cutAndProve, isCopiedFast, wideFileName, writeWork, type WideCut } from './wide-cut.ts';

/** What cutting needs from the worker that does it. */
export interface CutHost {
  /** The bytes of a segment, with their hash checked. @throws TouchlineError `store.not-found` when it is gone */
  readSegment(segment: SegmentRecord): Promise<Uint8Array>;
  /** Conditional put: what already lies under the key stays. Resolves with what is stored. */
  putObject(key: string, body: Uint8Array, contentType: string): Promise<{ bytes: number; sha256: string }>;
  /** Replaces the sidecar. The host sees to it that a `fast` one never replaces an `exact` one of the same moment. */
  putSidecar(key: string, sidecar: ClipSidecar): Promise<void>;
  /** A temporary folder of this job alone, which the host removes when the job is over. */
  workFolder(): Promise<string>;
}

export interface CutTools {
  log: Log;
  clock: Clock;
  signal: AbortSignal;
  /** Of the renditions that are encoded as a whole; what is mixed with copied pictures is always x264's. */
  encoder?: Encoder;
}

/**
 * From job to files: plan, cut, prove, make the other renditions, write the sidecar last. Safe to run again: the same
 * plan has the same keys, and what is there already is taken as it is.
 *
 * @throws TouchlineError `clip.no-media`, `clip.empty`, `clip.too-long`, `clip.too-many-changes` (terminal), or what ffmpeg
 *   and the host throw
 */
export async function cutClip(
  job: CutJob,
  host: CutHost,
  { log, clock, signal, encoder = 'x264' }: CutTools,
): Promise<ClipSidecar> {
  const laps = new Laps(clock);
  const workFolder = await host.workFolder();
  const isBackground = job.presets.some((preset) => takesLong.has(preset));
  const run = ffmpegFor({ clipId: job.clipId, workFolder, signal, isBackground });
  const media = await readSourceMedia(job.segments, (segment) => host.readSegment(segment));
  throwIfAborted(job, signal);
  laps.end('readMs');

  const { cut, proof } = await cutAndProve(job, attemptsFor(job, media, run), {
    media,
    workFolder,
    run,
    log,
    laps,
  });
  const notes = [...media.notes, ...cut.notes];
  if (!proof.isProven) notes.push(`not proven: ${proof.because}`);
  const others = await makeOthers(job, cut, { media, workFolder, run, encoder });
  notes.push(...others.notes);
  laps.end('othersMs');

  throwIfAborted(job, signal);
  const files = [{ ...cut.file, proven: proof.isProven }, ...others.files];
  const renditions = await Promise.all(files.map((file) => store(job, file, host)));
  throwIfAborted(job, signal);
  const sidecar = describe(job, cut, { proof, notes, renditions, segments: job.segments });
  await host.putSidecar(sidecarKey(job), sidecar);
  laps.end('putMs');
  log.info('clip cut', {
    clipId: job.clipId,
    revision: job.revision,
    made: sidecar.made,
    proven: sidecar.proven,
    frameCount: sidecar.frameCount,
    ...laps.all(),
  });
  return sidecar;
}

/** Encoded as a whole: a job with one of these must not slow down the first cuts of other clips. */
const takesLong: ReadonlySet<Preset> = new Set(['vertical', 'square', 'proxy']);

/** What is made from the wide clip, each proven where it shows the whole of it. */
async function makeOthers(
  job: CutJob,
  cut: WideCut,
  tools: EncodeTools & { media: SourceMedia; workFolder: string },
): Promise<{ files: (MadeFile & { proven?: boolean })[]; notes: string[] }> {
  const { media, workFolder, run } = tools;
  const { pictures } = media;
  const files: (MadeFile & { proven?: boolean })[] = [];
  const notes: string[] = [];
  for (const preset of new Set(job.presets)) {
    if (preset === 'wide') continue;
    if (preset === 'thumbnail' && isCopiedFast(job, cut.plan)) {
      files.push(await makeStill(keyframeNear(cut.plan, pictures, job.moment.peakMs), cut.file, run));
      continue;
    }
    const made = await makeRendition(preset, wideOf(job, cut, media), { ...tools, crop: cropOf(job) });
    if (!made) {
      notes.push(`no ${preset}: the clip has no sound`);
      continue;
    }
    if (made.note !== undefined) notes.push(made.note);
    if (!made.filters) {
      files.push(made);
      continue;
    }
    const file = `${preset}.${made.extension}`;
    await writeWork(join(workFolder, file), made.body);
    const { filters } = made;
    const { plan } = cut;
    const proof = await proveClip({ peakMs: job.moment.peakMs, plan, pictures, file, filters, run });
    if (!proof.isProven) notes.push(`${preset} not proven: ${proof.because}`);
    files.push({ ...made, proven: proof.isProven });
  }
  return { files, notes };
}

/** An MP4 of the one keyframe of the clip that is nearest to the peak. */
function keyframeNear(plan: ClipPlan, pictures: readonly Picture[], peakMs: number): Uint8Array {
  const peak90k = ticksFromMs(peakMs);
  const distance = (place: number): number => Math.abs((pictures[place]?.pts90k ?? Infinity) - peak90k);
  const keyframes = plan.pictures.map(({ source }) => source).filter((place) => pictures[place]?.isIdr);
  const nearest = keyframes.reduce((best, place) => (distance(place) < distance(best) ? place : best));
  return decodable([nearest], pictures).mp4;
}

/** Where the narrow shapes look: at the middle, unless an editor says otherwise. */
function cropOf({ edit }: CutJob): Crop {
  return { vertical: edit?.cropVertical ?? 0.5, square: edit?.cropSquare ?? 0.5 };
}

function throwIfAborted(job: CutJob, signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new TouchlineError({
    code: 'aborted',
    message: `cutting clip ${job.clipId} was called off`,
    retryable: true,
    blame: 'touchline',
  });
}

function wideOf(job: CutJob, cut: WideCut, media: SourceMedia): WideClip {
  const { plan, file } = cut;
  return {
    file: wideFileName,
    timescale: plan.timescale,
    times: cut.times,
    duration: plan.duration,
    frameDuration: plan.frameDuration,
    frameRate: plan.frameRate,
    width: file.width,
    height: file.height,
    sound: cut.sound,
    peakSeconds: peakSeconds(plan, media.pictures, job.moment.peakMs),
  };
}

/**
 * `<folder>/<revision>-<plan>.<preset>.<extension>`: what goes into the file goes into its name, so a retry writes the same
 * keys and a revised plan others.
 */
function keyOf(job: CutJob, preset: Preset, extension: string): string {
  const { revision, in90k, out90k, loudnessLufs, segments, moment, edit } = job;
  const inputs = segments.map((segment) => segment.sha256);
  // Only where something is cropped: other files are the same whatever the crop.
  const crop =
    preset === 'vertical' ? edit?.cropVertical : preset === 'square' ? edit?.cropSquare : undefined;
  const wish = [in90k, out90k, loudnessLufs ?? null, moment.peakMs, inputs];
  const plan = digestId(JSON.stringify(crop === undefined ? wish : [...wish, crop]));
  return `${clipFolder(job)}/${revision}-${plan}.${preset}.${extension}`;
}

async function store(job: CutJob, file: MadeFile & { proven?: boolean }, host: CutHost): Promise<Rendition> {
  const key = keyOf(job, file.preset, file.extension);
  const stored = await host.putObject(key, file.body, file.contentType);
  const { preset, contentType, durationMs, width, height, proven } = file;
  return {
    preset,
    key,
    contentType,
    durationMs,
    width,
    height,
    ...stored,
    ...(proven === undefined ? {} : { proven }),
    ...(job.edit ? { editVersion: job.edit.version } : {}),
  };
}

function describe(
  job: CutJob,
  cut: WideCut,
  found: { proof: Proof; notes: string[]; renditions: Rendition[]; segments: readonly SegmentRecord[] },
): ClipSidecar {
  const { plan } = cut;
  return {
    schema: 'touchline.clip/v1',
    id: job.clipId,
    channelId: job.channelId,
    runId: job.runId,
    revision: job.revision,
    made: plan.made,
    proven: found.proof.isProven,
    requested: { in90k: job.in90k, out90k: job.out90k },
    actual: { in90k: plan.in90k, out90k: plan.out90k },
    startWallMs: wallClockOf(plan.in90k, found.segments),
    frameCount: cut.times.length,
    frameRate: plan.frameRate ?? null,
    gaps: plan.gaps,
    notes: found.notes,
    moment: job.moment,
    ...(job.edit ? { edit: job.edit } : {}),
    renditions: found.renditions,
  };
}

function wallClockOf(run90k: number, segments: readonly SegmentRecord[]): number {
  const first = segments[0];
  const holder = segments.findLast((segment) => segment.start90k <= run90k) ?? first;
  return holder ? Math.round(holder.startWallMs + (run90k - holder.start90k) / ticksPerMs) : 0;
}
