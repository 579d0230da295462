import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { clipFolder, sidecarKey, type ClipSidecar, type Preset, type Rendition } from '../core/clip.ts';
import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import { digestId } from '../core/ids.ts';
import type { CutJob } from '../core/jobs.ts';
import type { Log } from '../core/log.ts';
import { ticksPerMs } from '../core/media-time.ts';
import type { SegmentRecord } from '../core/segment.ts';
import { planClip, type ClipPlan } from './clip-plan.ts';
import { writeMp4, type SoundTrack } from './mp4-writer.ts';
import { parseSps } from './parameter-sets.ts';
import { makePictures, whyNotMixed } from './picture-encoder.ts';
import { peakSeconds, proveClip, type Proof } from './proof.ts';
import { makeRendition, type MadeFile, type WideClip } from './renditions.ts';
import { ffmpegFor, type RunFfmpeg } from './run-ffmpeg.ts';
import { makeSound } from './sound.ts';
import { readSourceMedia, type SourceMedia, type VideoConfig } from './source-media.ts';

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
  { log, clock, signal }: { log: Log; clock: Clock; signal: AbortSignal },
): Promise<ClipSidecar> {
  const startedAtMs = clock.monotonicMs();
  const workFolder = await host.workFolder();
  const run = ffmpegFor({ clipId: job.clipId, workFolder, signal });
  const media = await readSourceMedia(job.segments, (segment) => host.readSegment(segment));
  throwIfAborted(job, signal);

  const { cut, proof } = await cutAndProve(job, attemptsFor(job, media, run), {
    media,
    workFolder,
    run,
    log,
  });
  const files: MadeFile[] = [cut.file];
  const notes = [...media.notes, ...cut.notes];
  if (!proof.isProven) notes.push(`not proven: ${proof.because}`);
  for (const preset of new Set(job.presets)) {
    if (preset === 'wide') continue;
    const made = await makeRendition(preset, wideOf(job, cut, media), run);
    if (made) files.push(made);
    else notes.push(`no ${preset}: the clip has no sound`);
  }

  const renditions: Rendition[] = [];
  for (const file of files) {
    throwIfAborted(job, signal);
    renditions.push(await store(job, file, host));
  }
  const sidecar = describe(job, cut, { proof, notes, renditions, segments: job.segments });
  await host.putSidecar(sidecarKey(job), sidecar);
  log.info('clip cut', {
    clipId: job.clipId,
    revision: job.revision,
    made: sidecar.made,
    proven: sidecar.proven,
    frameCount: sidecar.frameCount,
    elapsedMs: Math.round(clock.monotonicMs() - startedAtMs),
  });
  return sidecar;
}

/** A wide clip that has been made, and how. */
export interface WideCut {
  plan: ClipPlan;
  file: MadeFile;
  /** Of the pictures that are in the file, in the order of display. */
  times: number[];
  sound: SoundTrack | undefined;
  notes: string[];
}

/** Ways to make the clip, the cheapest first; each is tried when the proof of the one before fails. */
export type CutAttempt = () => Promise<WideCut>;

function attemptsFor(job: CutJob, media: SourceMedia, run: RunFfmpeg): CutAttempt[] {
  const usual: CutAttempt = () => makeWide(job, media, (config) => whyNotMixed(config as VideoConfig), run);
  if (job.revision === 'fast') return [usual];
  return [usual, () => makeWide(job, media, () => 'the smart cut could not be proven', run)];
}

/** Makes the clip until one is proven. Without proof the last one stands, and says so. */
export async function cutAndProve(
  job: Pick<CutJob, 'clipId' | 'moment'>,
  attempts: readonly CutAttempt[],
  tools: { media: SourceMedia; workFolder: string; run: RunFfmpeg; log: Log },
): Promise<{ cut: WideCut; proof: Proof }> {
  let last: { cut: WideCut; proof: Proof } | undefined;
  for (const attempt of attempts) {
    const cut = await orUndefinedWhenUndecodable(attempt, attempt === attempts.at(-1));
    if (!cut) continue;
    const file = wideFileName;
    await writeWork(join(tools.workFolder, file), cut.file.body);
    const { pictures } = tools.media;
    const proof = await proveClip({
      peakMs: job.moment.peakMs,
      plan: cut.plan,
      pictures,
      file,
      run: tools.run,
    });
    last = { cut, proof };
    if (proof.isProven || cut.plan.made === 'encode') return last;
    // The same pictures are missing in every cut: encoding them again brings nothing.
    if (proof.isElsewhere) return last;
    tools.log.warn('clip not proven', { clipId: job.clipId, made: cut.plan.made, because: proof.because });
  }
  if (!last) throw new Error('there is at least one way to cut a clip');
  return last;
}

