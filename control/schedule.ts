import { sql, type Kysely } from 'kysely';

import type { Actor } from '../core/actor.ts';
import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import type { Tables } from '../store/schema.ts';
import { EventLog, type NewEvent } from './event-log.ts';
import { readCalendar } from './icalendar.ts';
import { actorOf } from './principal.ts';

/** A match that will be played: machines are ready for it before its kick-off. */
export interface Fixture {
  id: string;
  name: string;
  /** Of the channel that will carry it; null where that is not known. */
  channel: string | null;
  kickOffAtMs: number;
  lengthMs: number;
  /** -9 to 9; 0 is usual. A step is worth a second of deadline (`fixture-priority.ts`). */
  priority: number;
  /** `api`, or the name of the calendar. */
  source: string;
  isCancelled: boolean;
  /** Null where it was not written down. */
  createdBy: Actor | null;
  /** Null as well where the calendar called it off. */
  cancelledBy: Actor | null;
}

export interface FixtureWish {
  name: string;
  channel?: string | undefined;
  kickOffAtMs: number;
  lengthMs?: number | undefined;
  priority?: number | undefined;
}

export interface CalendarImport {
  added: number;
  changed: number;
  cancelled: number;
  unchanged: number;
  /** Whole days, and what lies outside the window. */
  skipped: number;
}

const lengthMsDefault = 135 * 60_000;
/** What was played is of no more use than to be looked up. */
const importBackMs = 24 * 3_600_000;
const importAheadMs = 400 * 24 * 3_600_000;

/** The fixture list: what is expected, and when. */
export class Schedule {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #events: EventLog;

  constructor(options: { db: Kysely<Tables>; clock: Clock; random: Random }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#events = new EventLog(options);
  }

