import type { Kysely } from 'kysely';

import type { Clock } from '../../core/clock.ts';
import type { Tables } from '../../store/schema.ts';

/** As long as a client may come back with the same key (the draft of the Idempotency-Key header leaves it to the server). */
const keptMs = 24 * 3_600_000;
/** A script that asks five times a second comes back to what it did in the last half hour. */
const keptPerPrincipalMax = 10_000;
/** Counting ten thousand takes some ms. */
const countedEvery = 100;
/** A server that was killed in between leaves its mark; after this long it is nobody's. */
const inHandMsMax = 120_000;

export type Begun =
  | { kind: 'first' }
  /** It came before, and its server died before it had answered: whether it was done by then, nobody knows. */
  | { kind: 'unsure'; sinceMs: number }
  /** Done before: its answer. `body` is null where it held a secret. */
  | { kind: 'done'; status: number; body: string | null }
  | { kind: 'in-hand' }
  /** The same key came with another request. */
  | { kind: 'other' };

/** What POSTs with an Idempotency-Key came to, so that the same one twice is done once. */
export class Idempotency {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  #begunCount = 0;

  constructor(options: { db: Kysely<Tables>; clock: Clock }) {
    this.#db = options.db;
    this.#clock = options.clock;
  }

  async begin(asked: { principalId: string; key: string; requestHash: Buffer }): Promise<Begun> {
    const { principalId, key, requestHash } = asked;
    const nowMs = this.#clock.nowMs();
    await this.#sweep(principalId, nowMs);
    const made = await this.#db
      .insertInto('idempotency')
      .values({
        principal_id: principalId,
        key,
        request_hash: requestHash,
        status: null,
        body: null,
        created_at_ms: nowMs,
        taken_at_ms: null,
      })
      .onConflict((conflict) =>
        conflict
          .columns(['principal_id', 'key'])
          .doUpdateSet({ taken_at_ms: nowMs })
          .where('idempotency.status', 'is', null)
          .where(
            ({ fn }) => fn.coalesce('idempotency.taken_at_ms', 'idempotency.created_at_ms'),
            '<',
            nowMs - inHandMsMax,
          )
          .where('idempotency.request_hash', '=', requestHash),
      )
      .returning(['created_at_ms', 'taken_at_ms'])
      .executeTakeFirst();
    if (made?.taken_at_ms === null) return { kind: 'first' };
    if (made) return { kind: 'unsure', sinceMs: made.created_at_ms };
    const row = await this.#db
      .selectFrom('idempotency')
      .selectAll()
      .where('principal_id', '=', principalId)
      .where('key', '=', key)
      .executeTakeFirst();
    if (!row) return { kind: 'in-hand' };
    if (!row.request_hash.equals(requestHash)) return { kind: 'other' };
    return row.status === null ? { kind: 'in-hand' } : { kind: 'done', status: row.status, body: row.body };
  }

  async finish(
    asked: { principalId: string; key: string },
    answer: { status: number; body: string | null },
  ): Promise<void> {
    await this.#db
      .updateTable('idempotency')
      .set(answer)
      .where('principal_id', '=', asked.principalId)
      .where('key', '=', asked.key)
      .execute();
  }

  /** It came to nothing: the same key may try again. */
  async forget(asked: { principalId: string; key: string }): Promise<void> {
    await this.#db
      .deleteFrom('idempotency')
      .where('principal_id', '=', asked.principalId)
      .where('key', '=', asked.key)
      .execute();
  }

  /** What is over, and now and then what is too much of one. */
  async #sweep(principalId: string, nowMs: number): Promise<void> {
    await this.#db
      .deleteFrom('idempotency')
      .where('created_at_ms', '<', nowMs - keptMs)
      .execute();
    this.#begunCount += 1;
    if (this.#begunCount % countedEvery !== 1) return;
    await this.#db
      .deleteFrom('idempotency')
      .where('principal_id', '=', principalId)
      .where('created_at_ms', '<=', (oldest) =>
        oldest
          .selectFrom('idempotency')
          .select('created_at_ms')
          .where('principal_id', '=', principalId)
          .orderBy('created_at_ms', 'desc')
          .offset(keptPerPrincipalMax)
          .limit(1),
      )
      .execute();
  }
}
