import { EventEmitter, once } from 'node:events';

import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { EventLog, type NewEvent } from '../../control/event-log.ts';
import { WebhookDesk, type WebhookDeliveryView, type WebhookWish } from '../../control/webhook-desk.ts';
import { SecretBox } from '../../control/webhooks/secret-box.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { HandClock } from '../ingest/hand-clock.ts';
import { usePostgres } from '../support/postgres.ts';
import { never, ok, startReceiver, status, type Receiver } from './webhooks/receiver.ts';

const postgres = usePostgres();
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** No jitter: delays are those of the table. */
const random = { unit: () => 0, bytes: (count: number) => systemRandom.bytes(count) };
const box = new SecretBox({ key: new Secret('a key of this test'), random });
const ana = { kind: 'user', id: 'usr_ana', name: 'Ana' } as const;
const decided: NewEvent = {
  kind: 'moment.decided',
  channelId: 'ch_1',
  runId: 'run_1',
  subjectId: 'mom_1',
  data: { decision: 'approved', before: 'undecided', by: 'Ana' },
};

let clock: HandClock;
let catalogue: Catalogue;
let events: EventLog;
let desk: WebhookDesk;
let receiver: Receiver;
let undo: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  // The library of the receiver knows the real time alone.
  clock = new HandClock(systemClock.nowMs());
  catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  events = new EventLog({ db: catalogue.db, clock });
  receiver = await startReceiver();
  desk = openDesk();
  undo = [async () => await catalogue.close(), receiver.stop];
});
afterEach(async () => {
  for (const step of undo.toReversed()) await step();
});

function openDesk(more: { isPrivateAllowed?: boolean; box?: SecretBox } = {}): WebhookDesk {
  const { db } = catalogue;
  return new WebhookDesk({
    db,
    clock,
    random,
    log: silentLog,
    box,
    isPrivateAllowed: true,
    agent: 'touchline/test',
    ...more,
  });
}

/** Carries until the returned function is called. */
function run(one = desk): () => Promise<void> {
  const stopping = new AbortController();
  const running = one.run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await running;
  };
  undo.push(stop);
  return stop;
}

async function happen(...what: NewEvent[]): Promise<void> {
  await catalogue.db.transaction().execute(async (db) => await events.append(db, what));
  desk.wake();
}

async function make(wish: Partial<WebhookWish> = {}) {
  const all: WebhookWish = { url: receiver.url, description: '', eventTypes: ['moment.decided'], ...wish };
  const { webhook, secret } = await desk.create(all, ana);
  return { id: webhook.id, secret: secret.reveal() };
}

/** The newest delivery, once `fits` holds for it. */
async function delivery(
  id: string,
  fits: (one: WebhookDeliveryView) => boolean,
): Promise<WebhookDeliveryView> {
  return await vi.waitFor(
    async () => {
      const [newest] = await desk.deliveries(id, 1);
      if (!newest || !fits(newest)) throw new Error(`not yet: ${JSON.stringify(newest)}`);
      return newest;
    },
    { timeout: 5_000, interval: 10 },
  );
}

function later(ms: number): void {
  clock.advance(ms);
  desk.wake();
}

