import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { register } from '../../cli/commands/webhook.ts';
import { exitCodes } from '../../cli/exit-codes.ts';
import { EventLog } from '../../control/event-log.ts';
import { WebhookDesk, type WebhookDeliveryView } from '../../control/webhook-desk.ts';
import { SecretBox } from '../../control/webhooks/secret-box.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { ok, startReceiver, status, type Receiver } from '../control/webhooks/receiver.ts';
import { usePostgres } from '../support/postgres.ts';
import { startTestWeb } from '../support/test-web.ts';
import { FakeDesk } from '../web/fake-desk.ts';
import { memoryIo } from './memory-io.ts';

const postgres = usePostgres();
const token = 'server-token-0123456789';

let catalogue: Catalogue;
let desk: WebhookDesk;
let receiver: Receiver;
let url: string;
let stop: () => Promise<void>;
beforeAll(async () => {
  catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  desk = new WebhookDesk({
    db: catalogue.db,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    box: new SecretBox({ key: new Secret('a key of this test'), random: systemRandom }),
    isPrivateAllowed: true,
    agent: 'touchline/test',
  });
  receiver = await startReceiver();
  const web = await startTestWeb({ desk: new FakeDesk(), webhooks: desk, token: new Secret(token) });
  ({ url } = web);
  const ending = new AbortController();
  const running = desk.run(ending.signal);
  stop = async () => {
    ending.abort();
    await running;
    await web.stop();
    await receiver.stop();
    await catalogue.close();
  };
});
afterAll(async () => await stop());
afterEach(async () => {
  process.exitCode = undefined;
  receiver.answerWith(ok);
  receiver.got.length = 0;
  await catalogue.db.deleteFrom('webhooks').execute();
});

/** The command against the server of this file: what it printed, and what it told beside. */
async function touchline(...words: string[]): Promise<{ lines: string[]; told: string[] }> {
  const { io, printed, told } = memoryIo({ TOUCHLINE_URL: url, TOUCHLINE_TOKEN: token });
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  register(program, io);
  await program.parseAsync(['webhook', ...words], { from: 'user' });
  return { lines: [...printed.lines], told };
}

async function json<T>(...words: string[]): Promise<T> {
  const { lines } = await touchline(...words, '--json');
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as T;
}

interface Made {
  webhook: { id: string; eventTypes: string[]; createdBy: unknown };
  secret: string;
}
const add = async (...more: string[]): Promise<Made> => await json<Made>('add', receiver.url, ...more);

describe('touchline webhook', () => {
  it('prints the secret alone on stdout, once; what is listed has none', async () => {
    const { lines, told } = await touchline('add', receiver.url, '--description', 'the newsroom');
    expect(lines).toEqual([expect.stringMatching(/^whsec_[\w+/=]+$/)]);
    expect(told.join()).not.toContain(lines[0]);
    const listed = await touchline('list');
    expect(listed.lines).toEqual([
      expect.stringMatching(
        /^whk_\w+ {2}http:\/\/127\.0\.0\.1:\d+\/hooks {2}\(the newsroom\) {2}moment\.created,/,
      ),
    ]);
    expect(JSON.stringify(await json('list'))).not.toContain(lines[0]);
    expect((await json<{ webhooks: unknown[] }>('list')).webhooks).toMatchObject([
      { createdBy: { kind: 'server', id: 'server' } },
    ]);
  });

  it('is told of what was asked for, and of nothing that there is not', async () => {
    const { webhook } = await add('--event', 'clip.ready', 'clip.failed');
    expect(webhook.eventTypes).toEqual(['clip.ready', 'clip.failed']);
    await expect(touchline('add', receiver.url, '--event', 'clip.gone')).rejects.toMatchObject({
      code: 'commander.invalidArgument',
    });
    await expect(touchline('add', 'ftp://example.com')).rejects.toMatchObject({ code: 'webhook.invalid' });
    expect((await touchline('list')).lines).toHaveLength(1);
  });

  it('sends a test and shows the answer; one that is refused ends with the exit code for what is away', async () => {
    const { webhook } = await add();
    expect((await touchline('test', webhook.id)).lines).toEqual([
      expect.stringMatching(/^msg_\w+ {2}webhook\.test {2}delivered {2}204 {2}\d+ ms {2}tries 1$/),
    ]);
    expect(process.exitCode).toBeUndefined();
    receiver.answerWith(status(401, {}, 'who are you?'));
    const refused = await touchline('test', webhook.id);
    expect(refused.lines).toEqual([
      expect.stringMatching(/ {2}failed {2}401 .* {2}the receiver answered 401$/),
      'who are you?',
    ]);
    expect(process.exitCode).toBe(exitCodes.unavailable);
  });

  it('signs with the new secret after a rotation, and with the old one too', async () => {
    const { webhook, secret } = await add();
    const { lines } = await touchline('rotate', webhook.id);
    const [fresh = ''] = lines;
    expect(lines).toEqual([expect.stringMatching(/^whsec_/)]);
    expect(fresh).not.toBe(secret);
    await touchline('test', webhook.id);
    expect(receiver.verified(fresh)).toMatchObject({ type: 'webhook.test' });
    expect(receiver.verified(secret)).toMatchObject({ type: 'webhook.test' });
  });

  it('is off and on again, and gone when it is removed', async () => {
    const { webhook } = await add();
    expect((await touchline('off', webhook.id)).lines).toEqual([expect.stringMatching(/ {2}off$/)]);
    expect((await touchline('on', webhook.id)).lines).toEqual([expect.not.stringMatching(/ {2}off$/)]);
    expect(await json('remove', webhook.id)).toEqual({ removed: webhook.id });
    expect((await touchline('list')).told.join()).toContain('touchline webhook add URL');
    for (const words of [['on'], ['rotate'], ['test'], ['log'], ['remove']]) {
      await expect(touchline(...words, webhook.id), words[0]).rejects.toMatchObject({
        code: 'webhook.not-found',
      });
    }
  });

  it('shows what was sent, newest first, and sends it again under the same id', async () => {
    const { webhook } = await add('--event', 'moment.decided');
    expect((await touchline('log', webhook.id)).told.join()).toContain('nothing was sent yet');
    const events = new EventLog({ db: catalogue.db, clock: systemClock });
    await catalogue.db
      .transaction()
      .execute(
        async (db) =>
          await events.append(db, [
            { kind: 'moment.decided', channelId: 'ch_1', subjectId: 'mom_1', data: { decision: 'approved' } },
          ]),
      );
    desk.wake();
    await receiver.until(1);
    const log = async (): Promise<WebhookDeliveryView[]> =>
      (await json<{ deliveries: WebhookDeliveryView[] }>('log', webhook.id)).deliveries;
    await vi.waitFor(async () => expect(await log()).toMatchObject([{ state: 'delivered' }]), 10_000);
    const [first] = await log();
    await touchline('test', webhook.id);
    expect((await log()).map(({ type }) => type)).toEqual(['webhook.test', 'moment.decided']);
    expect(await json('again', webhook.id, first?.id ?? '')).toMatchObject({ id: first?.id });
    await receiver.until(3);
    expect(receiver.got.map(({ id }) => id)).toEqual([first?.id, expect.stringMatching(/^msg_/), first?.id]);
    expect((await touchline('log', webhook.id)).lines).toHaveLength(2);
    await expect(touchline('again', webhook.id, 'msg_none')).rejects.toMatchObject({
      code: 'webhook.not-found',
    });
  });
});
