import { afterEach, beforeEach, expect, it } from 'vitest';

import { AccountDesk } from '../../control/account-desk.ts';
import type { Principal, Scope } from '../../control/principal.ts';
import { WebhookDesk } from '../../control/webhook-desk.ts';
import { webhookEventTypes } from '../../control/webhooks/event-types.ts';
import { SecretBox } from '../../control/webhooks/secret-box.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import type { Webhook, WebhookDelivery, WebhookMade } from '../../web/api/schemas/webhook.ts';
import { startReceiver, status, type Receiver } from '../control/webhooks/receiver.ts';
import { usePostgres } from '../support/postgres.ts';
import { startTestWeb } from '../support/test-web.ts';
import { FakeDesk } from './fake-desk.ts';

const postgres = usePostgres();
const owner: Principal = { kind: 'server', id: 'server', name: 'owner', scopes: ['read', 'operate'] };
const script = '<img src=x onerror=alert(1)>';

let catalogue: Catalogue;
let accounts: AccountDesk;
let receiver: Receiver;
let web: Awaited<ReturnType<typeof startTestWeb>>;
let carrying: { stop: () => Promise<void> };

beforeEach(async () => {
  catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  const kit = { db: catalogue.db, clock: systemClock, random: systemRandom };
  accounts = new AccountDesk(kit);
  const webhooks = new WebhookDesk({
    ...kit,
    log: silentLog,
    box: new SecretBox({ key: new Secret('of this test'), random: systemRandom }),
    isPrivateAllowed: true,
    agent: 'touchline/test',
  });
  const stopping = new AbortController();
  const running = webhooks.run(stopping.signal);
  carrying = {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
  receiver = await startReceiver();
  web = await startTestWeb({ desk: new FakeDesk(), accounts, webhooks, token: new Secret('the owner') });
});
afterEach(async () => {
  await web.stop();
  await carrying.stop();
  await receiver.stop();
  await catalogue.close();
});

async function ask(method: string, path: string, body?: unknown, token = 'the owner'): Promise<Response> {
  return await fetch(`${web.url}/api/v1/webhooks${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function tokenWith(scopes: Scope[]): Promise<string> {
  const { secret } = await accounts.tokens.make({ ...owner, scopes }, { name: 'a program', scopes });
  return secret.reveal();
}

async function made(): Promise<WebhookMade> {
  return (await (await ask('POST', '', { url: receiver.url, description: script })).json()) as WebhookMade;
}

it('shows the secret in the one answer that makes it, and in no other', async () => {
  const answer = await ask('POST', '', { url: receiver.url, description: script });
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([201, 'no-store']);
  const { webhook, secret } = (await answer.json()) as WebhookMade;
  expect(webhook).toMatchObject({ description: script, isEnabled: true, eventTypes: [...webhookEventTypes] });
  for (const path of ['', `/${webhook.id}`, `/${webhook.id}/deliveries`]) {
    expect(await (await ask('GET', path)).text()).not.toContain(secret.slice(6, 40));
  }
  const rotated = await ask('POST', `/${webhook.id}/rotate`);
  expect([rotated.status, rotated.headers.get('cache-control')]).toEqual([201, 'no-store']);
  const again = (await rotated.json()) as WebhookMade;
  expect(again.secret).not.toBe(secret);
  expect(again.webhook.oldSecretUntilMs).toBeGreaterThan(systemClock.nowMs() + 86_000_000);
});

it('tests, logs, sends again, changes and removes', async () => {
  receiver.answerWith(status(500, {}, 'no room'));
  const { webhook, secret } = await made();
  const tested = (await (await ask('POST', `/${webhook.id}/test`)).json()) as WebhookDelivery;
  expect(tested).toMatchObject({ type: 'webhook.test', state: 'failed', status: 500, answer: 'no room' });
  receiver.answerWith(status(200));
  const again = await ask('POST', `/${webhook.id}/deliveries/${tested.id}/again`);
  expect(again.status).toBe(202);
  await receiver.until(2);
  expect(receiver.verified(secret)).toMatchObject({ type: 'webhook.test' });
  const log = (await (await ask('GET', `/${webhook.id}/deliveries?limit=5`)).json()) as {
    deliveries: WebhookDelivery[];
  };
  expect(log.deliveries.map(({ id }) => id)).toEqual([tested.id]);
  const changed = await ask('PATCH', `/${webhook.id}`, { isEnabled: false, eventTypes: ['clip.ready'] });
  expect((await changed.json()) as Webhook).toMatchObject({ isEnabled: false, eventTypes: ['clip.ready'] });
  expect((await ask('POST', `/${webhook.id}/deliveries/${tested.id}/again`)).status).toBe(409);
  expect((await ask('DELETE', `/${webhook.id}`)).status).toBe(204);
  expect((await ask('GET', `/${webhook.id}`)).status).toBe(404);
});

it('is for those who may operate; whoever only reads does not even see where it goes', async () => {
  const { webhook } = await made();
  const reader = await tokenWith(['read', 'review', 'channels']);
  for (const [method, path] of [
    ['GET', ''],
    ['POST', ''],
    ['GET', `/${webhook.id}`],
    ['PATCH', `/${webhook.id}`],
    ['DELETE', `/${webhook.id}`],
    ['POST', `/${webhook.id}/rotate`],
    ['POST', `/${webhook.id}/test`],
    ['GET', `/${webhook.id}/deliveries`],
    ['POST', `/${webhook.id}/deliveries/msg_1/again`],
  ] as const) {
    const answer = await ask(method, path, method === 'GET' ? undefined : {}, reader);
    expect([method, path, answer.status]).toEqual([method, path, 403]);
  }
  expect((await ask('GET', '', undefined, await tokenWith(['operate']))).status).toBe(200);
});

it('says what is wrong with a wish', async () => {
  for (const wish of [
    {},
    { url: 'gopher://example.com' },
    { url: receiver.url, eventTypes: [] },
    { url: receiver.url, eventTypes: ['segment.stored'] },
    { url: receiver.url, description: 'a\nb' },
    { url: `${receiver.url}?${'x'.repeat(2_000)}` },
    { url: receiver.url, secret: 'mine' },
  ]) {
    expect([wish, (await ask('POST', '', wish)).status]).toEqual([wish, 400]);
  }
});