describe('a webhook', () => {
  it('is told of what it chose, from its making on, signed and without the name of who did it', async () => {
    await happen(decided);
    const { id, secret } = await make();
    run();
    await happen({ ...decided, kind: 'clip.edited', subjectId: 'clp_1' }, decided);
    await receiver.until(1);
    const { state, status: code, tries } = await delivery(id, (one) => one.state !== 'waiting');
    expect({ state, code, tries }).toEqual({ state: 'delivered', code: 204, tries: 1 });
    expect(receiver.verified(secret)).toEqual({
      type: 'moment.decided',
      timestamp: new Date(clock.nowMs()).toISOString(),
      data: {
        version: 1,
        // Behind that the webhook was made, and what it is not told of.
        eventId: 4,
        channelId: 'ch_1',
        runId: 'run_1',
        momentId: 'mom_1',
        decision: 'approved',
        before: 'undecided',
        api: '/api/v1/moments/mom_1',
      },
    });
    expect(receiver.got).toHaveLength(1);
    expect(receiver.got[0]?.headers).toMatchObject({
      'user-agent': 'touchline/test',
      'content-type': 'application/json',
    });
  });

  it('gets what a server that was killed had committed and not sent, also mid-way through a try', async () => {
    const { id, secret } = await make();
    await happen(decided);
    receiver.answerWith(never);
    const stop = run();
    await receiver.until(1);
    // As a kill leaves it: leased, and nobody there.
    const leased = await catalogue.db.selectFrom('webhook_deliveries').selectAll().executeTakeFirstOrThrow();
    await stop();
    await catalogue.db
      .updateTable('webhook_deliveries')
      .set({ leased_until_ms: leased.leased_until_ms })
      .execute();
    receiver.answerWith(ok);
    desk = openDesk();
    run();
    // The last millisecond of the lease, and its end.
    later(leased.leased_until_ms - clock.nowMs() - 1);
    await happen({ ...decided, subjectId: 'mom_2' });
    await receiver.until(2);
    expect(receiver.got[1]?.id).not.toBe(receiver.got[0]?.id);
    later(1);
    await receiver.until(3);
    expect(receiver.got[2]?.id).toBe(receiver.got[0]?.id);
    expect(receiver.verified(secret)).toMatchObject({ data: { momentId: 'mom_1' } });
    await vi.waitFor(async () => expect((await desk.get(id)).waitingCount).toBe(0));
  });

  it('gives back what is under way when the server ends, without a try being counted', async () => {
    receiver.answerWith(never);
    const { id } = await make();
    const stop = run();
    await happen(decided);
    await receiver.until(1);
    await stop();
    expect(await desk.deliveries(id, 1)).toMatchObject([{ state: 'waiting', tries: 0, why: null }]);
    receiver.answerWith(ok);
    desk = openDesk();
    run();
    await delivery(id, (one) => one.state === 'delivered');
  });

  it('is told once, although two servers carry', async () => {
    const { id } = await make();
    const other = openDesk();
    run();
    run(other);
    const many = Array.from({ length: 40 }, (_, nth) => ({ ...decided, subjectId: `mom_${nth}` }));
    await happen(...many);
    other.wake();
    await vi.waitFor(
      async () => {
        const states = (await desk.deliveries(id, 100)).map((one) => one.state);
        expect(states.filter((state) => state === 'delivered')).toHaveLength(40);
      },
      { timeout: 10_000, interval: 20 },
    );
    expect(new Set(receiver.got.map((got) => got.id)).size).toBe(40);
    expect(receiver.got).toHaveLength(40);
  });

  it('that is removed takes along what waits for it', async () => {
    const { id } = await make();
    receiver.answerWith(status(500));
    run();
    await happen(decided);
    await delivery(id, (one) => one.tries === 1);
    await desk.remove(id, ana);
    expect(await catalogue.db.selectFrom('webhook_deliveries').selectAll().execute()).toEqual([]);
    later(5_000);
    // The next one shows that the courier has been past it.
    const next = await make();
    receiver.answerWith(ok);
    await happen(decided);
    await delivery(next.id, (one) => one.state === 'delivered');
    expect(receiver.got).toHaveLength(2);
    await expect(desk.deliveries(id, 1)).rejects.toMatchObject({ code: 'webhook.not-found' });
  });

  it('that is off is told nothing of its time, and gets what waited before', async () => {
    const { id } = await make();
    receiver.answerWith(status(500));
    run();
    await happen(decided);
    await delivery(id, (one) => one.tries === 1);
    await desk.change(id, { isEnabled: false }, ana);
    receiver.answerWith(ok);
    await happen({ ...decided, subjectId: 'mom_2' });
    later(hourMs);
    await expect(desk.again(id, (await desk.deliveries(id, 1))[0]?.id ?? '')).rejects.toMatchObject({
      code: 'webhook.conflict',
    });
    expect(receiver.got).toHaveLength(1);
    await desk.change(id, { isEnabled: true }, ana);
    await delivery(id, (one) => one.state === 'delivered');
    expect(receiver.got.map((got) => got.id)).toEqual([receiver.got[0]?.id, receiver.got[0]?.id]);
  });
});

