import type { Kysely, Selectable } from 'kysely';

import type { Actor } from '../../core/actor.ts';
import type { Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import type { Random } from '../../core/random.ts';
import type { Tables } from '../../store/schema.ts';
import type { EventLog } from '../event-log.ts';
import type { Role } from '../principal.ts';

export interface UserView {
  id: string;
  name: string;
  role: Role;
  isDisabled: boolean;
  hasPassword: boolean;
  createdAtMs: number;
  lastSeenAtMs: number | null;
}

/** People who may sign in. There is always one admin left who may. */
export class Users {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #events: EventLog;

  constructor(options: { db: Kysely<Tables>; clock: Clock; random: Random; events: EventLog }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#events = options.events;
  }

  /** Whether an admin can come in by a password. A demonstration's account and one who was only invited cannot. */
  async hasAdmin(db: Kysely<Tables> = this.#db): Promise<boolean> {
    const admin = await db
      .selectFrom('users')
      .select('id')
      .where('role', '=', 'admin')
      .where('password_hash', 'is not', null)
      .where('disabled_at_ms', 'is', null)
      .limit(1)
      .executeTakeFirst();
    return admin !== undefined;
  }

  async list(): Promise<UserView[]> {
    const rows = await this.#db
      .selectFrom('users')
      .leftJoin('sessions', 'sessions.user_id', 'users.id')
      .selectAll('users')
      .select(({ fn }) => fn.max<number | null>('sessions.last_seen_at_ms').as('last_seen_at_ms'))
      .groupBy('users.id')
      .orderBy('users.name')
      .limit(1000)
      .execute();
    return rows.map((row) => viewOf(row, row.last_seen_at_ms));
  }

  /** By id or by name. @throws `account.not-found` */
  async get(idOrName: string): Promise<UserView> {
    return viewOf(await this.row(idOrName), null);
  }

  async row(idOrName: string, db: Kysely<Tables> = this.#db): Promise<Selectable<Tables['users']>> {
    const row = await this.find(idOrName, db);
    if (row) return row;
    throw new TouchlineError({
      code: 'account.not-found',
      message: `there is no account "${idOrName}"`,
      retryable: false,
      blame: 'caller',
    });
  }

  async find(
    idOrName: string,
    db: Kysely<Tables> = this.#db,
  ): Promise<Selectable<Tables['users']> | undefined> {
    return await db
      .selectFrom('users')
      .selectAll()
      .where(({ eb, fn }) =>
        eb.or([eb('id', '=', idOrName), eb(fn<string>('lower', ['name']), '=', idOrName.toLowerCase())]),
      )
      .executeTakeFirst();
  }

  /** @throws `account.taken` when somebody has that name */
  async create(
    wish: { name: string; role: Role; passwordHash: string | null },
    db: Kysely<Tables> = this.#db,
  ): Promise<UserView> {
    const row = await db
      .insertInto('users')
      .values({
        id: newId('usr', this.#random),
        name: wish.name,
        role: wish.role,
        password_hash: wish.passwordHash,
        created_at_ms: this.#clock.nowMs(),
        disabled_at_ms: null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .executeTakeFirst();
    if (row) return viewOf(row, null);
    throw new TouchlineError({
      code: 'account.taken',
      message: `there is an account "${wish.name}" already: choose another name`,
      retryable: false,
      blame: 'caller',
    });
  }

  /** Another role, or shut out (its sessions end with it). @throws `account.conflict` for the last admin */
  async change(userId: string, wish: { role?: Role; isDisabled?: boolean }, by: Actor): Promise<UserView> {
    return await this.#db.transaction().execute(async (db) => {
      // One after the other: of two admins who demote each other, one stays.
      await db.selectFrom('users').select('id').orderBy('id').forUpdate().execute();
      const before = await this.row(userId, db);
      const role = wish.role ?? before.role;
      const disabledAtMs =
        wish.isDisabled === undefined
          ? before.disabled_at_ms
          : wish.isDisabled
            ? (before.disabled_at_ms ?? this.#clock.nowMs())
            : null;
      if (before.role === 'admin' && (role !== 'admin' || disabledAtMs !== null)) {
        await this.#requireAnotherAdmin(before.id, db);
      }
      const after = await db
        .updateTable('users')
        .set({ role, disabled_at_ms: disabledAtMs })
        .where('id', '=', before.id)
        .returningAll()
        .executeTakeFirstOrThrow();
      if (disabledAtMs !== null) {
        await db.deleteFrom('sessions').where('user_id', '=', before.id).execute();
        await db.deleteFrom('login_links').where('user_id', '=', before.id).execute();
      }
      await this.#events.append(db, [{ kind: 'account.changed', subjectId: before.id, by, data: wish }]);
      return viewOf(after, null);
    });
  }

  async setPassword(userId: string, passwordHash: string, db: Kysely<Tables> = this.#db): Promise<void> {
    await db.updateTable('users').set({ password_hash: passwordHash }).where('id', '=', userId).execute();
  }

  async #requireAnotherAdmin(userId: string, db: Kysely<Tables>): Promise<void> {
    const other = await db
      .selectFrom('users')
      .select('id')
      .where('role', '=', 'admin')
      .where('disabled_at_ms', 'is', null)
      .where('id', '<>', userId)
      .limit(1)
      .executeTakeFirst();
    if (other) return;
    throw new TouchlineError({
      code: 'account.conflict',
      message: 'this is the last admin who may sign in: make somebody else one first',
      retryable: false,
      blame: 'caller',
    });
  }
}

function viewOf(row: Selectable<Tables['users']>, lastSeenAtMs: number | null): UserView {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    isDisabled: row.disabled_at_ms !== null,
    hasPassword: row.password_hash !== null,
    createdAtMs: row.created_at_ms,
    lastSeenAtMs,
  };
}
