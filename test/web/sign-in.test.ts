import { beforeEach, describe, expect, it } from 'vitest';

import { AccountDesk } from '../../control/account-desk.ts';
import { systemClock } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { TouchlineError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { openCatalogue } from '../../store/catalogue.ts';
import { usePostgres } from '../support/postgres.ts';
import { startTestWeb } from '../support/test-web.ts';
import { FakeDesk } from './fake-desk.ts';

const postgres = usePostgres();
const serverToken = 'server-token-0123456789';
const password = 'eleven men and a ball';

let url: string;
let accounts: AccountDesk;
/** The server's stopwatch: a busy machine must not let a guesser's wait run out. */
let monotonicMs: number;
const clock = { ...systemClock, monotonicMs: () => monotonicMs };
beforeEach(async () => {
  monotonicMs = 1_000_000;
  const catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  accounts = new AccountDesk({ db: catalogue.db, clock: systemClock, random: systemRandom });
  const web = await startTestWeb({ desk: new FakeDesk(), accounts, clock, token: new Secret(serverToken) });
  ({ url } = web);
  return async () => {
    await web.stop();
    await catalogue.close();
  };
});

interface Wish {
  cookie?: string;
  bearer?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

async function ask(
  method: string,
  path: string,
  { cookie, bearer, body, headers }: Wish = {},
): Promise<Response> {
  return await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      ...(cookie === undefined ? {} : { cookie, origin: url }),
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Makes the first account and signs it in. */
async function firstAdmin(): Promise<string> {
  const code = (await accounts.makeLink(null)).reveal();
  const answer = await ask('POST', '/session/redeem', { body: { code, name: 'Ana', password } });
  expect(await answer.json()).toEqual({ state: 'signed-in' });
  return cookieOf(answer);
}

function cookieOf(response: Response): string {
  return response.headers.get('set-cookie')?.split(';')[0] ?? '';
}

describe('the door', () => {
  it('opens by a link, with a cookie that scripts cannot read and other sites cannot send', async () => {
    const code = (await accounts.makeLink(null)).reveal();
    const needed = await ask('POST', '/session/redeem', { body: { code } });
    expect(await needed.json()).toEqual({ state: 'details-needed', name: null });
    const answer = await ask('POST', '/session/redeem', { body: { code, name: 'Ana', password } });
    expect(answer.headers.get('set-cookie')).toMatch(/^touchline_\d+=[\w-]{43}; .*HttpOnly; SameSite=Strict/);
    const cookie = cookieOf(answer);
    expect(await (await ask('GET', '/session', { cookie })).json()).toMatchObject({
      name: 'Ana',
      role: 'admin',
    });
    expect((await ask('GET', '/channels', { cookie })).status).toBe(200);
  });

  it('opens by TLS with a cookie that nobody but this very server could have set', async () => {
    const headers = { 'x-forwarded-proto': 'https' };
    const code = (await accounts.makeLink(null)).reveal();
    const answer = await ask('POST', '/session/redeem', { body: { code, name: 'Ana', password }, headers });
    const given = answer.headers.get('set-cookie') ?? '';
    expect(given).toMatch(/^__Host-touchline_\d+=[\w-]{43}; /);
    expect(given.split('; ').slice(1)).toEqual(expect.arrayContaining(['Secure', 'Path=/', 'HttpOnly']));
    expect(given).not.toMatch(/domain=/i);
    const cookie = cookieOf(answer);
    expect((await ask('GET', '/channels', { cookie, headers })).status).toBe(200);
    // As a page of a neighbour under the same domain could have put it there.
    const tossed = cookie.replace('__Host-', '');
    expect((await ask('GET', '/channels', { cookie: tossed, headers })).status).toBe(401);
    const out = await ask('DELETE', '/session', { cookie, headers });
    expect(out.headers.get('set-cookie')).toMatch(/^__Host-touchline_\d+=; Max-Age=0; .*Secure/);
    expect((await ask('GET', '/channels', { cookie, headers })).status).toBe(401);
  });

  it('opens by name and password, and closes', async () => {
    await firstAdmin();
    const wrong = await ask('POST', '/session', { body: { name: 'Ana', password: 'wrong' } });
    expect([wrong.status, wrong.headers.get('set-cookie')]).toEqual([401, null]);
    const right = await ask('POST', '/session', { body: { name: 'ana', password } });
    const cookie = cookieOf(right);
    expect((await ask('GET', '/channels', { cookie })).status).toBe(200);
    expect((await ask('DELETE', '/session', { cookie })).status).toBe(204);
    expect((await ask('GET', '/channels', { cookie })).status).toBe(401);
  });

  it('lets a guesser wait, longer each time, and says how long; the right password as well', async () => {
    await firstAdmin();
    const statuses: number[] = [];
    for (let nth = 0; nth < 7; nth += 1) {
      statuses.push(
        (await ask('POST', '/session', { body: { name: 'Ana', password: `wrong ${nth}` } })).status,
      );
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
    const right = await ask('POST', '/session', { body: { name: 'Ana', password } });
    expect(right.status).toBe(429);
    expect(right.headers.get('retry-after')).toBe('2');
    monotonicMs += 1_999;
    expect((await ask('POST', '/session', { body: { name: 'Ana', password } })).status).toBe(429);
    monotonicMs += 1;
    const wrong = await ask('POST', '/session', { body: { name: 'Ana', password: 'wrong again' } });
    expect(wrong.status).toBe(401);
    const longer = await ask('POST', '/session', { body: { name: 'Ana', password } });
    expect([longer.status, longer.headers.get('retry-after')]).toEqual([429, '4']);
  });

  it('does not take a database that is away for a wrong password', async () => {
    await firstAdmin();
    const signIn = accounts.signIn.bind(accounts);
    accounts.signIn = async () => {
      throw new TouchlineError({
        code: 'catalogue.unavailable',
        message: 'the database is away',
        retryable: true,
        blame: 'environment',
      });
    };
    for (let nth = 0; nth < 8; nth += 1) {
      expect((await ask('POST', '/session', { body: { name: 'Ana', password } })).status).toBe(503);
    }
    accounts.signIn = signIn;
    expect((await ask('POST', '/session', { body: { name: 'Ana', password } })).status).toBe(204);
  });

  it('lets a handful of hundreds at once try, and goes on answering', async () => {
    const statuses = await Promise.all(
      Array.from(
        { length: 300 },
        async (_, nth) => (await ask('POST', '/session', { body: { name: `n${nth}`, password } })).status,
      ),
    );
    const triedCount = statuses.filter((status) => status === 401).length;
    expect(triedCount).toBeGreaterThanOrEqual(5);
    // One more for each wait that ended meanwhile: 2 s, 4 s, 8 s.
    expect(triedCount).toBeLessThanOrEqual(8);
    expect(statuses.filter((status) => status === 429)).toHaveLength(300 - triedCount);
    expect((await ask('GET', '/channels', { bearer: serverToken })).status).toBe(200);
  });

  it('lets whoever tries codes wait as well, not whoever only looks at what a link needs', async () => {
    const code = (await accounts.makeLink(null)).reveal();
    for (let nth = 0; nth < 8; nth += 1) {
      expect((await ask('POST', '/session/redeem', { body: { code } })).status).toBe(200);
    }
    const statuses: number[] = [];
    for (let nth = 0; nth < 6; nth += 1) {
      statuses.push((await ask('POST', '/session/redeem', { body: { code: `guess-${nth}` } })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
  });

  it('counts by the address that a proxy of ours names, and does not believe anybody else', async () => {
    const guess = async (at: string, address: string): Promise<number> => {
      const headers = { 'x-forwarded-for': address, 'content-type': 'application/json' };
      const body = JSON.stringify({ name: `n${count++}`, password: 'wrong' });
      return (await fetch(`${at}/api/v1/session`, { method: 'POST', headers, body })).status;
    };
    let count = 0;
    const behind = await startTestWeb({
      desk: new FakeDesk(),
      accounts,
      token: new Secret(serverToken),
      proxies: ['127.0.0.1'],
    });
    try {
      for (let n = 1; n <= 5; n += 1) expect(await guess(behind.url, '198.51.100.1')).toBe(401);
      expect(await guess(behind.url, '198.51.100.1')).toBe(429);
      expect(await guess(behind.url, '198.51.100.2')).toBe(401);
    } finally {
      await behind.stop();
    }
    for (let n = 1; n <= 5; n += 1) expect(await guess(url, `198.51.100.${n}`)).toBe(401);
    expect(await guess(url, '198.51.100.9')).toBe(429);
  });

  it('keeps a name as it was typed and gives it back as JSON, but takes none that could steer a terminal', async () => {
    const cookie = await firstAdmin();
    const name = '<img src=x onerror=alert(1)>';
    expect((await ask('POST', '/users', { cookie, body: { name, role: 'viewer' } })).status).toBe(201);
    const listed = await ask('GET', '/users', { cookie });
    expect(listed.headers.get('content-type')).toMatch(/^application\/json/);
    expect(listed.headers.get('x-content-type-options')).toBe('nosniff');
    expect(((await listed.json()) as { users: { name: string }[] }).users.map((user) => user.name)).toContain(
      name,
    );
    for (const bad of ['a\u001b[2Jb', 'a\nb', 'a\u2028b', ' ', 'x'.repeat(61)]) {
      expect((await ask('POST', '/users', { cookie, body: { name: bad, role: 'viewer' } })).status).toBe(400);
    }
  });

  it('answers 401 to a cookie that was made up, and that of another server', async () => {
    const cookie = (await firstAdmin()).replace(/=.*/, `=${'a'.repeat(43)}`);
    expect((await ask('GET', '/channels', { cookie })).status).toBe(401);
    expect((await ask('GET', '/channels', { cookie: 'touchline_1=x' })).status).toBe(401);
  });
});

describe('a change by cookie', () => {
  it('has to come from a page of this server', async () => {
    const cookie = await firstAdmin();
    let nth = 0;
    const post = async (headers: Record<string, string>) =>
      (
        await fetch(`${url}/api/v1/channels`, {
          method: 'POST',
          headers: { cookie, 'content-type': 'application/json', ...headers },
          body: JSON.stringify({ name: `pitch-${(nth += 1)}` }),
        })
      ).status;
    expect(await post({})).toBe(403);
    expect(await post({ origin: 'http://evil.example' })).toBe(403);
    expect(await post({ origin: url })).toBe(201);
    expect(await post({ 'sec-fetch-site': 'same-origin' })).toBe(201);
  });
});

describe('roles', () => {
  it('hold: a viewer sees and changes nothing, an editor decides, an admin invites', async () => {
    const admin = await firstAdmin();
    const invited = await ask('POST', '/users', { cookie: admin, body: { name: 'Vera', role: 'viewer' } });
    expect(invited.headers.get('cache-control')).toBe('no-store');
    const { link } = (await invited.json()) as { link: string };
    const code = link.split('#')[1] ?? '';
    const cookie = cookieOf(await ask('POST', '/session/redeem', { body: { code, password } }));
    expect((await ask('GET', '/moments', { cookie })).status).toBe(200);
    for (const [method, path, body] of [
      ['POST', '/moments/mom_1/decision', { decision: 'approved' }],
      ['POST', '/channels', { name: 'x' }],
      ['GET', '/users', undefined],
      ['POST', '/users', { name: 'x', role: 'admin' }],
      ['PUT', '/scaling/overrides', {}],
      ['POST', '/ingest', { path: '/etc/passwd', name: 'x' }],
    ] as const) {
      const response = await ask(method, path, { cookie, body });
      expect([path, response.status]).toEqual([path, 403]);
    }
  });
});

describe('a token', () => {
  it('is shown once and works until it is revoked', async () => {
    const cookie = await firstAdmin();
    const made = await ask('POST', '/tokens', { cookie, body: { name: 'feed', scopes: ['read'] } });
    expect(made.status).toBe(201);
    const { token, secret } = (await made.json()) as { token: { id: string }; secret: string };
    expect(await (await ask('GET', '/tokens', { cookie })).text()).not.toContain(secret);
    expect((await ask('GET', '/channels', { bearer: secret })).status).toBe(200);
    expect((await ask('POST', '/channels', { bearer: secret, body: { name: 'x' } })).status).toBe(403);
    expect((await ask('DELETE', `/tokens/${token.id}`, { cookie })).status).toBe(204);
    expect((await ask('GET', '/channels', { bearer: secret })).status).toBe(401);
  });
});

describe('a POST with an Idempotency-Key', () => {
  const headers = { 'idempotency-key': 'k-1' };

  it('is done once; the same again gets the same answer, another request a conflict', async () => {
    const body = { decision: 'approved' };
    const missing = await ask('POST', '/moments/mom_none/decision', { bearer: serverToken, body, headers });
    expect(missing.status).toBe(404);
    // A fault is not kept: the key may be used again.
    const wish = { name: 'nightly', scopes: ['read'] };
    const first = await ask('POST', '/tokens', { bearer: serverToken, body: wish, headers });
    expect(first.status).toBe(201);
    // It holds a secret, which is kept nowhere.
    const second = await ask('POST', '/tokens', { bearer: serverToken, body: wish, headers });
    expect([second.status, await second.text()]).toEqual([409, expect.stringContaining('done already')]);
    const other = await ask('POST', '/tokens', {
      bearer: serverToken,
      body: { ...wish, name: 'other' },
      headers,
    });
    expect([other.status, await other.text()]).toEqual([409, expect.stringContaining('another request')]);
    expect(await accounts.tokens.list(null)).toHaveLength(1);
  });

  it('is another request with another query', async () => {
    const wish = { bearer: serverToken, headers: { 'idempotency-key': 'k-3' } };
    expect((await ask('POST', '/segments/seg_1/retry?a=1', wish)).status).toBe(204);
    expect((await ask('POST', '/segments/seg_1/retry?a=2', wish)).status).toBe(409);
  });

  it('reads no more of a body that declares no length than the API takes', async () => {
    const piece = new Uint8Array(16 * 1024).fill(0x20);
    let givenCount = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        givenCount += 1;
        // 64 MB, if somebody takes them.
        if (givenCount > 4_000) controller.close();
        else controller.enqueue(piece);
      },
    });
    const status = await fetch(`${url}/api/v1/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${serverToken}`, 'idempotency-key': 'k-4' },
      body,
      duplex: 'half',
    }).then(
      (response) => response.status,
      // The server hangs up on what it does not read.
      () => 413,
    );
    expect(status).toBe(413);
    expect(givenCount).toBeLessThan(1_000);
  });

  it('that came to nothing to say is answered with nothing again', async () => {
    const wish = { bearer: serverToken, headers: { 'idempotency-key': 'k-2' } };
    expect((await ask('POST', '/segments/seg_1/retry', wish)).status).toBe(204);
    const again = await ask('POST', '/segments/seg_1/retry', wish);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([204, 'true']);
  });
});
