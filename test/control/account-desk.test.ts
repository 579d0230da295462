import { sql } from 'kysely';
import { beforeEach, describe, expect, it } from 'vitest';

import { AccountDesk } from '../../control/account-desk.ts';
import { sessionAgeMs, sessionIdleMs } from '../../control/accounts/sessions.ts';
import { serverOwner, type Principal } from '../../control/principal.ts';
import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { usePostgres } from '../support/postgres.ts';

const postgres = usePostgres();
let nowMs = 1_000_000_000;
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => {} };
const password = new Secret('eleven men and a ball');
const agent = 'Firefox';

let catalogue: Catalogue;
let desk: AccountDesk;
beforeEach(async () => {
  nowMs = 1_000_000_000;
  catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  desk = new AccountDesk({ db: catalogue.db, clock, random: systemRandom });
  return async () => await catalogue.close();
});

async function signedInAs(name: string, details: { name?: string; password: Secret } = { name, password }) {
  const link = await desk.makeLink((await desk.users.hasAdmin()) ? name : null);
  const done = await desk.redeem(link, details, agent);
  if (done.state !== 'signed-in') throw new Error(done.state);
  const found = await desk.sessions.find(done.session);
  if (!found) throw new Error('no session');
  return { session: done.session, principal: found.principal };
}

describe('a one-time link', () => {
  it('makes the first account, an admin, and says before what it needs', async () => {
    const link = await desk.makeLink(null);
    expect(await desk.redeem(link, {}, agent)).toEqual({ state: 'details-needed', name: null });
    expect(await desk.redeem(link, { name: 'Ana' }, agent)).toEqual({ state: 'details-needed', name: null });
    const done = await desk.redeem(link, { name: 'Ana', password }, agent);
    expect(done.state).toBe('signed-in');
    expect(await desk.users.list()).toMatchObject([{ name: 'Ana', role: 'admin', hasPassword: true }]);
  });

  it('works once, also when two come at the same moment', async () => {
    const link = await desk.makeLink(null);
    const both = await Promise.allSettled(
      ['Ana', 'Ben'].map((name) => desk.redeem(link, { name, password }, agent)),
    );
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    await expect(desk.redeem(link, { name: 'Cleo', password }, agent)).rejects.toThrow('used already');
    expect(await desk.users.list()).toHaveLength(1);
  });

  it('ends after a day, and when a newer one is made for the same person', async () => {
    const old = await desk.makeLink(null);
    const link = await desk.makeLink(null);
    await expect(desk.redeem(old, {}, agent)).rejects.toMatchObject({ code: 'auth.link-over' });
    nowMs += 24 * 3_600_000;
    await expect(desk.redeem(link, {}, agent)).rejects.toMatchObject({ code: 'auth.link-over' });
  });

  it('for somebody who is there sets a new password and ends every session that is open', async () => {
    const { session } = await signedInAs('Ana');
    const other = new Secret('another one altogether');
    const link = await desk.makeLink('ana');
    expect(await desk.redeem(link, {}, agent)).toEqual({ state: 'details-needed', name: 'Ana' });
    await desk.redeem(link, { password: other }, agent);
    expect(await desk.sessions.find(session)).toBeUndefined();
    expect(await desk.signIn('Ana', password, agent)).toBeUndefined();
    expect(await desk.signIn('Ana', other, agent)).toBeDefined();
  });

  it('of a demonstration asks for nothing', async () => {
    const user = await desk.users.create({ name: 'demo', role: 'admin', passwordHash: null });
    expect((await desk.redeem(await desk.makeLink(user.id, { isDirect: true }), {}, agent)).state).toBe(
      'signed-in',
    );
  });
});

