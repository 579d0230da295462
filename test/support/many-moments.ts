import { sql, type Kysely } from 'kysely';

import type { Tables } from '../../store/schema.ts';
import { addLiveChannel } from './desk.ts';

/** A channel with a run in which nothing was found yet. */
export async function addRun(
  db: Kysely<Tables>,
  { channelId, runId, name }: { channelId: string; runId: string; name: string },
): Promise<void> {
  await addLiveChannel(db, { id: channelId, name });
  await sql`insert into runs (id, channel_id, sport, start_wall_ms) values (${runId}, ${channelId}, 'soccer', 0)`.execute(
    db,
  );
}

/** Moments `<run>-<nth>` from `from` to `to`, found in this order. With `hasClips` each has been cut: `clp-<run>-<nth>`. */
export async function addMoments(
  db: Kysely<Tables>,
  wish: { channelId: string; runId: string; from: number; to: number; hasClips?: boolean },
): Promise<void> {
  const { channelId, runId, from, to, hasClips = false } = wish;
  await sql`
    insert into moments (id, channel_id, run_id, clip_id, label, peak_ms, in_ms, out_ms, score, reasons, revision, state, decision,
      found_at_ms, peak_wall_ms)
    select ${runId} || '-' || n, ${channelId}, ${runId}, 'clp-' || ${runId} || '-' || n, 'goal', n * 1000, n * 1000 - 900, n * 1000 + 700,
      0.9, '[{"signal":"crowd.rise","contribution":0.9,"atMs":0,"text":"the crowd rose"}]', 1, ${hasClips ? 'exact' : 'found'}, 'undecided',
      n, n * 1000
    from generate_series(${from}::int, ${to}::int) n order by n`.execute(db);
  if (!hasClips) return;
  await sql`
    insert into jobs (id, kind, variant, channel_id, run_id, subject_id, state, deadline_at_ms, created_at_ms)
    select 'job-' || clip_id, 'cut', 'exact', channel_id, run_id, clip_id, 'done', 0, 0
    from moments where run_id = ${runId} and found_at_ms between ${from} and ${to}`.execute(db);
  await sql`
    insert into clips (id, moment_id, channel_id, run_id, revision, made, proven, sidecar, job_id, first_visible_at_ms, visible_at_ms)
    select clip_id, id, channel_id, run_id, 'exact', 'smart', true, '{"renditions":[],"notes":[],"startWallMs":0}', 'job-' || clip_id,
      found_at_ms, found_at_ms
    from moments where run_id = ${runId} and found_at_ms between ${from} and ${to} order by ordinal`.execute(
    db,
  );
}
