import assert from 'node:assert/strict';
import { timingSafeEqual } from 'node:crypto';

import type { Kysely } from 'kysely';

import type { Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import type { Tables } from '../../store/schema.ts';
import type { EventLog } from '../event-log.ts';
import { actorOf, scopes, scopesOf, serverOwner, type Principal, type Scope } from '../principal.ts';
import { drawSecret, hashOf } from './secrets.ts';

export interface ApiTokenView {
  id: string;
  name: string;
  scopes: Scope[];
  createdAtMs: number;
  expiresAtMs: number | null;
  lastUsedAtMs: number | null;
}

/** `tla_<16 hex: its public id>_<43: 256 random bits>`. */
const tokenPattern = /^tla_([0-9a-f]{16})_([\w-]{43})$/;
const usedEveryMs = 60_000;
/** More is a script that makes one each time instead of keeping it. */
const perUserMax = 200;

/** Tokens for programs: shown once, kept as hashes, never more than their maker may at this moment. */
export class ApiTokens {
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

  /** @throws `auth.forbidden` for a scope that the maker has not; `token.taken` when there are too many; `token.invalid` */
  async make(
    maker: Principal,
    wish: { name: string; scopes: readonly Scope[]; expiresAtMs?: number | undefined },
  ): Promise<{ token: ApiTokenView; secret: Secret }> {
    const beyond = wish.scopes.filter((scope) => !maker.scopes.includes(scope));
    if (beyond.length > 0) {
      throw fault('auth.forbidden', `a token can do no more than you may: not ${beyond.join(', ')}`);
    }
    const nowMs = this.#clock.nowMs();
    if (wish.expiresAtMs !== undefined && wish.expiresAtMs <= nowMs) {
      throw fault('token.invalid', 'expiresAtMs lies in the past: a token has to end later than now');
    }
    const owner = ownerOf(maker);
    const id = Buffer.from(this.#random.bytes(8)).toString('hex');
    const secret = `tla_${id}_${drawSecret(this.#random)}`;
    const token = await this.#db.transaction().execute(async (db) => {
      if ((await this.list(owner, undefined, db)).length >= perUserMax) {
        throw fault('token.taken', `you have ${perUserMax} tokens: revoke those that nothing uses`);
      }
      await db
        .insertInto('api_tokens')
        .values({
          id,
          user_id: owner,
          name: wish.name,
          scopes: JSON.stringify(wish.scopes),
          hash: hashOf(secret),
          created_at_ms: nowMs,
          expires_at_ms: wish.expiresAtMs ?? null,
          last_used_at_ms: null,
          revoked_at_ms: null,
        })
        .execute();
      const [made] = await this.list(owner, id, db);
      assert(made, 'what was just written is there');
      const data = { what: 'token', token: id, name: wish.name, scopes: wish.scopes };
      await this.#events.append(db, [{ kind: 'account.changed', subjectId: maker.id, by: maker, data }]);
      return made;
    });
    return { token, secret: new Secret(secret) };
  }

  /** Those of a user, newest first; null: those of the server's owner. */
  async list(userId: string | null, id?: string, db: Kysely<Tables> = this.#db): Promise<ApiTokenView[]> {
    const rows = await db
      .selectFrom('api_tokens')
      .selectAll()
      .where('revoked_at_ms', 'is', null)
      .where('user_id', userId === null ? 'is' : '=', userId)
      .$if(id !== undefined, (query) => query.where('id', '=', id ?? ''))
      .orderBy('created_at_ms', 'desc')
      .limit(perUserMax)
      .execute();
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      scopes: scopes.filter((scope) => row.scopes.includes(scope)),
      createdAtMs: row.created_at_ms,
      expiresAtMs: row.expires_at_ms,
      lastUsedAtMs: row.last_used_at_ms,
    }));
  }

  /** @throws `token.not-found` for one that is not the asker's, unless an admin asks */
  async revoke(asker: Principal, id: string): Promise<void> {
    const owner = ownerOf(asker);
    await this.#db.transaction().execute(async (db) => {
      const revoked = await db
        .updateTable('api_tokens')
        .set({ revoked_at_ms: this.#clock.nowMs(), revoked_by: actorOf(asker) })
        .where('id', '=', id)
        .where('revoked_at_ms', 'is', null)
        .$if(!asker.scopes.includes('admin'), (query) =>
          query.where('user_id', owner === null ? 'is' : '=', owner),
        )
        .returning('user_id')
        .executeTakeFirst();
      if (!revoked) throw fault('token.not-found', `you have no token "${id}"`);
      const subjectId = revoked.user_id ?? serverOwner.id;
      const data = { what: 'revoked', token: id };
      await this.#events.append(db, [{ kind: 'account.changed', subjectId, by: asker, data }]);
    });
  }

  /** Whom a token stands for; undefined for every wrong one, after the same work. */
  async find(text: string): Promise<Principal | undefined> {
    const id = tokenPattern.exec(text)?.[1];
    const nowMs = this.#clock.nowMs();
    const row = await this.#db
      .selectFrom('api_tokens')
      .leftJoin('users', 'users.id', 'api_tokens.user_id')
      .selectAll('api_tokens')
      .select(['users.role', 'users.name as owner_name', 'users.disabled_at_ms'])
      .where('api_tokens.id', '=', id ?? '')
      .where('api_tokens.revoked_at_ms', 'is', null)
      .executeTakeFirst();
    const isRight = timingSafeEqual(hashOf(text), row?.hash ?? Buffer.alloc(32));
    if (!isRight || !row || row.disabled_at_ms !== null) return undefined;
    if (row.expires_at_ms !== null && row.expires_at_ms <= nowMs) return undefined;
    if (row.user_id !== null && row.role === null) return undefined;
    if ((row.last_used_at_ms ?? 0) < nowMs - usedEveryMs) {
      await this.#db
        .updateTable('api_tokens')
        .set({ last_used_at_ms: nowMs })
        .where('id', '=', row.id)
        .execute();
    }
    const ofMaker = row.role === null ? scopes : scopesOf[row.role];
    return {
      kind: 'token',
      id: row.id,
      // Whoever reads "approved by" wants a person: whom to ask.
      name: `${row.name} (a token of ${row.owner_name ?? serverOwner.name})`,
      scopes: ofMaker.filter((scope) => row.scopes.includes(scope)),
    };
  }
}

/** Whose tokens somebody makes. A token makes none: it could outlive its own end by another. @throws `auth.forbidden` */
function ownerOf(maker: Principal): string | null {
  if (maker.kind === 'token')
    throw fault('auth.forbidden', 'a token cannot make or see tokens: sign in for that');
  return maker.kind === 'user' ? maker.id : null;
}

function fault(code: string, message: string): TouchlineError {
  return new TouchlineError({ code, message, retryable: false, blame: 'caller' });
}