describe('the first account', () => {
  it('is still to be made while nobody who may everything has a password: a demonstration, somebody invited', async () => {
    const demo = await desk.users.create({ name: 'demo', role: 'admin', passwordHash: null });
    await desk.redeem(await desk.makeLink(demo.id, { isDirect: true }), {}, agent);
    const { link } = await desk.invite({ name: 'Ben', role: 'editor' }, serverOwner);
    await desk.redeem(link, { password }, agent);
    expect(await desk.users.hasAdmin()).toBe(false);
    expect((await desk.redeem(await desk.makeLink(null), { name: 'Ana', password }, agent)).state).toBe(
      'signed-in',
    );
    expect(await desk.users.hasAdmin()).toBe(true);
    const late = desk.redeem(await desk.makeLink(null), { name: 'Cleo', password }, agent);
    await expect(late).rejects.toMatchObject({ code: 'auth.link-over' });
  });
});

describe('another password', () => {
  it('is taken from whoever knows the old one; sessions and links from before are void, and the log says who', async () => {
    const { session, principal } = await signedInAs('Ana');
    const link = await desk.makeLink('Ana');
    const other = new Secret('another one altogether');
    const wrong = desk.changePassword(principal.id, new Secret('a guess'), other, agent);
    await expect(wrong).rejects.toMatchObject({ code: 'account.invalid' });
    expect(await desk.sessions.find(session)).toBeDefined();
    const again = await desk.changePassword(principal.id, password, other, agent);
    expect(await desk.sessions.find(session)).toBeUndefined();
    expect(await desk.sessions.find(again)).toBeDefined();
    await expect(desk.redeem(link, { password }, agent)).rejects.toMatchObject({ code: 'auth.link-over' });
    const told = await catalogue.db
      .selectFrom('events')
      .selectAll()
      .where('kind', '=', 'account.changed')
      .execute();
    expect(told).toMatchObject([
      { subject_id: principal.id, actor: { id: principal.id, name: 'Ana' }, data: { what: 'password' } },
    ]);
    expect(JSON.stringify(told)).not.toContain(other.reveal());
  });
});

describe('signing in', () => {
  it('takes the right password, whatever the case of the name, and nothing else', async () => {
    await signedInAs('Ana');
    expect(await desk.signIn('ANA', password, agent)).toBeDefined();
    expect(await desk.signIn('Ana', new Secret('eleven men and a bal'), agent)).toBeUndefined();
    expect(await desk.signIn('Nobody', password, agent)).toBeUndefined();
  });

  it('lets nobody in by an account that has no password', async () => {
    await desk.users.create({ name: 'Ben', role: 'editor', passwordHash: null });
    expect(await desk.signIn('Ben', new Secret(''), agent)).toBeUndefined();
  });

  it('keeps no password and no session that could be read from the database', async () => {
    const { session } = await signedInAs('Ana');
    const { rows } = await catalogue.db
      .selectFrom('users')
      .selectAll()
      .execute()
      .then(async (users) => ({
        rows: [...users, ...(await catalogue.db.selectFrom('sessions').selectAll().execute())],
      }));
    const text = JSON.stringify(rows);
    expect(text).not.toContain(password.reveal());
    expect(text).not.toContain(session.reveal());
    expect(rows[0]).toMatchObject({
      password_hash: expect.stringMatching(/^scrypt\$32768\$8\$3\$/) as string,
    });
  });

  it('answers busy, not never, when hundreds come at once', async () => {
    const all = await Promise.allSettled(
      Array.from({ length: 40 }, () => desk.signIn('Nobody', password, agent)),
    );
    const refused = all.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(10);
    expect(refused[0]).toMatchObject({ reason: { code: 'auth.unavailable', retryable: true } });
  });
});

