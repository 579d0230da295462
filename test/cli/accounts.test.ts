import { Command } from 'commander';
import { beforeEach, describe, expect, it } from 'vitest';

import { register as registerToken } from '../../cli/commands/token.ts';
import { register as registerUser } from '../../cli/commands/user.ts';
import { AccountDesk } from '../../control/account-desk.ts';
import { systemClock } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { openCatalogue } from '../../store/catalogue.ts';
import { usePostgres } from '../support/postgres.ts';
import { startTestWeb } from '../support/test-web.ts';
import { FakeDesk } from '../web/fake-desk.ts';
import { memoryIo } from './memory-io.ts';

const postgres = usePostgres();
const serverToken = 'server-token-0123456789';

let url: string;
let accounts: AccountDesk;
beforeEach(async () => {
  const catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  accounts = new AccountDesk({ db: catalogue.db, clock: systemClock, random: systemRandom });
  const web = await startTestWeb({ desk: new FakeDesk(), accounts, token: new Secret(serverToken) });
  ({ url } = web);
  return async () => {
    await web.stop();
    await catalogue.close();
  };
});

/** The command against the server of this test: what it printed, and what it told beside. */
async function touchline(...words: string[]): Promise<{ lines: string[]; told: string[] }> {
  const { io, printed, told } = memoryIo({ TOUCHLINE_URL: url, TOUCHLINE_TOKEN: serverToken });
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  for (const register of [registerToken, registerUser]) register(program, io);
  await program.parseAsync(words, { from: 'user' });
  return { lines: [...printed.lines], told };
}

async function channelsSeenBy(secret: string): Promise<number> {
  const headers = { authorization: `Bearer ${secret}` };
  return (await fetch(`${url}/api/v1/channels`, { headers })).status;
}

describe('touchline token', () => {
  it('prints a token once, alone on stdout; it reads, is listed without its secret, and works until it is revoked', async () => {
    const { lines, told } = await touchline('token', 'create', 'nightly');
    const [secret = ''] = lines;
    expect(lines).toEqual([expect.stringMatching(/^tla_[0-9a-f]{16}_[\w-]{43}$/)]);
    expect(told.join()).not.toContain(secret);
    expect(await channelsSeenBy(secret)).toBe(200);
    const listed = await touchline('token', 'list');
    expect(listed.lines).toEqual([expect.stringMatching(/^[0-9a-f]{16} {2}nightly {2}read {2}last used /)]);
    await touchline('token', 'revoke', secret.split('_')[1] ?? '');
    expect(await channelsSeenBy(secret)).toBe(401);
    expect((await touchline('token', 'list')).lines).toEqual([]);
  });

  it('gives the scopes and the end that were asked for', async () => {
    const beganAtMs = systemClock.nowMs();
    const wish = ['token', 'create', 'desk', '--scope', 'read', 'review', '--days', '30', '--json'];
    const { lines } = await touchline(...wish);
    const { token } = JSON.parse(lines[0] ?? '') as { token: { scopes: string[]; expiresAtMs: number } };
    expect(token.scopes).toEqual(['read', 'review']);
    const days = (token.expiresAtMs - beganAtMs) / 86_400_000;
    expect(days).toBeGreaterThanOrEqual(30);
    expect(days).toBeLessThan(30.01);
  });

  it.each([
    ['--scope', 'everything'],
    ['--days', '0'],
    ['--days', '3651'],
    ['--days', '1.5'],
  ])('takes no %s %s', async (option, value) => {
    await expect(touchline('token', 'create', 'x', option, value)).rejects.toMatchObject({
      code: 'commander.invalidArgument',
    });
    expect(await accounts.tokens.list(null)).toEqual([]);
  });

  it('says which one there is not', async () => {
    await expect(touchline('token', 'revoke', 'none')).rejects.toMatchObject({ code: 'token.not-found' });
  });
});

describe('touchline user', () => {
  it('invites by a link that opens the account, changes its role, and shuts out', async () => {
    const { lines } = await touchline('user', 'add', 'Ana Q', '--role', 'operator');
    expect(lines).toEqual([expect.stringMatching(new RegExp(`^${url}/welcome#[\\w-]{43}$`))]);
    const code = new Secret(new URL(lines[0] ?? '').hash.slice(1));
    const done = await accounts.redeem(code, { password: new Secret('eleven men and a ball') }, 'Firefox');
    if (done.state !== 'signed-in') throw new Error(done.state);
    expect((await touchline('user', 'role', 'ana q', 'editor')).lines).toEqual(['Ana Q  editor']);
    expect(await accounts.sessions.find(done.session)).toMatchObject({ role: 'editor' });
    await touchline('user', 'disable', 'Ana Q');
    expect(await accounts.sessions.find(done.session)).toBeUndefined();
    expect((await touchline('user', 'list')).lines).toEqual(['Ana Q  editor  shut out']);
    await expect(touchline('user', 'link', 'Ana Q')).rejects.toMatchObject({ code: 'account.conflict' });
    await touchline('user', 'enable', 'Ana Q');
    expect((await touchline('user', 'link', 'Ana Q')).lines).toEqual([expect.stringContaining('/welcome#')]);
  });

  it('refuses a name that is taken, and one that is not there', async () => {
    await touchline('user', 'add', 'Ana');
    await expect(touchline('user', 'add', 'ANA')).rejects.toMatchObject({ code: 'account.taken' });
    await expect(touchline('user', 'link', 'Ben')).rejects.toMatchObject({ code: 'account.not-found' });
  });
});