describe('a receiver that does not take it', () => {
  it('gets the same message again, each time a little later, and the log says why', async () => {
    const { id, secret } = await make();
    receiver.answerWith((response, nth) => void response.writeHead(nth < 3 ? 500 : 200).end(`no ${nth}`));
    run();
    await happen(decided);
    const first = await delivery(id, (one) => one.tries === 1);
    expect(first).toMatchObject({
      state: 'waiting',
      status: 500,
      answer: 'no 1',
      why: 'the receiver answered 500',
    });
    expect(first.nextAtMs).toBe(clock.nowMs() + 5_000);
    expect((await desk.get(id)).failingSinceMs).toBe(clock.nowMs());
    later(4_999);
    await happen({ ...decided, kind: 'channel.health' });
    expect(receiver.got).toHaveLength(1);
    later(1);
    const second = await delivery(id, (one) => one.tries === 2);
    expect(second.nextAtMs).toBe(clock.nowMs() + 5 * minuteMs);
    later(5 * minuteMs);
    expect(await delivery(id, (one) => one.state !== 'waiting')).toMatchObject({
      state: 'delivered',
      tries: 3,
      why: null,
    });
    expect(new Set(receiver.got.map((got) => got.id)).size).toBe(1);
    // Signed anew: the time of a try is that of the try.
    expect(receiver.got[2]?.headers['webhook-timestamp']).not.toBe(
      receiver.got[0]?.headers['webhook-timestamp'],
    );
    expect(
      new Webhook(secret).sign(
        receiver.got[2]?.id ?? '',
        new Date(clock.nowMs()),
        receiver.got[2]?.body ?? '',
      ),
    ).toBe(receiver.got[2]?.headers['webhook-signature']);
    expect((await desk.get(id)).failingSinceMs).toBeNull();
  });

  it('is down: the connection is refused, and it goes through when it is back', async () => {
    const { id } = await make();
    await receiver.stop();
    run();
    await happen(decided);
    const first = await delivery(id, (one) => one.tries === 1);
    expect(first).toMatchObject({ status: null, answer: null });
    expect(first.why).toMatch(/^the receiver cannot be reached: .*ECONNREFUSED/);
    await receiver.startAgain();
    later(5_000);
    await delivery(id, (one) => one.state === 'delivered');
  });

  it('is slow: 15 s are its limit, and another does not wait for it', async () => {
    const quick = await startReceiver();
    undo.push(quick.stop);
    receiver.answerWith(never);
    const slow = await make();
    const other = await make({ url: quick.url });
    run();
    await happen(...Array.from({ length: 6 }, (_, nth) => ({ ...decided, subjectId: `mom_${nth}` })));
    await quick.until(6);
    await receiver.until(4);
    await vi.waitFor(async () => expect((await desk.get(other.id)).waitingCount).toBe(0));
    // Four at once to one receiver, and no more.
    expect(receiver.got).toHaveLength(4);
    later(14_999);
    expect((await desk.deliveries(slow.id, 10)).every((one) => one.tries === 0)).toBe(true);
    later(1);
    await receiver.until(6);
    const tried = (await desk.deliveries(slow.id, 10)).filter((one) => one.tries === 1);
    expect(tried).toHaveLength(4);
    expect(tried[0]).toMatchObject({ state: 'waiting', status: null, tookMs: 15_000 });
    expect(tried[0]?.why).toMatch(/^no answer within 15 s/);
  });

  it('answers without an end: the start is kept, and the line is cut', async () => {
    const cut = new EventEmitter();
    const isCut = once(cut, 'cut');
    receiver.answerWith((response) => {
      response.on('close', () => cut.emit('cut'));
      response.writeHead(200);
      const pour = (): void => {
        while (!response.destroyed && response.write(`\u0000<b>${'x'.repeat(60_000)}`));
        if (!response.destroyed) response.once('drain', pour);
      };
      pour();
    });
    const { id } = await make();
    run();
    await happen(decided);
    const { answer, state } = await delivery(id, (one) => one.tries === 1);
    expect(state).toBe('delivered');
    expect(answer).toMatch(/^<b>x{2000,2048}$/);
    await isCut;
  });

  it('redirects: that is not followed', async () => {
    const elsewhere = await startReceiver();
    undo.push(elsewhere.stop);
    receiver.answerWith(status(307, { location: elsewhere.url }));
    const { id } = await make();
    run();
    await happen(decided);
    const tried = await delivery(id, (one) => one.tries === 1);
    expect(tried).toMatchObject({ state: 'waiting', status: 307 });
    expect(tried.why).toContain('not followed');
    expect(elsewhere.got).toEqual([]);
  });

  it('says 410: it is turned off, and says so', async () => {
    receiver.answerWith(status(410));
    const { id } = await make();
    run();
    await happen(decided);
    expect(await delivery(id, (one) => one.state !== 'waiting')).toMatchObject({ state: 'failed', tries: 1 });
    expect(await desk.get(id)).toMatchObject({
      isEnabled: false,
      disabledWhy: 'the receiver says that it is gone for good (410)',
    });
    await desk.change(id, { isEnabled: true }, ana);
    expect(await desk.get(id)).toMatchObject({ isEnabled: true, disabledWhy: null, failingSinceMs: null });
  });

  it('takes nothing for five days: it is turned off then, not a millisecond before', async () => {
    receiver.answerWith(status(500));
    const { id } = await make();
    run();
    await happen(decided);
    await delivery(id, (one) => one.tries === 1);
    later(5 * dayMs - 1);
    await delivery(id, (one) => one.tries === 2);
    expect(await desk.get(id)).toMatchObject({ isEnabled: true });
    clock.advance(1);
    await happen(decided);
    await delivery(id, (one) => one.tries === 1);
    const { isEnabled, disabledWhy } = await desk.get(id);
    expect(isEnabled).toBe(false);
    expect(disabledWhy).toMatch(
      /^nothing has been taken since .*; the last time: the receiver answered 500$/,
    );
  });
});