describe('a session', () => {
  it('ends a fortnight after the last look and 90 days after it began', async () => {
    const { session } = await signedInAs('Ana');
    nowMs += sessionIdleMs - 1;
    expect(await desk.sessions.find(session)).toBeDefined();
    nowMs += sessionIdleMs;
    expect(await desk.sessions.find(session)).toBeUndefined();

    const again = await desk.signIn('Ana', password, agent);
    const beganAtMs = nowMs;
    while (nowMs < beganAtMs + sessionAgeMs - sessionIdleMs) {
      nowMs += sessionIdleMs / 2;
      expect(again && (await desk.sessions.find(again))).toBeDefined();
    }
    nowMs = beganAtMs + sessionAgeMs;
    expect(again && (await desk.sessions.find(again))).toBeUndefined();
  });

  it('holds what its user may now, and nothing once they are shut out', async () => {
    await signedInAs('Ana');
    const { link, user } = await desk.invite({ name: 'Ben', role: 'operator' }, serverOwner);
    const done = await desk.redeem(link, { password }, agent);
    if (done.state !== 'signed-in') throw new Error(done.state);
    await desk.users.change(user.id, { role: 'viewer' }, serverOwner);
    expect(await desk.sessions.find(done.session)).toMatchObject({ principal: { scopes: ['read'] } });
    await desk.users.change(user.id, { isDisabled: true }, serverOwner);
    expect(await desk.sessions.find(done.session)).toBeUndefined();
    expect(await desk.signIn('Ben', password, agent)).toBeUndefined();
  });
});

