import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { TouchlineError } from '../core/errors.ts';
import type { CutJob } from '../core/jobs.ts';
import type { Log } from '../core/log.ts';
import { planClip, type ClipPlan } from './clip-plan.ts';
import { proveCopy } from './copy-proof.ts';
import type { Laps } from './laps.ts';
import { writeMp4, type SoundTrack } from './mp4-writer.ts';
import { parseSps } from './parameter-sets.ts';
import { makePictures, whyNotMixed } from './picture-encoder.ts';
import { proveClip, type Proof } from './proof.ts';
import type { MadeFile } from './renditions.ts';
import type { RunFfmpeg } from './run-ffmpeg.ts';
import { makeSound } from './sound.ts';
import type { SourceMedia, VideoConfig } from './source-media.ts';

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

export function attemptsFor(job: CutJob, media: SourceMedia, run: RunFfmpeg): CutAttempt[] {
  const usual: CutAttempt = () => makeWide(job, media, (config) => whyNotMixed(config as VideoConfig), run);
  if (job.revision === 'fast') return [usual];
  return [usual, () => makeWide(job, media, () => 'the smart cut could not be proven', run)];
}

/** Makes the clip until one is proven. Without proof the last one stands, and says so. */
export async function cutAndProve(
  job: Pick<CutJob, 'clipId' | 'moment' | 'revision'>,
  attempts: readonly CutAttempt[],
  tools: { media: SourceMedia; workFolder: string; run: RunFfmpeg; log: Log; laps?: Laps },
): Promise<{ cut: WideCut; proof: Proof }> {
  const { media, run } = tools;
  const { pictures } = media;
  const { peakMs } = job.moment;
  let last: { cut: WideCut; proof: Proof } | undefined;
  for (const attempt of attempts) {
    const cut = await orUndefinedWhenUndecodable(attempt, attempt === attempts.at(-1));
    if (!cut) continue;
    const { plan } = cut;
    const file = wideFileName;
    await writeWork(join(tools.workFolder, file), cut.file.body);
    tools.laps?.end('cutMs');
    const proof = isCopiedFast(job, plan)
      ? proveCopy({ peakMs, plan, pictures, body: cut.file.body })
      : await proveClip({ peakMs, plan, pictures, file, run });
    tools.laps?.end('proofMs');
    last = { cut, proof };
    if (proof.isProven || plan.made === 'encode') return last;
    // The same pictures are missing in every cut: encoding them again brings nothing.
    if (proof.isElsewhere) return last;
    tools.log.warn('clip not proven', { clipId: job.clipId, made: plan.made, because: proof.because });
  }
  if (!last) throw new Error('there is at least one way to cut a clip');
  return last;
}

/** In the work folder. */
export const wideFileName = 'wide.mp4';

export async function writeWork(path: string, body: Uint8Array): Promise<void> {
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

/** Such a one is proven and gets its thumbnail without decoding the clip: it is wanted within two seconds. */
export function isCopiedFast(job: Pick<CutJob, 'revision'>, plan: ClipPlan): boolean {
  return job.revision === 'fast' && plan.made === 'copy';
}
