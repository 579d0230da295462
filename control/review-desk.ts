import { sql, type Kysely } from 'kysely';

import type { Actor } from '../core/actor.ts';
import type { ClipSidecar } from '../core/clip.ts';
import { Bell } from '../core/bell.ts';
import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../core/errors.ts';
import { isWorthALine, type Log } from '../core/log.ts';
import type { Reason } from '../core/moment.ts';
import type { Decision, MomentState, Tables } from '../store/schema.ts';
import { Claims } from './claims.ts';
import type { EventLog } from './event-log.ts';
import type { DecidedBy } from './match-desk.ts';
import { laneFrom, laneOf, type Lane } from './lanes.ts';
import { cursorOf, pageOf, readCursor } from './page-cursor.ts';
import { actorOf, type Principal } from './principal.ts';

type Db = Kysely<Tables>;

/** One row of the review queue. */
export interface ReviewMoment {
  id: string;
  clipId: string;
  channelId: string;
  channelName: string;
  runId: string;
  lane: Lane;
  label: string;
  title: string;
  tags: string[];
  score: number;
  isByHand: boolean;
  peakMs: number;
  peakWallMs: number;
  state: MomentState;
  stateReason: string | null;
  decision: Decision;
  decidedAtMs: number | null;
  decidedBy: string | null;
  /** The same one by kind and id; null where that was not written down yet. */
  decider: Actor | null;
  reasons: Reason[];
  startWallMs: number | null;
  frameRate: { num: number; den: number } | null;
  durationMs: number | null;
  /** Keys of the files that are shown now. */
  keys: { wide: string | null; thumbnail: string | null; vertical: string | null };
  editVersion: number;
  /** Who looks at it now. */
  claim: { id: string; name: string } | null;
}

export interface ReviewFilter {
  decision: Decision | 'all';
  lane?: Lane | undefined;
  ids?: readonly string[] | undefined;
  channelId?: string | undefined;
  runId?: string | undefined;
  label?: string | undefined;
  q?: string | undefined;
  cursor?: string | undefined;
  limit: number;
}

export interface ReviewPage {
  moments: ReviewMoment[];
  next: string | null;
  counts: Record<Lane, number>;
  decidedCount: number;
  /** From visible to decided, the median of today. */
  decisionMsP50: number | null;
  labels: string[];
}

const dayMs = 86_400_000;
/** Nobody claims anything: whoever does rings. */
const idleMs = 3_600_000;
/** The database is away: what ended is told when it is back. */
const againMs = 1_000;

/** What waits for an editor's word, ranked, and the word itself. */
export class ReviewDesk {
  readonly claims: Claims;
  readonly #db: Db;
  readonly #clock: Clock;
  readonly #events: EventLog;
  readonly #log: Log;
  readonly #claimed = new Bell();

  constructor(options: { db: Db; clock: Clock; events: EventLog; log: Log }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#events = options.events;
    this.#log = options.log;
    this.claims = new Claims(options.clock);
  }

  /**
   * By lane, in it the newest first. One statement for the page, whatever its length. Which ones is decided first: sorted together
   * with what is shown of them, the sidecar of every clip in the queue was unpacked for each page.
   */
  async list(filter: ReviewFilter): Promise<ReviewPage> {
    const after = filter.cursor === undefined ? undefined : readCursor('review', filter.cursor, 2);
    let wanted = this.#filtered(filter)
      .select('moments.id')
      .orderBy(rank)
      .orderBy('moments.ordinal', 'desc')
      .limit(filter.limit + 1);
    if (filter.lane !== undefined) wanted = wanted.where(rank, '=', rankOf[filter.lane]);
    if (after) {
      const [rankAfter = 0, ordinal = 0] = after;
      wanted = wanted.where(sql<boolean>`(${rank}, -moments.ordinal) > (${rankAfter}, ${-ordinal})`);
    }
    const page = this.#db
      .selectFrom('moments')
      .where('moments.id', 'in', wanted)
      .innerJoin('channels', 'channels.id', 'moments.channel_id')
      .leftJoin('clips', 'clips.moment_id', 'moments.id')
      .select([
        'moments.id',
        'moments.ordinal',
        'moments.clip_id',
        'moments.channel_id',
        'channels.name as channel_name',
        'moments.run_id',
        'moments.label',
        'moments.title',
        'moments.tags',
        'moments.score',
        'moments.source',
        'moments.peak_ms',
        'moments.peak_wall_ms',
        'moments.state',
        'moments.state_reason',
        'moments.decision',
        'moments.decided_at_ms',
        'moments.decided_by',
        'moments.decided_actor',
        'moments.reasons',
        'moments.edit_version',
        rank.as('rank'),
        sql<ClipSidecar['renditions'] | null>`clips.sidecar->'renditions'`.as('renditions'),
        sql<ClipSidecar['frameRate'] | null>`clips.sidecar->'frameRate'`.as('frame_rate'),
        sql<number | null>`(clips.sidecar->>'startWallMs')::bigint`.as('start_wall_ms'),
      ])
      .orderBy('rank')
      .orderBy('moments.ordinal', 'desc');
    const [found, counts, today, labels] = await Promise.all([
      page.execute(),
      this.#counts(filter),
      this.#today(),
      this.#labels(),
    ]);
    const { rows, next } = pageOf(found, filter.limit, (last) =>
      cursorOf('review', [last.rank, last.ordinal]),
    );
    return {
      moments: rows.map((row): ReviewMoment => {
        const of = (preset: string) => row.renditions?.find((one) => one.preset === preset);
        return {
          id: row.id,
          clipId: row.clip_id,
          channelId: row.channel_id,
          channelName: row.channel_name,
          runId: row.run_id,
          lane: laneOf(row.score),
          label: row.label,
          title: row.title,
          tags: row.tags,
          score: row.score,
          isByHand: row.source === 'hand',
          peakMs: row.peak_ms,
          peakWallMs: row.peak_wall_ms,
          state: row.state,
          stateReason: row.state_reason,
          decision: row.decision,
          decidedAtMs: row.decided_at_ms,
          decidedBy: row.decided_by,
          decider: row.decided_actor,
          reasons: row.reasons,
          startWallMs: row.start_wall_ms,
          frameRate: row.frame_rate,
          durationMs: of('wide')?.durationMs ?? null,
          keys: {
            wide: of('wide')?.key ?? null,
            thumbnail: of('thumbnail')?.key ?? null,
            vertical: of('vertical')?.key ?? null,
          },
          editVersion: row.edit_version,
          claim: this.claims.holderOf(row.id) ?? null,
        };
      }),
      next,
      counts,
      ...today,
      labels,
    };
  }

