import { sql, type Kysely } from 'kysely';

import { msFromTicks } from '../../core/media-time.ts';
import type { SegmentState, Tables } from '../../store/schema.ts';

/** What a viewer needs to know of one segment: where it lies, whether it was looked at, and where its media is. */
export interface SegmentMark {
  id: string;
  runId: string;
  channelId: string;
  seq: number;
  /** On the run's timeline. What came when the run had gone past it has no length: it is shown nowhere. */
  fromMs: number;
  toMs: number;
  startWallMs: number;
  /** What is missing between the segment before and this one. */
  gapBeforeMs: number;
  isDiscontinuity: boolean;
  sessionId: string;
  hasPicture: boolean;
  key: string;
  sha256: string;
  bytes: number;
  /** Of its own pictures; undefined with fewer than two. */
  frameRate: number | undefined;
  state: SegmentState;
  deadReason: string | null;
  /** The pass that everything gets has been over it. */
  isLookedAt: boolean;
  /** Ascends with each result of it. */
  resultCount: number;
}

/** The segments of a run from `fromSeq` on, ascending. One read along the index of (run, seq). */
export async function readMarks(db: Kysely<Tables>, runId: string, fromSeq = 0): Promise<SegmentMark[]> {
  const { rows } = await sql<MarkRow>`
    select ${columns} from segments s
    where s.run_id = ${runId} and s.seq >= ${fromSeq}
    order by s.seq`.execute(db);
  return marksOf(rows);
}

/** The last segments of several runs in one read: by run, ascending. */
export async function readTails(
  db: Kysely<Tables>,
  runs: readonly { runId: string; count: number }[],
): Promise<Map<string, SegmentMark[]>> {
  if (runs.length === 0) return new Map();
  const { rows } = await sql<MarkRow>`
    select tail.* from unnest(${runs.map((run) => run.runId)}::text[], ${runs.map((run) => run.count)}::int[]) as wanted(run_id, count)
    cross join lateral (
      select ${columns} from segments s where s.run_id = wanted.run_id order by s.seq desc limit wanted.count
    ) tail
    order by tail.run_id, tail.seq`.execute(db);
  const tails = new Map<string, SegmentMark[]>();
  for (const mark of marksOf(rows)) {
    const tail = tails.get(mark.runId);
    if (tail) tail.push(mark);
    else tails.set(mark.runId, [mark]);
  }
  return tails;
}

/** One segment of a run. */
export async function readMark(
  db: Kysely<Tables>,
  runId: string,
  seq: number,
): Promise<SegmentMark | undefined> {
  const { rows } = await sql<MarkRow>`
    select ${columns} from segments s where s.run_id = ${runId} and s.seq = ${seq}`.execute(db);
  return marksOf(rows)[0];
}

interface MarkRow {
  id: string;
  run_id: string;
  channel_id: string;
  seq: number;
  start_90k: number;
  duration_90k: number;
  gap_90k: number;
  start_wall_ms: number;
  is_discontinuity: boolean;
  session_id: string;
  has_picture: boolean;
  key: string;
  sha256: string;
  bytes: number;
  rate_num: number | null;
  rate_den: number | null;
  state: SegmentState;
  dead_reason: string | null;
  is_looked_at: boolean;
  result_count: number;
}

/** Of the record only what is shown: whole, with its keyframes, it would be most of the answer. */
const columns = sql.raw(`
  s.id, s.run_id, s.channel_id, s.seq, s.state, s.dead_reason, s.analysed_at_ms is not null as is_looked_at,
  (s.record->>'start90k')::bigint as start_90k,
  (s.record->>'duration90k')::bigint as duration_90k,
  (s.record->>'gapBefore90k')::bigint as gap_90k,
  (s.record->>'startWallMs')::bigint as start_wall_ms,
  (s.record->>'isDiscontinuity')::boolean as is_discontinuity,
  s.record->>'sessionId' as session_id,
  jsonb_typeof(s.record->'video') = 'object' as has_picture,
  s.record->>'key' as key,
  s.record->>'sha256' as sha256,
  (s.record->>'bytes')::bigint as bytes,
  (s.record#>>'{video,frameRate,num}')::int as rate_num,
  (s.record#>>'{video,frameRate,den}')::int as rate_den,
  (select count(*) from results r where r.segment_id = s.id) as result_count`);

function marksOf(rows: readonly MarkRow[]): SegmentMark[] {
  return rows.map((row) => ({
    id: row.id,
    runId: row.run_id,
    channelId: row.channel_id,
    seq: row.seq,
    fromMs: msFromTicks(row.start_90k),
    toMs: msFromTicks(row.start_90k + row.duration_90k),
    startWallMs: row.start_wall_ms,
    gapBeforeMs: msFromTicks(row.gap_90k),
    isDiscontinuity: row.is_discontinuity,
    sessionId: row.session_id,
    hasPicture: row.has_picture,
    key: row.key,
    sha256: row.sha256,
    bytes: row.bytes,
    frameRate: row.rate_num === null || row.rate_den === null ? undefined : row.rate_num / row.rate_den,
    state: row.state,
    deadReason: row.dead_reason,
    isLookedAt: row.is_looked_at,
    resultCount: row.result_count,
  }));
}
