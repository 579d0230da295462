import type { Kysely, Selectable, Transaction } from 'kysely';

import type { Actor } from '../core/actor.ts';
import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { Secret } from '../core/secret.ts';
import type { Tables } from '../store/schema.ts';
import { ApiTokens } from './accounts/api-tokens.ts';
import { Idempotency } from './accounts/idempotency.ts';
import { LoginLinks } from './accounts/login-links.ts';
import { Passwords } from './accounts/passwords.ts';
import { Sessions } from './accounts/sessions.ts';
import { Users, type UserView } from './accounts/users.ts';
import { EventLog, type NewEvent } from './event-log.ts';
import type { Role } from './principal.ts';

/** The account desk as others see it: its private fields would keep anything else from standing in for it. */
export type Accounts = Open<Omit<AccountDesk, 'users' | 'sessions' | 'tokens' | 'idempotency'>> & {
  users: Open<Users>;
  sessions: Open<Sessions>;
  tokens: Open<ApiTokens>;
  idempotency: Open<Idempotency>;
};
type Open<T> = Pick<T, keyof T>;

/** What a one-time link still needs before it opens. */
export type Redeemed =
  | { state: 'signed-in'; session: Secret }
  /** `name` is that of the account which is there already. */
  | { state: 'details-needed'; name: string | null };

/** Who may come in: accounts, where they are signed in, and the tokens of programs. */
export class AccountDesk {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: ApiTokens;
  readonly idempotency: Idempotency;
  readonly #db: Kysely<Tables>;
  readonly #links: LoginLinks;
  readonly #passwords: Passwords;
  readonly #events: EventLog;

  constructor(options: { db: Kysely<Tables>; clock: Clock; random: Random }) {
    const events = new EventLog(options);
    this.#db = options.db;
    this.users = new Users({ ...options, events });
    this.sessions = new Sessions(options);
    this.tokens = new ApiTokens({ ...options, events });
    this.idempotency = new Idempotency(options);
    this.#links = new LoginLinks(options);
    this.#passwords = new Passwords(options.random);
    this.#events = events;
  }

  /** The session of whoever has this name and password; undefined for every wrong pair, after the same work. */
  async signIn(name: string, password: Secret, agent: string): Promise<Secret | undefined> {
    const user = await this.users.find(name);
    const isOpen = user !== undefined && user.disabled_at_ms === null;
    const isRight = await this.#passwords.isRight(password, isOpen ? user.password_hash : null);
    if (!user || !isRight) return undefined;
    return await this.#db.transaction().execute(async (db) => {
      // It may have been changed, or its owner shut out, in the tenth of a second that the comparison took: every session was ended then.
      const still = await db
        .selectFrom('users')
        .select('id')
        .where('id', '=', user.id)
        .where('password_hash', '=', user.password_hash)
        .where('disabled_at_ms', 'is', null)
        .forShare()
        .executeTakeFirst();
      if (!still) return undefined;
      const session = await this.sessions.begin(user.id, agent, db);
      await this.#events.append(db, [signedInEvent(user, 'password')]);
      return session;
    });
  }

  /**
   * A link that makes an account or opens one, for 24 hours and once.
   *
   * @param idOrName null: for the first account of this server
   * @param about `isDirect`: it asks for no password (a demonstration). `by`: who asked for it; nobody at the start of a server
   * @returns the part behind `/welcome#`
   */
  async makeLink(idOrName: string | null, about: { isDirect?: boolean; by?: Actor } = {}): Promise<Secret> {
    const user = idOrName === null ? null : await this.users.row(idOrName);
    return await this.#db
      .transaction()
      .execute(async (db) => await this.#link(user, { ...about, what: 'link' }, db));
  }

  async #link(
    user: Pick<Selectable<Tables['users']>, 'id' | 'name' | 'disabled_at_ms'> | null,
    about: { isDirect?: boolean; by?: Actor; what: 'link' | 'invited' },
    db: Transaction<Tables>,
  ): Promise<Secret> {
    const { isDirect = false, by, what } = about;
    if (user && user.disabled_at_ms !== null) {
      throw callerFault('account.conflict', `"${user.name}" is shut out: let them in again first`);
    }
    const link = await this.#links.make({ userId: user?.id ?? null, isDirect }, db);
    if (user && by) {
      await this.#events.append(db, [{ kind: 'account.changed', subjectId: user.id, by, data: { what } }]);
    }
    return link;
  }

  /** @throws `auth.link-over`, `account.taken` */
  async redeem(
    code: Secret,
    details: { name?: string | undefined; password?: Secret | undefined },
    agent: string,
  ): Promise<Redeemed> {
    const link = await this.#links.look(code);
    const user = link.userId === null ? undefined : await this.users.row(link.userId);
    const { name, password } = details;
    if (!link.isDirect && (password === undefined || (!user && name === undefined))) {
      return { state: 'details-needed', name: user?.name ?? null };
    }
    const passwordHash = password && (await this.#passwords.hash(password));
    const session = await this.#db.transaction().execute(async (db) => {
      await this.#links.use(code, db);
      const owner = user ?? (await this.#createFirst(name ?? '', passwordHash ?? null, db));
      const { id } = owner;
      if (user && passwordHash !== undefined) {
        await this.users.setPassword(id, passwordHash, db);
        // Whoever knew the old one is out.
        await this.sessions.endAll(id, db);
      }
      const session = await this.sessions.begin(id, agent, db);
      await this.#events.append(db, [signedInEvent(owner, 'link')]);
      return session;
    });
    return { state: 'signed-in', session };
  }

  /** Another password, and out everywhere else; a link that still waits is void. @throws `account.invalid` when the old one is wrong */
  async changePassword(userId: string, old: Secret, password: Secret, agent: string): Promise<Secret> {
    const user = await this.users.row(userId);
    if (!(await this.#passwords.isRight(old, user.password_hash))) {
      throw callerFault('account.invalid', 'the old password is not right');
    }
    const hash = await this.#passwords.hash(password);
    return await this.#db.transaction().execute(async (db) => {
      await this.users.setPassword(userId, hash, db);
      await this.sessions.endAll(userId, db);
      await this.#links.endAll(userId, db);
      const session = await this.sessions.begin(userId, agent, db);
      const by = { kind: 'user', id: userId, name: user.name } as const;
      await this.#events.append(db, [
        { kind: 'account.changed', subjectId: userId, by, data: { what: 'password' } },
      ]);
      return session;
    });
  }

  /** An account whose owner chooses the password by a link. */
  async invite(wish: { name: string; role: Role }, by: Actor): Promise<{ user: UserView; link: Secret }> {
    return await this.#db.transaction().execute(async (db) => {
      const user = await this.users.create({ ...wish, passwordHash: null }, db);
      const { id, name } = user;
      return {
        user,
        link: await this.#link({ id, name, disabled_at_ms: null }, { by, what: 'invited' }, db),
      };
    });
  }

  /** Two people with the same first link: one becomes the admin. */
  async #createFirst(name: string, passwordHash: string | null, db: Kysely<Tables>): Promise<UserView> {
    if (await this.users.hasAdmin(db))
      throw callerFault('auth.link-over', 'this server has its first account already: sign in');
    return await this.users.create({ name, role: 'admin', passwordHash }, db);
  }
}

function signedInEvent({ id, name }: { id: string; name: string }, how: 'password' | 'link'): NewEvent {
  return { kind: 'account.signed-in', subjectId: id, by: { kind: 'user', id, name }, data: { how } };
}

function callerFault(code: string, message: string): TouchlineError {
  return new TouchlineError({ code, message, retryable: false, blame: 'caller' });
}
