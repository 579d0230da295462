import type { Kysely } from 'kysely';

import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import type { Tables } from '../../store/schema.ts';
import { scopesOf, type Principal, type Role } from '../principal.ts';
import { drawSecret, hashOf } from './secrets.ts';

/** A fortnight without a look ends it; a season ends it in any case. */
export const sessionIdleMs = 14 * 86_400_000;
export const sessionAgeMs = 90 * 86_400_000;
/** How exact "last seen" is: a page asks many times a minute, and each must not write. */
const seenEveryMs = 60_000;
/** A script that signs in for ever pushes its own oldest sessions out. */
const perUserMax = 50;
const agentLengthMax = 200;

export interface SessionView {
  id: string;
  isThisOne: boolean;
  createdAtMs: number;
  lastSeenAtMs: number;
  agent: string;
}

/** Who asks by a session, with the role that they have now. */
export interface SignedIn {
  principal: Principal;
  role: Role;
}

/** Where people are signed in. The browser holds 256 random bits, the ledger their hash. */
export class Sessions {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: { db: Kysely<Tables>; clock: Clock; random: Random }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  async begin(userId: string, agent: string, db: Kysely<Tables> = this.#db): Promise<Secret> {
    const secret = drawSecret(this.#random);
    const nowMs = this.#clock.nowMs();
    await db
      .insertInto('sessions')
      .values({
        hash: hashOf(secret),
        id: Buffer.from(this.#random.bytes(8)).toString('hex'),
        user_id: userId,
        agent: agent.slice(0, agentLengthMax),
        created_at_ms: nowMs,
        last_seen_at_ms: nowMs,
      })
      .execute();
    await this.#sweep(userId, db);
    return new Secret(secret);
  }

  async find(secret: Secret): Promise<SignedIn | undefined> {
    const hash = hashOf(secret.reveal());
    const nowMs = this.#clock.nowMs();
    const row = await this.#db
      .selectFrom('sessions')
      .innerJoin('users', 'users.id', 'sessions.user_id')
      .select(['users.id', 'users.name', 'users.role', 'sessions.last_seen_at_ms'])
      .where('sessions.hash', '=', hash)
      .where('sessions.last_seen_at_ms', '>', nowMs - sessionIdleMs)
      .where('sessions.created_at_ms', '>', nowMs - sessionAgeMs)
      .where('users.disabled_at_ms', 'is', null)
      .executeTakeFirst();
    if (!row) return undefined;
    if (row.last_seen_at_ms < nowMs - seenEveryMs) {
      await this.#db
        .updateTable('sessions')
        .set({ last_seen_at_ms: nowMs })
        .where('hash', '=', hash)
        .execute();
    }
    const { id, name, role } = row;
    return { role, principal: { kind: 'user', id, name, scopes: scopesOf[role] } };
  }

  async list(userId: string, secret: Secret | undefined): Promise<SessionView[]> {
    const own = secret && hashOf(secret.reveal());
    const rows = await this.#db
      .selectFrom('sessions')
      .selectAll()
      .where('user_id', '=', userId)
      .where('last_seen_at_ms', '>', this.#clock.nowMs() - sessionIdleMs)
      .orderBy('last_seen_at_ms', 'desc')
      .limit(perUserMax)
      .execute();
    return rows.map((row) => ({
      id: row.id,
      isThisOne: own?.equals(row.hash) ?? false,
      createdAtMs: row.created_at_ms,
      lastSeenAtMs: row.last_seen_at_ms,
      agent: row.agent,
    }));
  }

  async end(secret: Secret): Promise<void> {
    await this.#db.deleteFrom('sessions').where('hash', '=', hashOf(secret.reveal())).execute();
  }

  /** False when the user has no such session. */
  async endOne(userId: string, sessionId: string): Promise<boolean> {
    const done = await this.#db
      .deleteFrom('sessions')
      .where('user_id', '=', userId)
      .where('id', '=', sessionId)
      .executeTakeFirst();
    return done.numDeletedRows > 0n;
  }

  async endAll(userId: string, db: Kysely<Tables> = this.#db): Promise<void> {
    await db.deleteFrom('sessions').where('user_id', '=', userId).execute();
  }

  /** What has run out anywhere, and what is too many of one user. */
  async #sweep(userId: string, db: Kysely<Tables>): Promise<void> {
    const nowMs = this.#clock.nowMs();
    await db
      .deleteFrom('sessions')
      .where((session) =>
        session.or([
          session('last_seen_at_ms', '<', nowMs - sessionIdleMs),
          session('created_at_ms', '<', nowMs - sessionAgeMs),
        ]),
      )
      .execute();
    await db
      .deleteFrom('sessions')
      .where('hash', 'in', (newest) =>
        newest
          .selectFrom('sessions')
          .select('hash')
          .where('user_id', '=', userId)
          .orderBy('last_seen_at_ms', 'desc')
          .orderBy('created_at_ms', 'desc')
          .offset(perUserMax)
          .limit(1000),
      )
      .execute();
  }
}
