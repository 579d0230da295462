import { sql, type Kysely } from 'kysely';

import type { ClipEdit, Preset } from '../../core/clip.ts';
import { digestId } from '../../core/ids.ts';
import type { CutJob } from '../../core/jobs.ts';
import { msFromTicks, ticksFromMs } from '../../core/media-time.ts';
import type { Moment } from '../../core/moment.ts';
import type { SegmentRecord } from '../../core/segment.ts';
import type { Tables } from '../../store/schema.ts';
import { insertJob } from '../ledger.ts';

type Db = Kysely<Tables>;

export interface Range90k {
  in90k: number;
  out90k: number;
}

/** What an editor waits for comes before what nobody has asked for yet. */
const contextDueMs = 1_000;
const exactDueMs = 4_000;
const wholeDueMs = 20_000;

const exactPresets: readonly Preset[] = ['wide', 'thumbnail'];
/** The square one is made for edited clips alone: it costs as much as the vertical one, and few want it of every moment. */
const wholePresets: readonly Preset[] = ['wide', 'vertical', 'square', 'proxy', 'thumbnail', 'waveform'];

/** The cut of an edit. The same edit has the same jobs, so that wanting it twice changes nothing. */
export async function sendEditCut(
  db: Db,
  cut: { channelId: string; runId: string; clipId: string; moment: Moment; range: Range90k; edit: ClipEdit },
  stage: 'exact' | 'whole',
  nowMs: number,
): Promise<void> {
  const { channelId, runId, clipId, range, edit } = cut;
  const job: CutJob = {
    kind: 'cut',
    id: editJobId(clipId, edit.version, stage),
    channelId,
    runId,
    deadlineAtMs: nowMs + (stage === 'exact' ? exactDueMs : wholeDueMs),
    queuedAtMs: nowMs,
    clipId,
    revision: 'exact',
    ...range,
    moment: within(cut.moment, range),
    segments: await segmentsOf(db, runId, range),
    presets: [...(stage === 'exact' ? exactPresets : wholePresets)],
    edit,
  };
  await insertJob(db, job, nowMs, `edit-${stage}`);
}

/** A copy of a stretch, without encoding: there in a moment. Asked for again at another time, it is another job: the one before died. */
export async function sendContextCut(
  db: Db,
  cut: { channelId: string; runId: string; contextId: string; moment: Moment; range: Range90k },
  nowMs: number,
): Promise<void> {
  const { channelId, runId, contextId, moment, range } = cut;
  const job: CutJob = {
    kind: 'cut',
    id: `context-${contextId}-${nowMs}`,
    channelId,
    runId,
    deadlineAtMs: nowMs + contextDueMs,
    queuedAtMs: nowMs,
    clipId: contextId,
    revision: 'fast',
    ...range,
    moment: within(moment, range),
    segments: await segmentsOf(db, runId, range),
    presets: ['wide', 'waveform'],
  };
  await insertJob(db, job, nowMs, 'context');
}

export function editJobId(clipId: string, version: number, stage: 'exact' | 'whole'): string {
  return `edit-${clipId}-${version}-${stage}`;
}

export function contextIdOf(clipId: string, { in90k, out90k }: Range90k): string {
  return `ctx_${digestId(`${clipId}/${in90k}/${out90k}`)}`;
}

/** From where to where a run has media; undefined while it has none. */
export async function mediaOf(
  db: Db,
  runId: string,
): Promise<{ start90k: number; end90k: number } | undefined> {
  const row = await db
    .selectFrom('segments')
    .select([
      sql<number | null>`min((record->>'start90k')::bigint)`.as('start90k'),
      sql<number | null>`max((record->>'start90k')::bigint + (record->>'duration90k')::bigint)`.as('end90k'),
    ])
    .where('run_id', '=', runId)
    .where(sql<boolean>`(record->>'duration90k')::bigint > 0`)
    .executeTakeFirst();
  if (row?.start90k === null || row?.start90k === undefined || row.end90k === null) return undefined;
  return { start90k: row.start90k, end90k: row.end90k };
}

/** The segments that a range touches, and the one before for the keyframe that decoding starts from. */
export async function segmentsOf(
  db: Db,
  runId: string,
  { in90k, out90k }: Range90k,
): Promise<SegmentRecord[]> {
  const touched = await db
    .selectFrom('segments')
    .select(['record', 'seq'])
    .where('run_id', '=', runId)
    .where(sql<boolean>`(record->>'duration90k')::bigint > 0`)
    .where(sql<boolean>`(record->>'start90k')::bigint < ${out90k}`)
    .where(sql<boolean>`(record->>'start90k')::bigint + (record->>'duration90k')::bigint > ${in90k}`)
    .orderBy('seq')
    .execute();
  const first = touched[0];
  if (!first) return [];
  const before = await db
    .selectFrom('segments')
    .select('record')
    .where('run_id', '=', runId)
    .where('seq', '<', first.seq)
    .where(sql<boolean>`(record->>'duration90k')::bigint > 0`)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  return [...(before ? [before.record] : []), ...touched.map(({ record }) => record)];
}

/** The moment as this cut shows it. A peak that was cut away is in nobody's picture: the middle is proven instead. */
function within(moment: Moment, { in90k, out90k }: Range90k): Moment {
  const [inMs, outMs] = [Math.floor(msFromTicks(in90k)), Math.ceil(msFromTicks(out90k))];
  const peak90k = ticksFromMs(moment.peakMs);
  const hasPeak = peak90k >= in90k && peak90k < out90k;
  return { ...moment, inMs, outMs, peakMs: hasPeak ? moment.peakMs : Math.round((inMs + outMs) / 2) };
}