  async add(wish: FixtureWish, by?: Actor): Promise<Fixture> {
    const id = newId('fix', this.#random);
    await this.#db.transaction().execute(async (db) => {
      await db
        .insertInto('fixtures')
        .values({
          id,
          name: wish.name,
          channel_name: wish.channel ?? null,
          kick_off_at_ms: wish.kickOffAtMs,
          length_ms: wish.lengthMs ?? lengthMsDefault,
          priority: wish.priority ?? 0,
          source: 'api',
          source_uid: id,
          created_at_ms: this.#clock.nowMs(),
          cancelled_at_ms: null,
          created_by: by ? actorOf(by) : null,
        })
        .execute();
      await this.#events.append(db, [changedEvent(id, { what: 'added' }, by)]);
    });
    return await this.#get(id);
  }

  /** By kick-off, those that are over left out unless `fromMs` says otherwise. */
  async list(filter: { fromMs?: number | undefined; limit?: number | undefined } = {}): Promise<Fixture[]> {
    const rows = await this.#db
      .selectFrom('fixtures')
      .selectAll()
      .where('kick_off_at_ms', '>=', filter.fromMs ?? this.#clock.nowMs() - importBackMs)
      .orderBy('kick_off_at_ms')
      .orderBy('id')
      .limit(Math.min(filter.limit ?? 500, 5_000))
      .execute();
    return rows.map(fixtureOf);
  }

  async cancel(id: string, by?: Actor): Promise<Fixture> {
    await this.#get(id);
    await this.#db.transaction().execute(async (db) => {
      const done = await db
        .updateTable('fixtures')
        .set({
          cancelled_at_ms: this.#clock.nowMs(),
          is_cancelled_by_hand: true,
          cancelled_by: by ? actorOf(by) : null,
        })
        .where('id', '=', id)
        .where('cancelled_at_ms', 'is', null)
        .executeTakeFirst();
      if (done.numUpdatedRows > 0n) {
        await this.#events.append(db, [changedEvent(id, { what: 'called off' }, by)]);
      }
    });
    return await this.#get(id);
  }

  /**
   * Takes a calendar in, all of it or nothing. The same file again changes nothing; a match that was moved is moved; one that
   * is still to come and no longer in the file is cancelled. One that a person called off stays so, unless the calendar gives it
   * another time: then it is another match.
   *
   * @throws TouchlineError `schedule.bad-calendar`
   */
  async importCalendar(
    text: string,
    about: { source: string; channel?: string | undefined; zone: string; by?: Actor },
  ): Promise<CalendarImport> {
    const nowMs = this.#clock.nowMs();
    const { fixtures, skippedCount } = readCalendar(text, {
      fromMs: nowMs - importBackMs,
      untilMs: nowMs + importAheadMs,
      zone: about.zone,
    });
    return await this.#db.transaction().execute(async (db) => {
      // Of two imports of one calendar the second sees what the first has done.
      await sql`select pg_advisory_xact_lock(hashtextextended(${`fixtures ${about.source}`}, 0))`.execute(db);
      const known = await db.selectFrom('fixtures').selectAll().where('source', '=', about.source).execute();
      const byUid = new Map(known.map((row) => [row.source_uid, row]));
      const done: CalendarImport = {
        added: 0,
        changed: 0,
        cancelled: 0,
        unchanged: 0,
        skipped: skippedCount,
      };
      for (const fixture of fixtures) {
        const wanted = {
          name: fixture.name,
          channel_name: fixture.channel ?? about.channel ?? null,
          kick_off_at_ms: fixture.kickOffAtMs,
          length_ms: fixture.lengthMs,
        };
        const row = byUid.get(fixture.uid);
        byUid.delete(fixture.uid);
        const wasCancelled = row !== undefined && row.cancelled_at_ms !== null;
        const cancelledAtMs = fixture.isCancelled ? (row?.cancelled_at_ms ?? nowMs) : null;
        if (!row) {
          await db
            .insertInto('fixtures')
            .values({
              id: newId('fix', this.#random),
              ...wanted,
              priority: 0,
              source: about.source,
              source_uid: fixture.uid,
              created_at_ms: nowMs,
              cancelled_at_ms: cancelledAtMs,
              created_by: about.by ? actorOf(about.by) : null,
            })
            .execute();
          done[fixture.isCancelled ? 'cancelled' : 'added'] += 1;
          continue;
        }
        const isMoved = row.kick_off_at_ms !== wanted.kick_off_at_ms;
        if (row.is_cancelled_by_hand && !isMoved) {
          done.unchanged += 1;
          continue;
        }
        const isSame =
          row.name === wanted.name &&
          row.channel_name === wanted.channel_name &&
          !isMoved &&
          row.length_ms === wanted.length_ms &&
          wasCancelled === fixture.isCancelled;
        if (isSame) {
          done.unchanged += 1;
          continue;
        }
        await db
          .updateTable('fixtures')
          .set({
            ...wanted,
            cancelled_at_ms: cancelledAtMs,
            is_cancelled_by_hand: false,
            cancelled_by: null,
          })
          .where('id', '=', row.id)
          .execute();
        done[fixture.isCancelled && !wasCancelled ? 'cancelled' : 'changed'] += 1;
      }
      const gone = [...byUid.values()].filter(
        (row) => row.cancelled_at_ms === null && row.kick_off_at_ms > nowMs,
      );
      for (const { id } of gone)
        await db.updateTable('fixtures').set({ cancelled_at_ms: nowMs }).where('id', '=', id).execute();
      const all = { ...done, cancelled: done.cancelled + gone.length };
      // Polled every hour, most imports change nothing.
      if (all.added + all.changed + all.cancelled > 0) {
        const data = { what: 'imported', source: about.source, ...all };
        await this.#events.append(db, [changedEvent(undefined, data, about.by)]);
      }
      return all;
    });
  }

  async #get(id: string): Promise<Fixture> {
    const row = await this.#db.selectFrom('fixtures').selectAll().where('id', '=', id).executeTakeFirst();
    if (row) return fixtureOf(row);
    throw new TouchlineError({
      code: 'fixture.not-found',
      message: `there is no fixture "${id}"`,
      retryable: false,
      blame: 'caller',
    });
  }
}

function changedEvent(subjectId: string | undefined, data: Record<string, unknown>, by?: Actor): NewEvent {
  return {
    kind: 'fixture.changed',
    ...(subjectId === undefined ? {} : { subjectId }),
    ...(by ? { by } : {}),
    data,
  };
}

function fixtureOf(row: {
  id: string;
  name: string;
  channel_name: string | null;
  kick_off_at_ms: number;
  length_ms: number;
  priority: number;
  source: string;
  cancelled_at_ms: number | null;
  created_by: Actor | null;
  cancelled_by: Actor | null;
}): Fixture {
  return {
    id: row.id,
    name: row.name,
    channel: row.channel_name,
    kickOffAtMs: row.kick_off_at_ms,
    lengthMs: row.length_ms,
    priority: row.priority,
    source: row.source,
    isCancelled: row.cancelled_at_ms !== null,
    createdBy: row.created_by,
    cancelledBy: row.cancelled_by,
  };
}
