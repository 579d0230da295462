import { sql, type Kysely } from 'kysely';

import type { Clock } from '../core/clock.ts';
import type { Tables } from '../store/schema.ts';

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
}

const keptMs = 14 * 24 * 3_600_000;
const sweepMs = 3_600_000;

/** Decisions, the word of the operator, and who may decide. */
export class ScalingRecords {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  #sweptAtMs = 0;

  constructor(options: { db: Kysely<Tables>; clock: Clock }) {
    this.#db = options.db;
    this.#clock = options.clock;
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

  /** Newest first. `hasSnapshot`: only those at which something changed. `untilMs`: made then or before. */
  async list(filter: {
    limit: number;
    beforeId?: number | undefined;
    untilMs?: number | undefined;
    hasSnapshot?: boolean | undefined;
  }): Promise<StoredDecision[]> {
    const rows = await this.#db
      .selectFrom('scaling_decisions')
      .selectAll()
      .$if(filter.beforeId !== undefined, (query) => query.where('id', '<', filter.beforeId ?? 0))
      .$if(filter.untilMs !== undefined, (query) => query.where('at_ms', '<=', filter.untilMs ?? 0))
      .$if(filter.hasSnapshot === true, (query) => query.where('snapshot', 'is not', null))
      .orderBy('id', 'desc')
      .limit(filter.limit)
      .execute();
    return rows.map((row) => ({
      id: row.id,
      atMs: row.at_ms,
      provider: row.provider,
      neededCount: row.needed_count,
      desiredCount: row.desired_count,
      reason: row.reason,
      decision: row.decision,
      outcomes: row.outcomes,
      snapshot: row.snapshot,
    }));
  }

  async overrides(): Promise<ScalingOverrides> {
    const row = await this.#db.selectFrom('scaling_overrides').selectAll().executeTakeFirst();
    if (!row) return { isInPaused: false, isOutPaused: false };
    const { pin_count: count, pin_until_ms: untilMs } = row;
    return {
      ...(count === null || untilMs === null ? {} : { pin: { count, untilMs } }),
      isInPaused: row.is_in_paused,
      isOutPaused: row.is_out_paused,
    };
  }

  async setOverrides({ pin, isInPaused, isOutPaused }: ScalingOverrides): Promise<void> {
    const said = {
      pin_count: pin?.count ?? null,
      pin_until_ms: pin?.untilMs ?? null,
      is_in_paused: isInPaused,
      is_out_paused: isOutPaused,
      changed_at_ms: this.#clock.nowMs(),
    };
    await this.#db
      .insertInto('scaling_overrides')
      .values(said)
      .onConflict((conflict) => conflict.column('is_one').doUpdateSet(said))
      .execute();
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
