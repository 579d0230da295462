import { sql, type Kysely } from 'kysely';

import type { Tables } from '../../store/schema.ts';

type Db = Kysely<Tables>;

/** A clip whose newest cut came to nothing. */
export interface DeadCut {
  clipId: string;
  momentId: string;
  channelId: string;
  channelName: string;
  runId: string;
  label: string;
  title: string;
  peakWallMs: number;
  /** `fast`, `exact`, `whole`, `edit-exact` or `edit-whole`. */
  stage: string;
  attempts: number | null;
  diedAtMs: number | null;
  /** With the last line that ffmpeg said, where it was ffmpeg. */
  why: string;
  /** An older file of it is shown. */
  hasFile: boolean;
}

const unknown = 'unknown';

/** What was cut last for a clip, and how that stands. Undefined: nothing ever was. */
export async function newestCutOf(
  db: Db,
  clipId: string,
): Promise<{ state: 'sent' | 'done' | 'dead'; why: string } | undefined> {
  const row = await db
    .selectFrom('jobs')
    .select(['state', 'dead_reason'])
    .where('subject_id', '=', clipId)
    .where('kind', '=', 'cut')
    .orderBy('ordinal', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row && { state: row.state, why: row.dead_reason ?? unknown };
}

/** The last ones that died first. One that was cut again since is none, and what was withdrawn nobody misses. */
export async function listDeadCuts(db: Db, limit: number): Promise<DeadCut[]> {
  const rows = await db
    .selectFrom('jobs')
    .innerJoin('moments', 'moments.clip_id', 'jobs.subject_id')
    .innerJoin('channels', 'channels.id', 'moments.channel_id')
    .leftJoin('clips', 'clips.id', 'moments.clip_id')
    .select([
      'moments.clip_id as clipId',
      'moments.id as momentId',
      'moments.channel_id as channelId',
      'channels.name as channelName',
      'moments.run_id as runId',
      'moments.label',
      'moments.title',
      'moments.peak_wall_ms as peakWallMs',
      'jobs.variant as stage',
      'jobs.attempt as attempts',
      'jobs.finished_at_ms as diedAtMs',
      sql<string>`coalesce(jobs.dead_reason, ${unknown})`.as('why'),
      sql<boolean>`clips.id is not null`.as('hasFile'),
    ])
    .where('jobs.state', '=', 'dead')
    .where('jobs.kind', '=', 'cut')
    .where('moments.state', '<>', 'withdrawn')
    .where(
      sql<boolean>`not exists (select 1 from jobs newer
        where newer.subject_id = jobs.subject_id and newer.kind = 'cut' and newer.ordinal > jobs.ordinal)`,
    )
    .orderBy('jobs.finished_at_ms', 'desc')
    .limit(limit)
    .execute();
  return rows;
}
