import { timingSafeEqual } from 'node:crypto';

import type { Kysely } from 'kysely';

import type { Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import type { Tables } from '../../store/schema.ts';
import { scopes, scopesOf, type Principal, type Scope } from '../principal.ts';
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

  constructor(options: { db: Kysely<Tables>; clock: Clock; random: Random }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#random = options.random;
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
    if ((await this.list(owner)).length >= perUserMax) {
      throw fault('token.taken', `you have ${perUserMax} tokens: revoke those that nothing uses`);
    }
    const id = Buffer.from(this.#random.bytes(8)).toString('hex');
    const secret = `tla_${id}_${drawSecret(this.#random)}`;
    await this.#db
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
    const [token] = await this.list(owner, id);
    if (!token) throw fault('token.not-found', 'the token was revoked at once');
    return { token, secret: new Secret(secret) };
  }

  /** Those of a user, newest first; null: those of the server's owner. */
  async list(userId: string | null, id?: string): Promise<ApiTokenView[]> {
    const rows = await this.#db
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
    const done = await this.#db
      .updateTable('api_tokens')
      .set({ revoked_at_ms: this.#clock.nowMs() })
      .where('id', '=', id)
      .where('revoked_at_ms', 'is', null)
      .$if(!asker.scopes.includes('admin'), (query) =>
        query.where('user_id', owner === null ? 'is' : '=', owner),
      )
      .executeTakeFirst();
    if (done.numUpdatedRows === 0n) throw fault('token.not-found', `you have no token "${id}"`);
  }

  /** Whom a token stands for; undefined for every wrong one, after the same work. */
  async find(text: string): Promise<Principal | undefined> {
    const id = tokenPattern.exec(text)?.[1];
    const nowMs = this.#clock.nowMs();
    const row = await this.#db
      .selectFrom('api_tokens')
      .leftJoin('users', 'users.id', 'api_tokens.user_id')
      .selectAll('api_tokens')
      .select(['users.role', 'users.disabled_at_ms'])
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
      name: row.name,
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