/** In the work folder. */
const wideFileName = 'wide.mp4';

async function writeWork(path: string, body: Uint8Array): Promise<void> {
  try {
    await writeFile(path, body);
  } catch (cause) {
    throw new TouchlineError({
      code: 'clip.work-folder',
      message: `${body.length} bytes could not be written to ${path} (${(cause as Error).message}): a worker needs that much free space for each clip`,
      retryable: true,
      blame: 'environment',
      cause,
    });
  }
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

async function orUndefinedWhenUndecodable(
  attempt: CutAttempt,
  isLast: boolean,
): Promise<WideCut | undefined> {
  try {
    return await attempt();
  } catch (thrown) {
    if (thrown instanceof TouchlineError && thrown.code === 'clip.undecodable' && !isLast) return undefined;
    throw thrown;
  }
}

export async function makeWide(
  job: Pick<CutJob, 'revision' | 'in90k' | 'out90k' | 'loudnessLufs'>,
  media: SourceMedia,
  whyEncode: (config: object) => string | undefined,
  run: RunFfmpeg,
): Promise<WideCut> {
  const plan = planClip(job, media, whyEncode);
  const pictures = await makePictures(plan, media.pictures, run);
  const loudnessLufs = job.revision === 'exact' ? job.loudnessLufs : undefined;
  const sound = await makeSound({ frames: media.sound, plan, loudnessLufs, run });
  const { samples, sps, pps } = pictures;
  const body = writeMp4(
    { timescale: plan.timescale, duration: plan.duration, samples, sps, pps },
    sound.track,
  );
  const shape = parseSps(sps[0] ?? new Uint8Array());
  const missing = pictures.missingCount;
  return {
    plan,
    times: samples.map((sample) => sample.at).toSorted((a, b) => a - b),
    sound: sound.track,
    notes: [
      ...plan.notes,
      ...(plan.because === undefined ? [] : [`encoded as a whole: ${plan.because}`]),
      ...(missing > 0 ? [`${missing} pictures could not be decoded; the ones before them are held`] : []),
      ...(media.sound.length === 0 ? ['the feed has no sound'] : sound.notes),
    ],
    file: {
      preset: 'wide',
      extension: 'mp4',
      contentType: 'video/mp4',
      body,
      durationMs: Math.round((plan.duration * 1000) / plan.timescale),
      width: shape.width,
      height: shape.height,
    },
  };
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
  const { revision, in90k, out90k, loudnessLufs, segments, moment } = job;
  const inputs = segments.map((segment) => segment.sha256);
  const plan = digestId(JSON.stringify([in90k, out90k, loudnessLufs ?? null, moment.peakMs, inputs]));
  return `${clipFolder(job)}/${revision}-${plan}.${preset}.${extension}`;
}

async function store(job: CutJob, file: MadeFile, host: CutHost): Promise<Rendition> {
  const key = keyOf(job, file.preset, file.extension);
  const stored = await host.putObject(key, file.body, file.contentType);
  const { preset, contentType, durationMs, width, height } = file;
  return { preset, key, contentType, durationMs, width, height, ...stored };
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
    renditions: found.renditions,
  };
}

function wallClockOf(run90k: number, segments: readonly SegmentRecord[]): number {
  const first = segments[0];
  const holder = segments.findLast((segment) => segment.start90k <= run90k) ?? first;
  return holder ? Math.round(holder.startWallMs + (run90k - holder.start90k) / ticksPerMs) : 0;
}