describe('the test button', () => {
  it('sends at once, without a courier, and shows what came back', async () => {
    receiver.answerWith(status(418, {}, '<script>alert(1)</script>'));
    const { id, secret } = await make();
    await desk.change(id, { isEnabled: false }, ana);
    expect(await desk.test(id)).toMatchObject({
      type: 'webhook.test',
      state: 'failed',
      status: 418,
      answer: '<script>alert(1)</script>',
      tries: 1,
      nextAtMs: null,
    });
    expect(receiver.verified(secret)).toMatchObject({ type: 'webhook.test', data: { webhookId: id } });
  });

  it('of "send again" brings the same id', async () => {
    const { id } = await make();
    const tested = await desk.test(id);
    run();
    await desk.again(id, tested.id);
    await receiver.until(2);
    expect(receiver.got[1]).toMatchObject({ id: tested.id, body: receiver.got[0]?.body });
    await expect(desk.again(id, 'msg_none')).rejects.toMatchObject({ code: 'webhook.not-found' });
  });
});

describe('a secret', () => {
  it('that is rotated signs beside the new one for 24 hours', async () => {
    const { id, secret: old } = await make();
    const { webhook, secret } = await desk.rotate(id, ana);
    expect(webhook.oldSecretUntilMs).toBe(clock.nowMs() + dayMs);
    await desk.test(id);
    for (const one of [old, secret.reveal()]) expect(receiver.verified(one)).toBeDefined();
    const signatures = async (): Promise<number> => {
      await desk.test(id);
      return String(receiver.got.at(-1)?.headers['webhook-signature']).split(' ').length;
    };
    clock.advance(dayMs - 1);
    expect(await signatures()).toBe(2);
    clock.advance(1);
    expect(await signatures()).toBe(1);
    expect((await desk.get(id)).oldSecretUntilMs).toBeNull();
  });

  it('stands in the database sealed, and another key says so instead of signing wrongly', async () => {
    const { id, secret } = await make();
    const stored = JSON.stringify(await catalogue.db.selectFrom('webhooks').selectAll().execute());
    expect(stored).not.toContain(secret.slice(6));
    const row = await catalogue.db.selectFrom('webhooks').select('secret').executeTakeFirstOrThrow();
    expect(row.secret.includes(Buffer.from(secret.slice(6)))).toBe(false);
    const other = openDesk({ box: new SecretBox({ key: new Secret('another key'), random }) });
    expect((await other.test(id)).why).toContain('rotate the secret');
    expect(receiver.got).toEqual([]);
    await other.rotate(id, ana);
    // What cannot be opened any more is not what stops the new one.
    expect(await other.test(id)).toMatchObject({ state: 'delivered' });
  });
});

