import type { Kysely } from 'kysely';

import type { ClipSidecar } from '../core/clip.ts';
import { clipFileName } from '../core/clip.ts';
import { TouchlineError } from '../core/errors.ts';
import type { ExportClip } from '../core/export-timeline.ts';
import { ticksFromMs, ticksPerSecond, type FrameRate } from '../core/media-time.ts';
import type { Tables } from '../store/schema.ts';

/** A clip as an exported timeline has it, but for its address, which only the server of pages knows. */
export type ExportableClip = Omit<ExportClip, 'url'>;

/** Gathers what goes into an exported timeline. A clip that cannot go is named: nobody misses it only in the cutting room. */
export class ExportDesk {
  readonly #db: Kysely<Tables>;

  constructor(options: { db: Kysely<Tables> }) {
    this.#db = options.db;
  }

  /**
   * The clips in the order of `clipIds`; one that is named twice is there once.
   *
   * @throws `clip.not-found` naming those that there are not, `export.not-ready` naming those whose exact file is not there yet,
   *   `export.not-possible` naming those that have no rate of frames
   */
  async collect(clipIds: readonly string[]): Promise<ExportableClip[]> {
    const ids = [...new Set(clipIds)];
    const rows = await this.#db
      .selectFrom('clips')
      .innerJoin('moments', 'moments.id', 'clips.moment_id')
      .innerJoin('channels', 'channels.id', 'clips.channel_id')
      .select([
        'clips.id',
        'clips.sidecar',
        'clips.edit_version',
        'moments.cut_version',
        'moments.state',
        'moments.title',
        'moments.tags',
        'moments.decision',
        'channels.name as channel_name',
      ])
      .where('clips.id', 'in', ids)
      .execute();
    const found = new Map(rows.map((row) => [row.id, row]));
    const missing = ids.filter((id) => !found.has(id) || found.get(id)?.state === 'withdrawn');
    if (missing.length > 0) throw refusal('clip.not-found', `there is no clip ${listed(missing)}`);
    const clips: ExportableClip[] = [];
    const unready: string[] = [];
    const rateless: string[] = [];
    for (const id of ids) {
      const row = found.get(id);
      const clip = row && fileOf(row.sidecar);
      if (!row || row.edit_version < row.cut_version || row.sidecar.revision !== 'exact') unready.push(id);
      else if (!clip) rateless.push(id);
      else {
        const { title, tags, decision, channel_name: channelName } = row;
        clips.push({ ...clip, clipId: id, channelName, title, tags, decision });
      }
    }
    if (rateless.length > 0) {
      const have = rateless.length === 1 ? 'has' : 'have';
      throw refusal('export.not-possible', `${listed(rateless)} ${have} too few pictures for a frame rate`);
    }
    if (unready.length === 0) return clips;
    throw refusal(
      'export.not-ready',
      `the exact file of ${listed(unready)} is still being made: try again in a moment`,
      true,
    );
  }
}

/** Undefined where the file has no pictures, or too few to have a rate. */
function fileOf(
  sidecar: ClipSidecar,
): Omit<ExportableClip, 'clipId' | 'channelName' | 'title' | 'tags' | 'decision'> | undefined {
  const { frameRate, frameCount, moment, actual, renditions, startWallMs } = sidecar;
  const wide = renditions.find(({ preset }) => preset === 'wide');
  if (!wide || !frameRate || frameCount === 0) return undefined;
  return {
    label: moment.label,
    score: moment.score,
    reasons: moment.reasons.map(({ text }) => text),
    fileName: clipFileName(wide.key),
    width: wide.width,
    height: wide.height,
    frameRate,
    frameCount,
    peakFrame: frameAt(ticksFromMs(moment.peakMs) - actual.in90k, frameRate, frameCount),
    hasSound: renditions.some(({ preset }) => preset === 'waveform'),
    startWallMs,
  };
}

/** The frame that is shown at a time after the first; an edit may have cut the peak off. */
function frameAt(ticks: number, { num, den }: FrameRate, frameCount: number): number {
  const frame = Math.floor((ticks * num) / (ticksPerSecond * den) + 1e-6);
  return Math.min(frameCount - 1, Math.max(0, frame));
}

function listed(ids: readonly string[]): string {
  const some = ids.slice(0, 5).join(', ');
  return ids.length > 5 ? `${some} and ${ids.length - 5} more` : some;
}

function refusal(code: string, message: string, retryable = false): TouchlineError {
  return new TouchlineError({ code, message, retryable, blame: 'caller' });
}
