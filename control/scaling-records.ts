import { sql, type Kysely, type Selectable } from 'kysely';

import type { Actor } from '../core/actor.ts';
import type { Clock } from '../core/clock.ts';
import type { Tables } from '../store/schema.ts';
import { EventLog } from './event-log.ts';
import { cursorOf, pageOf, readCursor } from './page-cursor.ts';
import { actorOf } from './principal.ts';

/** What the fleet was told, and why. `decision`, `outcomes` and `snapshot` are what `scaling/` wrote down, as it is. */
export interface StoredDecision {
  id: number;
  atMs: number;
  provider: string;
  neededCount: number;
  desiredCount: number;
  reason: string;
  decision: unknown;
  outcomes: unknown;
  /** Every input; null where nothing had changed since the last one that has it. */
  snapshot: unknown;
}

export interface ScalingOverrides {
  pin?: { count: number; untilMs: number } | undefined;
  isInPaused: boolean;
  isOutPaused: boolean;
  /** Who said so last; absent where nobody has, or it was not written down. */
  changedBy?: Actor;
}

interface DecisionFilter {
  limit: number;
  /** `next` of the page before. */
  cursor?: string | undefined;
  /** Made then or before. */
  untilMs?: number | undefined;
  /** Only those at which something changed. */
  hasSnapshot?: boolean | undefined;
}

const keptMs = 14 * 24 * 3_600_000;
const sweepMs = 3_600_000;

/** Decisions, the word of the operator, and who may decide. */
export class ScalingRecords {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #events: EventLog;
  #sweptAtMs = 0;

  constructor(options: { db: Kysely<Tables>; clock: Clock }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#events = new EventLog(options);
  }

  async recent(sinceMs: number): Promise<{ atMs: number; neededCount: number; desiredCount: number }[]> {
    const rows = await this.#db
      .selectFrom('scaling_decisions')
      .select(['at_ms', 'needed_count', 'desired_count'])
      .where('at_ms', '>=', sinceMs)
      .orderBy('at_ms')
      .execute();
    return rows.map((row) => ({
      atMs: row.at_ms,
      neededCount: row.needed_count,
      desiredCount: row.desired_count,
    }));
  }

  async add(record: Omit<StoredDecision, 'id'>): Promise<void> {
    await this.#db
      .insertInto('scaling_decisions')
      .values({
        at_ms: record.atMs,
        provider: record.provider,
        needed_count: record.neededCount,
        desired_count: record.desiredCount,
        reason: record.reason,
        decision: JSON.stringify(record.decision),
        outcomes: JSON.stringify(record.outcomes),
        snapshot: record.snapshot === undefined ? null : JSON.stringify(record.snapshot),
      })
      .execute();
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#sweptAtMs < sweepMs) return;
    this.#sweptAtMs = nowMs;
    await this.#db
      .deleteFrom('scaling_decisions')
      .where('at_ms', '<', nowMs - keptMs)
      .execute();
  }

  /** What was carried out since then, and what came of it. */
  async actionCounts(sinceMs: number): Promise<{ action: string; outcome: string; count: number }[]> {
    const { rows } = await sql<{ action: string; outcome: string; count: number }>`
      select done -> 'action' ->> 'kind' as action, done -> 'outcome' ->> 'kind' as outcome, count(*)::int as count
      from scaling_decisions, jsonb_array_elements(outcomes) as done
      where at_ms >= ${sinceMs} group by 1, 2 order by 1, 2`.execute(this.#db);
    return rows;
  }

  /** Newest first. @throws `cursor.invalid` */
  async list(filter: DecisionFilter): Promise<{ decisions: StoredDecision[]; next: string | null }> {
    const { limit, cursor, untilMs, hasSnapshot } = filter;
    let query = this.#db
      .selectFrom('scaling_decisions')
      .selectAll()
      .orderBy('id', 'desc')
      .limit(limit + 1);
    if (cursor !== undefined) query = query.where('id', '<', readCursor('decisions', cursor, 1)[0] ?? 0);
    if (untilMs !== undefined) query = query.where('at_ms', '<=', untilMs);
    if (hasSnapshot === true) query = query.where('snapshot', 'is not', null);
    const { rows, next } = pageOf(await query.execute(), limit, ({ id }) => cursorOf('decisions', [id]));
    return { decisions: rows.map(decisionOf), next };
  }

  /** The one that stands; undefined before the first. */
  async last(): Promise<StoredDecision | undefined> {
    return (await this.list({ limit: 1 })).decisions[0];
  }

  async overrides(): Promise<ScalingOverrides> {
    const row = await this.#db.selectFrom('scaling_overrides').selectAll().executeTakeFirst();
    if (!row) return { isInPaused: false, isOutPaused: false };
    const { pin_count: count, pin_until_ms: untilMs } = row;
    return {
      ...(count === null || untilMs === null ? {} : { pin: { count, untilMs } }),
      isInPaused: row.is_in_paused,
      isOutPaused: row.is_out_paused,
      ...(row.changed_by ? { changedBy: row.changed_by } : {}),
    };
  }

  async setOverrides({ pin, isInPaused, isOutPaused, changedBy: by }: ScalingOverrides): Promise<void> {
    const said = {
      pin_count: pin?.count ?? null,
      pin_until_ms: pin?.untilMs ?? null,
      is_in_paused: isInPaused,
      is_out_paused: isOutPaused,
      changed_at_ms: this.#clock.nowMs(),
      changed_by: by ? actorOf(by) : null,
    };
    await this.#db.transaction().execute(async (db) => {
      await db
        .insertInto('scaling_overrides')
        .values(said)
        .onConflict((conflict) => conflict.column('is_one').doUpdateSet(said))
        .execute();
      const data = { pin: pin ?? null, isInPaused, isOutPaused };
      await this.#events.append(db, [{ kind: 'scaling.changed', ...(by ? { by } : {}), data }]);
    });
  }

  /** Takes or renews the lease. By the clock of the database, so that controllers need not agree on the time. */
  async hold(holder: string, forMs: number): Promise<boolean> {
    const { rows } = await sql`
      with now as (select (extract(epoch from clock_timestamp()) * 1000)::bigint as ms)
      insert into scaling_lease (holder, expires_at_ms) select ${holder}, ms + ${forMs}::bigint from now
      on conflict (is_one) do update set holder = excluded.holder, expires_at_ms = excluded.expires_at_ms
      where scaling_lease.holder = excluded.holder
         or scaling_lease.expires_at_ms < (extract(epoch from clock_timestamp()) * 1000)::bigint
      returning holder`.execute(this.#db);
    return rows.length > 0;
  }

  async release(holder: string): Promise<void> {
    await this.#db.deleteFrom('scaling_lease').where('holder', '=', holder).execute();
  }
}

function decisionOf(row: Selectable<Tables['scaling_decisions']>): StoredDecision {
  return {
    id: row.id,
    atMs: row.at_ms,
    provider: row.provider,
    neededCount: row.needed_count,
    desiredCount: row.desired_count,
    reason: row.reason,
    decision: row.decision,
    outcomes: row.outcomes,
    snapshot: row.snapshot,
  };
}