/** Of which event a message tells: its moment is called by its number. */
function asked({ body }: { body: string }): number {
  return Number((JSON.parse(body) as { data: { momentId: string } }).data.momentId);
}

describe('a receiver that asks for patience', () => {
  it('gets as much as it asks for, in seconds or by a date, from the next try on and up to a day', async () => {
    // A date of HTTP has whole seconds.
    clock.advance(1000 - (clock.nowMs() % 1000));
    const date = (fromNowMs: number): string => new Date(clock.nowMs() + fromNowMs).toUTCString();
    const table: [retryAfter: string, waitMs: number][] = [
      ['4', 5_000],
      ['6', 6_000],
      ['600', 600_000],
      ['86400', dayMs],
      ['86401', dayMs],
      ['999999999999', dayMs],
      ['9999999999999', 5_000],
      [date(2 * hourMs), 2 * hourMs],
      [date(-hourMs), 5_000],
      [date(365 * dayMs), dayMs],
      ['-60', 5_000],
      ['60.5', 5_000],
      ['2026-11-28', 5_000],
      ['soon', 5_000],
    ];
    receiver.answerWith((response, nth) => {
      const got = receiver.got[nth - 1];
      if (got) status(503, { 'retry-after': table[asked(got)]?.[0] ?? '' })(response, nth);
    });
    const { id } = await make();
    run();
    await happen(...table.map((_row, nth) => ({ ...decided, subjectId: String(nth) })));
    await receiver.until(table.length);
    const tried = await vi.waitFor(
      async () => {
        const log = await desk.deliveries(id, 50);
        expect(log.filter(({ tries }) => tries === 1)).toHaveLength(table.length);
        return log;
      },
      { timeout: 20_000 },
    );
    const waited = receiver.got.map((got): [string, number] => [
      table[asked(got)]?.[0] ?? '',
      (tried.find(({ id }) => id === got.id)?.nextAtMs ?? 0) - clock.nowMs(),
    ]);
    expect(new Map(waited)).toEqual(new Map(table));
  });
});

