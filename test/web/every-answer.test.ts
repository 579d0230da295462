import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Accounts } from '../../control/account-desk.ts';
import { scopes } from '../../control/principal.ts';
import { createLog } from '../../core/log.ts';
import { Secret } from '../../core/secret.ts';
import type { WebOptions } from '../../web/web-options.ts';
import { startTestWeb } from '../support/test-web.ts';
import { noAccounts } from './fake-accounts.ts';
import { FakeDesk } from './fake-desk.ts';

/** Each in a form that its route takes; none is part of another. */
const secrets = {
  server: 'server-token-0123456789',
  token: `tla_0123456789abcdef_${'T'.repeat(43)}`,
  cookie: 'C'.repeat(43),
  ownCookie: 'O'.repeat(43),
  code: 'L'.repeat(43),
  password: 'a password as it is typed',
  oldPassword: 'the password before that',
  share: 'S'.repeat(22),
  clip: 'P'.repeat(22),
  idempotency: 'K'.repeat(32),
};

/** Everything goes wrong, as badly as it can: with an error that carries along what was given. */
function fail(...given: unknown[]): never {
  throw Object.assign(new Error('the ground shook', { cause: new Error('somewhere') }), { given });
}
function failing<T extends object>(): T {
  return new Proxy({} as T, { get: (_desk, name) => (name === 'then' ? undefined : fail) });
}

let folder: string;
let logPath: string;
let logFd: number;
let url: string;
let stop: () => Promise<void>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'touchline-answers-'));
  logPath = join(folder, 'log');
  logFd = openSync(logPath, 'a');
  const accounts: Accounts = {
    ...noAccounts(),
    signIn: failing<Accounts>().signIn,
    redeem: failing<Accounts>().redeem,
    changePassword: failing<Accounts>().changePassword,
    invite: failing<Accounts>().invite,
    sessions: {
      ...noAccounts().sessions,
      find: async (secret) => {
        if (secret.reveal() !== secrets.ownCookie) return failing<Accounts['sessions']>().find(secret);
        return { role: 'admin', principal: { kind: 'user', id: 'usr_1', name: 'Ana', scopes } };
      },
    },
    tokens: failing<Accounts['tokens']>(),
  };
  const desk = new FakeDesk();
  await desk.createChannel({ name: 'pitch' });
  const web = await startTestWeb({
    desk,
    accounts,
    timeline: failing<WebOptions['timeline']>(),
    clipLinks: failing<WebOptions['clipLinks']>(),
    webhooks: failing<WebOptions['webhooks']>(),
    log: createLog({ level: 'debug', fd: logFd }),
    token: new Secret(secrets.server),
  });
  ({ url, stop } = web);
});
afterAll(async () => {
  await stop();
  closeSync(logFd);
  rmSync(folder, { recursive: true });
});

interface Wish {
  method?: string;
  cookie?: string;
  bearer?: string;
  body?: unknown;
}

async function ask(path: string, { method = 'GET', cookie, bearer, body }: Wish = {}): Promise<Response> {
  return await fetch(url + path, {
    method,
    redirect: 'manual',
    headers: {
      origin: url,
      'idempotency-key': secrets.idempotency,
      ...(cookie === undefined ? {} : { cookie: `touchline_${new URL(url).port}=${cookie}` }),
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const { server, token, cookie, ownCookie, code, password, oldPassword, share, clip } = secrets;
/** Every route that takes a secret, in its address, a header or the body. */
const takers: [path: string, wish: Wish][] = [
  ['/api/v1/session', { method: 'POST', body: { name: 'Ana', password } }],
  ['/api/v1/session/redeem', { method: 'POST', body: { code, name: 'Ana', password } }],
  ['/api/v1/session/password', { method: 'PUT', cookie: ownCookie, body: { old: oldPassword, password } }],
  ['/api/v1/session', { cookie }],
  ['/api/v1/channels', { cookie }],
  ['/api/v1/channels', { bearer: token }],
  ['/metrics', { bearer: token }],
  [`/api/v1/share/${share}`, {}],
  [`/api/v1/share/${share}/still.jpg?v=1`, {}],
  [`/p/${clip}`, {}],
  [`/p/${clip}?shape=wide`, {}],
  [`/p/${clip}/wide.mp4?v=1&download`, {}],
  ['/api/v1/channels/pitch/share-links', { method: 'POST', bearer: server, body: {} }],
  ['/api/v1/clips/clp_1/links', { method: 'POST', bearer: server, body: {} }],
  ['/api/v1/tokens', { method: 'POST', bearer: server, body: { name: 'x', scopes: ['read'] } }],
  ['/api/v1/users', { method: 'POST', bearer: server, body: { name: 'Ben', role: 'viewer' } }],
  [
    '/api/v1/webhooks',
    { method: 'POST', bearer: server, body: { url: `https://example.com/?key=${password}` } },
  ],
];

describe('a secret', () => {
  it.each(takers)(
    'that comes with %s stands neither in the log nor in the answer when all goes wrong',
    async (path, wish) => {
      const before = readFileSync(logPath, 'utf8').length;
      const answer = await ask(path, wish);
      expect(answer.status).toBe(500);
      const logged = readFileSync(logPath, 'utf8').slice(before);
      const said = (await answer.text()) + JSON.stringify([...answer.headers]);
      // It was told of, so that what is not found could have been found.
      expect(logged).toContain('the ground shook');
      for (const [name, secret] of Object.entries(secrets)) {
        expect(logged, name).not.toContain(secret);
        expect(logged, name).not.toContain(encodeURIComponent(secret));
        expect(said, name).not.toContain(secret);
      }
    },
  );
});

describe('every answer', () => {
  it.each([
    ...takers,
    ['/', {}],
    ['/settings', {}],
    ['/nowhere', {}],
    ['/assets/none.js', {}],
    [`/c/${share}`, {}],
    ['/p/none', {}],
    ['/livez', {}],
    ['/readyz', {}],
    ['/openapi.json', {}],
    ['/api/v1/channels', {}],
    ['/api/v1/channels', { bearer: server }],
    ['/api/v1/channels/none', { bearer: server }],
    ['/api/v1/session', { bearer: server }],
    ['/api/v1/session', { method: 'DELETE' }],
    ['/api/v1/media/none', { bearer: server }],
    ['/metrics', { bearer: server }],
  ] as [string, Wish][])(
    'to %s has its policy, and is kept by no cache that others share',
    async (path, wish) => {
      const answer = await ask(path, wish);
      const { headers } = answer;
      await answer.body?.cancel();
      expect(headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self'/);
      expect(headers.get('content-security-policy')).not.toMatch(/unsafe|data:/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('access-control-allow-origin')).toBeNull();
      // The page itself holds nothing of anybody's: it is asked for anew each time.
      expect(headers.get('cache-control')).toMatch(
        /^(private, no-store|private, no-cache|no-store|no-cache)$/,
      );
    },
  );

  it('leads nowhere else, whatever a sign-in is asked to come back to', async () => {
    for (const path of ['/welcome?next=//evil.example', '/?return=https://evil.example', '//evil.example/']) {
      const answer = await ask(path);
      await answer.body?.cancel();
      expect([path, answer.headers.get('location')]).toEqual([path, null]);
      expect(answer.status).not.toBe(302);
    }
  });
});
