import type { Kysely, Transaction } from 'kysely';

import type { Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import type { Tables } from '../../store/schema.ts';
import { drawSecret, hashOf } from './secrets.ts';

/** Long enough for a mail to be read the next morning. */
const linkAgeMs = 24 * 3_600_000;

export interface LoginLink {
  userId: string | null;
  isDirect: boolean;
}

/** Links that open the door once: the first account, an invitation, a forgotten password. */
export class LoginLinks {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: { db: Kysely<Tables>; clock: Clock; random: Random }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** A new one for this user (null: for the first account); an older one of theirs stops working. */
  async make(link: LoginLink, db: Transaction<Tables>): Promise<Secret> {
    const code = drawSecret(this.#random);
    const nowMs = this.#clock.nowMs();
    const old = db.deleteFrom('login_links');
    await (
      link.userId === null ? old.where('user_id', 'is', null) : old.where('user_id', '=', link.userId)
    ).execute();
    await db.deleteFrom('login_links').where('expires_at_ms', '<', nowMs).execute();
    await db
      .insertInto('login_links')
      .values({
        hash: hashOf(code),
        user_id: link.userId,
        is_direct: link.isDirect,
        created_at_ms: nowMs,
        expires_at_ms: nowMs + linkAgeMs,
      })
      .execute();
    return new Secret(code);
  }

  /** The link behind a code, without using it up. @throws `auth.link-over` */
  async look(code: Secret): Promise<LoginLink> {
    const row = await this.#db
      .selectFrom('login_links')
      .select(['user_id', 'is_direct'])
      .where('hash', '=', hashOf(code.reveal()))
      .where('expires_at_ms', '>', this.#clock.nowMs())
      .executeTakeFirst();
    return row ? { userId: row.user_id, isDirect: row.is_direct } : linkIsOver();
  }

  async endAll(userId: string, db: Kysely<Tables>): Promise<void> {
    await db.deleteFrom('login_links').where('user_id', '=', userId).execute();
  }

  /** Uses it up. Of two at once one gets it. @throws `auth.link-over` */
  async use(code: Secret, db: Kysely<Tables>): Promise<void> {
    const done = await db
      .deleteFrom('login_links')
      .where('hash', '=', hashOf(code.reveal()))
      .where('expires_at_ms', '>', this.#clock.nowMs())
      .executeTakeFirst();
    if (done.numDeletedRows === 0n) linkIsOver();
  }
}

function linkIsOver(): never {
  throw new TouchlineError({
    code: 'auth.link-over',
    message:
      'this link was used already, or has run out: whoever runs the server makes a new one (touchline user link NAME)',
    retryable: false,
    blame: 'caller',
  });
}