describe('who made and changed it', () => {
  it('is said by the webhook and by the events, which hold neither its address nor a secret', async () => {
    const ben = { kind: 'token', id: '0123456789abcdef', name: 'deploy (a token of Ben)' } as const;
    const { id, secret } = await make({ url: `${receiver.url}?key=of-the-receiver` });
    expect(await desk.get(id)).toMatchObject({ createdBy: ana, changedBy: null, changedAtMs: null });
    await desk.change(id, { isEnabled: false, url: `${receiver.url}?key=another` }, ben);
    expect(await desk.get(id)).toMatchObject({ createdBy: ana, changedBy: ben, changedAtMs: clock.nowMs() });
    await desk.rotate(id, ana);
    expect(await desk.get(id)).toMatchObject({ changedBy: ana });
    await desk.remove(id, ben);
    await expect(desk.remove(id, ben)).rejects.toMatchObject({ code: 'webhook.not-found' });
    const told = await events.since(0, 100);
    expect(told.map(({ kind, subjectId, by, data }) => [kind, subjectId, by, data])).toEqual([
      ['webhook.changed', id, ana, { what: 'created' }],
      ['webhook.changed', id, ben, { what: 'changed', fields: ['isEnabled', 'url'] }],
      ['webhook.changed', id, ana, { what: 'secret rotated' }],
      ['webhook.changed', id, ben, { what: 'removed' }],
    ]);
    expect(JSON.stringify(told)).not.toMatch(/key=/);
    expect(JSON.stringify(told)).not.toContain(secret);
  });
});

describe('an address', () => {
  it('of this machine, of a private network, without TLS or with a password in it is refused', async () => {
    const strict = openDesk({ isPrivateAllowed: false });
    for (const url of [
      'https://127.0.0.1/hooks',
      'https://2130706433/',
      'https://[::1]/',
      'https://[::ffff:169.254.169.254]/',
      'https://localhost/',
      'https://x.localhost./',
      'http://example.com/',
      'https://name:word@example.com/',
      'ftp://example.com/',
      'hooks',
    ]) {
      const wish: WebhookWish = { url, description: '', eventTypes: ['clip.ready'] };
      await expect(strict.create(wish, ana), url).rejects.toMatchObject({ code: 'webhook.invalid' });
    }
    const made = await strict.create(
      { url: 'https://8.8.8.8:8443/x?y=z', description: '', eventTypes: ['clip.ready'] },
      ana,
    );
    expect(made.webhook.url).toBe('https://8.8.8.8:8443/x?y=z');
  });

  it('that was allowed once and is no longer is not connected to', async () => {
    const { id } = await make();
    const strict = openDesk({ isPrivateAllowed: false });
    expect(await strict.test(id)).toMatchObject({ state: 'failed', status: null });
    expect(receiver.got).toEqual([]);
  });

  it('whose name leads to this machine at the time of the connection is not connected to', async () => {
    const { id } = await make({ url: receiver.url.replace('127.0.0.1', 'localhost') });
    const strict = openDesk({ isPrivateAllowed: false });
    expect((await strict.test(id)).why).toContain('TOUCHLINE_WEBHOOKS_PRIVATE=allow');
    expect(receiver.got).toEqual([]);
  });
});

it('the log keeps the newest 500 and the last 30 days; what waited a week is no news', async () => {
  const { id } = await make();
  const put = async (count: number, state: 'delivered' | 'waiting', atMs: number): Promise<void> => {
    await catalogue.db
      .insertInto('webhook_deliveries')
      .values(
        Array.from({ length: count }, (_, nth) => ({
          id: `msg_${state}_${atMs}_${nth}`,
          webhook_id: id,
          type: 'clip.ready',
          body: '{}',
          state,
          next_at_ms: atMs + 365 * dayMs,
          created_at_ms: atMs,
        })),
      )
      .execute();
  };
  const nowMs = clock.nowMs();
  await put(3, 'delivered', nowMs - 30 * dayMs);
  await put(1, 'waiting', nowMs - 7 * dayMs);
  await put(1, 'waiting', nowMs - 7 * dayMs + 1);
  await put(501, 'delivered', nowMs - 30 * dayMs + 1);
  const stop = run();
  await vi.waitFor(async () => expect(await counts()).toEqual([1, 500]), {
    timeout: 5_000,
    interval: 20,
  });
  await stop();
});

async function counts(): Promise<[waiting: number, delivered: number]> {
  const rows = await catalogue.db.selectFrom('webhook_deliveries').select('state').execute();
  const count = (state: string): number => rows.filter((row) => row.state === state).length;
  return [count('waiting'), count('delivered')];
}