  /** All of them or none. @returns what each was before: deciding that again is the undo. @throws `moment.not-found` */
  async decide(
    ids: readonly string[],
    decision: Decision,
    { by, unsureSinceMs }: DecidedBy,
  ): Promise<{ id: string; before: Decision }[]> {
    const nowMs = this.#clock.nowMs();
    const before = await this.#db.transaction().execute(async (db) => {
      const rows = await db
        .selectFrom('moments')
        .select(['id', 'channel_id', 'run_id', 'decision'])
        .where('id', 'in', [...ids])
        .orderBy('id')
        .forUpdate()
        .execute();
      const missing = ids.find((id) => !rows.some((row) => row.id === id));
      if (missing !== undefined) throw notFound(missing);
      const settled = await decidedSince(db, ids, unsureSinceMs);
      const changed = rows.filter((row) => row.decision !== decision && !settled.has(row.id));
      if (changed.length > 0) {
        await db
          .updateTable('moments')
          .set({
            decision,
            decided_at_ms: decision === 'undecided' ? null : nowMs,
            decided_by: decision === 'undecided' ? null : by.name,
            decided_actor: decision === 'undecided' ? null : actorOf(by),
          })
          .where(
            'id',
            'in',
            changed.map(({ id }) => id),
          )
          .execute();
        await this.#events.append(
          db,
          changed.map((row) => ({
            kind: 'moment.decided' as const,
            channelId: row.channel_id,
            runId: row.run_id,
            subjectId: row.id,
            by,
            data: { decision, before: row.decision, by: by.name },
          })),
        );
      }
      return rows.map((row) => ({ id: row.id, before: row.decision }));
    });
    this.#events.tell();
    return before;
  }

  /** Tells the others. @returns who has it. @throws `moment.not-found` */
  async claim(momentId: string, by: Principal): Promise<{ name: string; isMine: boolean }> {
    if (!(await isMoment(this.#db, momentId))) throw notFound(momentId);
    const before = this.claims.holderOf(momentId);
    const { holder, freedIds } = this.claims.take(momentId, by);
    this.#claimed.ring();
    for (const id of freedIds) await this.#tellEnd(id);
    if (holder.id !== before?.id) await this.#tellClaim(momentId, holder.name);
    return { name: holder.name, isMine: holder.id === by.id };
  }

  async release(momentId: string, by: Principal): Promise<void> {
    if (this.claims.release(momentId, by)) await this.#tellClaim(momentId, null);
  }

  /** Tells of claims that end by themselves, until `signal` aborts: a browser that went away says nothing. */
  async run(signal: AbortSignal): Promise<void> {
    const untold = new Set<string>();
    let isStart = true;
    let failedCount = 0;
    while (!signal.aborted) {
      try {
        if (isStart) for (const id of await this.#heldBefore()) untold.add(id);
        isStart = false;
        for (const id of this.claims.endOver()) untold.add(id);
        for (const id of untold) {
          // Taken again meanwhile: that was told.
          if (!this.claims.holderOf(id)) await this.#tellEnd(id);
          untold.delete(id);
        }
        failedCount = 0;
      } catch (error) {
        failedCount += 1;
        if (isWorthALine(failedCount)) {
          const { message } = asTouchlineError(error);
          this.#log.warn('the end of a claim could not be told yet', { error: message, failedCount });
        }
      }
      const nextMs = isStart || untold.size > 0 ? againMs : (this.claims.msToNextEnd() ?? idleMs);
      await this.#claimed.wait(Math.ceil(nextMs), this.#clock, signal).catch(() => undefined);
    }
  }

  /** Moments that somebody looked at when the server ended: their pages say it again, if they are still there. */
  async #heldBefore(): Promise<string[]> {
    const { rows } = await sql<{ id: string }>`
      select id from (
        select distinct on (subject_id) subject_id as id, data->>'by' as by_name
        from events where kind = 'moment.claimed' order by subject_id, events.id desc
      ) newest where by_name is not null`.execute(this.#db);
    return rows.map(({ id }) => id);
  }

  async #tellEnd(momentId: string): Promise<void> {
    await this.#tellClaim(momentId, null).catch((error: unknown) => {
      // Gone with its channel: nobody waits to hear of it.
      if (asTouchlineError(error).code !== 'moment.not-found') throw error;
    });
  }

  async #tellClaim(momentId: string, by: string | null): Promise<void> {
    await this.#db.transaction().execute(async (db) => {
      if (!(await isMoment(db, momentId))) throw notFound(momentId);
      await this.#events.append(db, [{ kind: 'moment.claimed', subjectId: momentId, data: { by } }]);
    });
    this.#events.tell();
  }

  #filtered(filter: ReviewFilter) {
    const { decision, ids, channelId, runId, label, q } = filter;
    let query = this.#db.selectFrom('moments').where('moments.state', '<>', 'withdrawn');
    if (decision !== 'all') query = query.where('moments.decision', '=', decision);
    if (ids !== undefined) query = query.where('moments.id', 'in', [...ids]);
    if (channelId !== undefined) query = query.where('moments.channel_id', '=', channelId);
    if (runId !== undefined) query = query.where('moments.run_id', '=', runId);
    if (label !== undefined) query = query.where('moments.label', '=', label);
    if (q !== undefined && q.trim() !== '') {
      const like = `%${q.trim().replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
      query = query.where(
        sql<boolean>`(moments.title ilike ${like} or moments.label ilike ${like} or moments.tags::text ilike ${like}
          or exists (select 1 from channels where channels.id = moments.channel_id and channels.name ilike ${like}))`,
      );
    }
    return query;
  }

  async #counts(filter: ReviewFilter): Promise<Record<Lane, number>> {
    const rows = await this.#filtered(filter)
      .select([rank.as('rank'), ({ fn }) => fn.countAll<number>().as('count')])
      .groupBy('rank')
      .execute();
    const of = (lane: Lane): number => rows.find((row) => row.rank === rankOf[lane])?.count ?? 0;
    return { must: of('must'), likely: of('likely'), maybe: of('maybe') };
  }

  async #today(): Promise<{ decidedCount: number; decisionMsP50: number | null }> {
    const row = await this.#db
      .selectFrom('moments')
      .leftJoin('clips', 'clips.moment_id', 'moments.id')
      .select([
        ({ fn }) => fn.countAll<number>().as('count'),
        sql<
          number | null
        >`percentile_cont(0.5) within group (order by moments.decided_at_ms - clips.first_visible_at_ms)`.as(
          'p50',
        ),
      ])
      .where('moments.decided_at_ms', '>', this.#clock.nowMs() - dayMs)
      .executeTakeFirst();
    return { decidedCount: row?.count ?? 0, decisionMsP50: row?.p50 ?? null };
  }

  async #labels(): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('moments')
      .select('label')
      .where('state', '<>', 'withdrawn')
      .groupBy('label')
      .orderBy('label')
      .limit(50)
      .execute();
    return rows.map((row) => row.label);
  }
}

const rankOf: Record<Lane, number> = { must: 0, likely: 1, maybe: 2 };
const rank = sql<number>`case when moments.score >= ${sql.lit(laneFrom.must)} then 0 when moments.score >= ${sql.lit(laneFrom.likely)} then 1 else 2 end`;

/** Those of some moments of which something was decided at a time or later; none where no time is asked for. */
async function decidedSince(
  db: Db,
  ids: readonly string[],
  sinceMs: number | undefined,
): Promise<ReadonlySet<string | null>> {
  if (sinceMs === undefined) return new Set();
  const rows = await db
    .selectFrom('events')
    .select('subject_id')
    .distinct()
    .where('kind', '=', 'moment.decided')
    .where('subject_id', 'in', [...ids])
    .where('at_ms', '>=', sinceMs)
    .execute();
  return new Set(rows.map((row) => row.subject_id));
}

async function isMoment(db: Db, id: string): Promise<boolean> {
  const row = await db.selectFrom('moments').select('id').where('id', '=', id).executeTakeFirst();
  return row !== undefined;
}

function notFound(id: string): TouchlineError {
  return new TouchlineError({
    code: 'moment.not-found',
    message: `there is no moment "${id}"`,
    retryable: false,
    blame: 'caller',
  });
}