describe('the last admin', () => {
  it('can be neither demoted nor shut out, also when two do it to each other at once', async () => {
    const { principal } = await signedInAs('Ana');
    await expect(desk.users.change(principal.id, { role: 'viewer' }, serverOwner)).rejects.toMatchObject({
      code: 'account.conflict',
    });
    const ben = await desk.users.create({ name: 'Ben', role: 'admin', passwordHash: null });
    const both = await Promise.allSettled([
      desk.users.change(principal.id, { role: 'viewer' }, serverOwner),
      desk.users.change(ben.id, { isDisabled: true }, serverOwner),
    ]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('a token', () => {
  const editor: Principal = { kind: 'user', id: '', name: 'Ben', scopes: ['read', 'review'] };

  async function editorToken(expiresAtMs?: number) {
    const { id } = await desk.users.create({ name: 'Ben', role: 'editor', passwordHash: null });
    const made = await desk.tokens.make(
      { ...editor, id },
      { name: 'feed', scopes: ['read', 'review'], expiresAtMs },
    );
    return { id, ...made };
  }

  it('stands for its scopes, and for no more than its maker may at this moment', async () => {
    const { id, secret } = await editorToken();
    expect(await desk.tokens.find(secret.reveal())).toMatchObject({
      kind: 'token',
      scopes: ['read', 'review'],
    });
    await desk.users.change(id, { role: 'viewer' }, serverOwner);
    expect(await desk.tokens.find(secret.reveal())).toMatchObject({ scopes: ['read'] });
    await desk.users.change(id, { isDisabled: true }, serverOwner);
    expect(await desk.tokens.find(secret.reveal())).toBeUndefined();
  });

  it('cannot be made with more than one may, nor by a token', async () => {
    const { id } = await desk.users.create({ name: 'Ben', role: 'editor', passwordHash: null });
    const wish = { name: 'feed', scopes: ['operate' as const] };
    await expect(desk.tokens.make({ ...editor, id }, wish)).rejects.toMatchObject({ code: 'auth.forbidden' });
    const byToken: Principal = { kind: 'token', id: 'x', name: 'x', scopes: ['read'] };
    await expect(desk.tokens.make(byToken, { name: 'y', scopes: ['read'] })).rejects.toMatchObject({
      code: 'auth.forbidden',
    });
  });

  it('ends when it is revoked, by its owner or an admin alone, and at its time', async () => {
    const { id, token, secret } = await editorToken(nowMs + 1_000);
    const stranger: Principal = { ...editor, id: 'usr_other' };
    await expect(desk.tokens.revoke(stranger, token.id)).rejects.toMatchObject({ code: 'token.not-found' });
    nowMs += 999;
    expect(await desk.tokens.find(secret.reveal())).toBeDefined();
    nowMs += 1;
    expect(await desk.tokens.find(secret.reveal())).toBeUndefined();
    nowMs -= 500;
    await desk.tokens.revoke({ ...editor, id }, token.id);
    expect(await desk.tokens.find(secret.reveal())).toBeUndefined();
    expect(await desk.tokens.list(id)).toEqual([]);
  });
});

describe('a request with a key', () => {
  const asked = { principalId: 'usr_1', key: 'k1' };
  const requestHash = Buffer.from('one');

  it('is the first once; then its answer, or a conflict with another request', async () => {
    expect(await desk.idempotency.begin({ ...asked, requestHash })).toEqual({ kind: 'first' });
    expect(await desk.idempotency.begin({ ...asked, requestHash })).toEqual({ kind: 'in-hand' });
    await desk.idempotency.finish(asked, { status: 201, body: '{}' });
    expect(await desk.idempotency.begin({ ...asked, requestHash })).toEqual({
      kind: 'done',
      status: 201,
      body: '{}',
    });
    const other = Buffer.from('two');
    expect(await desk.idempotency.begin({ ...asked, requestHash: other })).toEqual({ kind: 'other' });
    expect(await desk.idempotency.begin({ ...asked, principalId: 'usr_2', requestHash })).toEqual({
      kind: 'first',
    });
  });

  it('may come again when it failed, when its server died, and after a day', async () => {
    await desk.idempotency.begin({ ...asked, requestHash });
    await desk.idempotency.forget(asked);
    expect(await desk.idempotency.begin({ ...asked, requestHash })).toEqual({ kind: 'first' });
    const sinceMs = nowMs;
    nowMs += 120_001;
    expect(await desk.idempotency.begin({ ...asked, requestHash })).toEqual({ kind: 'unsure', sinceMs });
    nowMs += 120_000;
    expect(await desk.idempotency.begin({ ...asked, requestHash })).toEqual({ kind: 'in-hand' });
    nowMs += 1;
    expect(await desk.idempotency.begin({ ...asked, requestHash })).toEqual({ kind: 'unsure', sinceMs });
    await desk.idempotency.finish(asked, { status: 200, body: null });
    nowMs += 24 * 3_600_000 + 1;
    expect(await desk.idempotency.begin({ ...asked, requestHash })).toEqual({ kind: 'first' });
  });

  it('is kept among the last ten thousand of whoever asked', async () => {
    await sql`insert into idempotency select 'usr_1', 'old' || n, '\\x00', 200, '', ${nowMs} - 20000 + n
      from generate_series(1, 10000) n`.execute(catalogue.db);
    await sql`insert into idempotency values ('usr_2', 'old', '\\x00', 200, '', ${nowMs} - 30000)`.execute(
      catalogue.db,
    );
    const count = async () =>
      Number(
        (
          await catalogue.db
            .selectFrom('idempotency')
            .select(({ fn }) => fn.countAll().as('count'))
            .executeTakeFirstOrThrow()
        ).count,
      );
    // Exactly as many as are kept: none goes.
    expect(await desk.idempotency.begin({ ...asked, requestHash })).toEqual({ kind: 'first' });
    expect(await count()).toBe(10_002);
    for (let nth = 0; nth < 100; nth += 1)
      await desk.idempotency.begin({ ...asked, key: `k1${nth}`, requestHash });
    // The sweep came before the last of them: 10,000 of this one, that one, and the row of somebody else.
    expect(await count()).toBe(10_002);
    expect(await desk.idempotency.begin({ ...asked, key: 'old1', requestHash: Buffer.from([0]) })).toEqual({
      kind: 'first',
    });
  });
});

async function told() {
  const rows = await catalogue.db.selectFrom('events').selectAll().orderBy('id').execute();
  return rows.map(({ kind, subject_id: subjectId, actor, data }) => ({ kind, subjectId, actor, ...data }));
}

describe('what was done to accounts', () => {
  it('is told with who did it: the person, or the program and whose it is', async () => {
    const { principal: ana } = await signedInAs('Ana');
    const { user } = await desk.invite({ name: 'Ben', role: 'editor' }, ana);
    await desk.makeLink(user.id, { by: ana });
    await desk.users.change(user.id, { role: 'viewer' }, serverOwner);
    await desk.changePassword(ana.id, password, new Secret('twelve of them and two balls'), agent);
    const { token, secret } = await desk.tokens.make(ana, { name: 'feed', scopes: ['read', 'review'] });
    await desk.tokens.revoke({ ...ana, id: user.id }, token.id);
    const [who, ben] = [
      { kind: 'user', id: ana.id, name: 'Ana' },
      { kind: 'user', id: user.id, name: 'Ana' },
    ];
    const owner = { kind: 'server', id: 'server', name: 'the owner of the server' };
    expect(await told()).toEqual([
      { kind: 'account.signed-in', subjectId: ana.id, actor: who, how: 'link' },
      { kind: 'account.changed', subjectId: user.id, actor: who, what: 'invited' },
      { kind: 'account.changed', subjectId: user.id, actor: who, what: 'link' },
      { kind: 'account.changed', subjectId: user.id, actor: owner, role: 'viewer' },
      { kind: 'account.changed', subjectId: ana.id, actor: who, what: 'password' },
      {
        kind: 'account.changed',
        subjectId: ana.id,
        actor: who,
        what: 'token',
        token: token.id,
        name: 'feed',
        scopes: ['read', 'review'],
      },
      { kind: 'account.changed', subjectId: ana.id, actor: ben, what: 'revoked', token: token.id },
    ]);
    expect(await desk.tokens.find(secret.reveal())).toBeUndefined();
  });

  it('does not happen when it cannot be told', async () => {
    const { principal: ana } = await signedInAs('Ana');
    const { token, secret } = await desk.tokens.make(ana, { name: 'feed', scopes: ['read'] });
    const { user } = await desk.invite({ name: 'Ben', role: 'editor' }, ana);
    await sql`alter table events rename to events_gone`.execute(catalogue.db);
    const refused = [
      () => desk.invite({ name: 'Cleo', role: 'viewer' }, ana),
      () => desk.makeLink(user.id, { by: ana }),
      () => desk.users.change(user.id, { role: 'admin' }, ana),
      () => desk.tokens.make(ana, { name: 'other', scopes: ['read'] }),
      () => desk.tokens.revoke(ana, token.id),
      () => desk.signIn('Ana', password, agent),
      () => desk.changePassword(ana.id, password, new Secret('twelve of them and two balls'), agent),
    ];
    const links = await catalogue.db.selectFrom('login_links').selectAll().execute();
    for (const act of refused) await expect(act()).rejects.toThrow('events');
    expect(await desk.users.list()).toMatchObject([{ name: 'Ana' }, { name: 'Ben', role: 'editor' }]);
    expect(await catalogue.db.selectFrom('login_links').selectAll().execute()).toEqual(links);
    expect(await desk.tokens.list(ana.id)).toMatchObject([{ name: 'feed' }]);
    expect(await desk.sessions.list(ana.id, undefined)).toHaveLength(1);
    await sql`alter table events_gone rename to events`.execute(catalogue.db);
    expect(await desk.tokens.find(secret.reveal())).toMatchObject({
      kind: 'token',
      id: token.id,
      name: 'feed (a token of Ana)',
    });
    expect(await desk.signIn('Ana', password, agent)).toBeDefined();
  });

  it('by a password that was changed while it was compared opens nothing', async () => {
    const { principal: ana } = await signedInAs('Ana');
    let coming: Promise<Secret | undefined> | undefined;
    await catalogue.db.transaction().execute(async (db) => {
      await db.selectFrom('users').select('id').where('id', '=', ana.id).forUpdate().execute();
      coming = desk.signIn('Ana', password, agent);
      // It has compared, and waits for us.
      for (let waiting = 0; waiting === 0;) {
        const { rows } = await sql<{ count: number }>`
          select count(*)::int as count from pg_locks where not granted`.execute(catalogue.db);
        waiting = rows[0]?.count ?? 0;
      }
      await desk.users.setPassword(ana.id, 'another', db);
      await desk.sessions.endAll(ana.id, db);
    });
    expect(await coming).toBeUndefined();
    expect(await desk.sessions.list(ana.id, undefined)).toEqual([]);
  });

  it("names a token of the server's owner as one", async () => {
    const { secret } = await desk.tokens.make(serverOwner, { name: 'cron', scopes: ['read'] });
    expect(await desk.tokens.find(secret.reveal())).toMatchObject({
      name: 'cron (a token of the owner of the server)',
    });
  });
});
