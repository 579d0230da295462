import { sql, type Kysely, type Selectable } from 'kysely';

import type { Actor } from '../core/actor.ts';
import type { Clock } from '../core/clock.ts';
import type { Tables } from '../store/schema.ts';
import type { DeskEvent, DeskEventKind } from './match-desk.ts';
import { actorOf } from './principal.ts';

export interface NewEvent {
  kind: DeskEventKind;
  channelId?: string;
  runId?: string;
  subjectId?: string;
  /** Absent: it came about by itself. */
  by?: Actor;
  data?: Record<string, unknown>;
}

/** A browser that was away for longer loads everything anew: some days of an ordinary fixture list. */
const eventCountMax = 100_000;
const eventsAtOnceMax = 1000;
/** Any number that no other lock of ours takes. */
const orderLock = 7_301;

/** What happened, in the order in which it became true: written with the change it tells of, in the same transaction. */
export class EventLog {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();

  constructor(options: { db: Kysely<Tables>; clock: Clock }) {
    this.#db = options.db;
    this.#clock = options.clock;
  }

  /**
   * To be called last in a transaction. The lock is held to its end: otherwise a transaction that drew its id first
   * could commit last, and a reader that is past that id would never see it.
   */
  async append(db: Kysely<Tables>, events: readonly NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    await sql`select pg_advisory_xact_lock(${orderLock})`.execute(db);
    const atMs = this.#clock.nowMs();
    await db
      .insertInto('events')
      .values(
        events.map((event) => ({
          at_ms: atMs,
          kind: event.kind,
          channel_id: event.channelId ?? null,
          run_id: event.runId ?? null,
          subject_id: event.subjectId ?? null,
          data: JSON.stringify(event.data ?? {}),
          actor: event.by ? actorOf(event.by) : null,
        })),
      )
      .execute();
  }

  /** To be called once the transaction is through. */
  tell(): void {
    for (const listener of this.#listeners) listener();
  }

  onNews(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async since(afterId: number, limit: number): Promise<DeskEvent[]> {
    const rows = await this.#db
      .selectFrom('events')
      .selectAll()
      .where('id', '>', afterId)
      .orderBy('id')
      .limit(Math.min(limit, eventsAtOnceMax))
      .execute();
    return rows.map(eventOf);
  }

  async lastId(): Promise<number> {
    return await lastEventId(this.#db);
  }

  async prune(): Promise<void> {
    await this.#db
      .deleteFrom('events')
      .where('id', '<=', (await this.lastId()) - eventCountMax)
      .execute();
  }
}

/** 0 before anything has happened. */
export async function lastEventId(db: Kysely<Tables>): Promise<number> {
  const row = await db
    .selectFrom('events')
    .select((expression) => expression.fn.max('id').as('id'))
    .executeTakeFirst();
  return row?.id ?? 0;
}

export function eventOf(row: Selectable<Tables['events']>): DeskEvent {
  return {
    id: row.id,
    atMs: row.at_ms,
    kind: row.kind as DeskEventKind,
    channelId: row.channel_id,
    runId: row.run_id,
    subjectId: row.subject_id,
    data: row.data,
    by: row.actor,
  };
}
