import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import type { Clock } from '../../../core/clock.ts';
import { systemRandom } from '../../../core/random.ts';
import { channelRequest, groupRequest, inputRequest } from '../../../ingest/medialive/channel-settings.ts';
import type { InputWish } from '../../../ingest/medialive/input-wish.ts';
import { asMediaLiveError } from '../../../ingest/medialive/call-budget.ts';
import { createMediaLiveApi } from '../../../ingest/medialive/medialive-api.ts';
import { createPassphraseVault } from '../../../ingest/medialive/passphrase-vault.ts';
import { readMediaLiveQuotas } from '../../../ingest/medialive/service-quotas.ts';
import { MediaLiveFake, type FakeOptions } from '../../support/medialive-fake.ts';
import { serveMediaLiveFake } from '../../support/medialive-fake-server.ts';
import { hasMoto, startMoto } from '../../support/moto.ts';
import { DesiredInMemory, desiredChannel, place, reconcilerOn, rtmpPush } from './reconciler-world.ts';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const impatient: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async () => {},
};

// The SDK looks for credentials before it calls anybody, the fake included.
process.env['AWS_ACCESS_KEY_ID'] ??= 'test';
process.env['AWS_SECRET_ACCESS_KEY'] ??= 'test';

async function served(options: Partial<FakeOptions> = {}, quotas: Record<string, number> = {}) {
  let nowMs = 1_800_000_000_000;
  const fake = new MediaLiveFake({ nowMs: () => nowMs, pageSize: 2, ...options });
  const server = await serveMediaLiveFake(fake, { quotas });
  closing.push(async () => await server.close());
  const where = { region: 'us-east-1', endpoint: server.url };
  const api = createMediaLiveApi({
    ...where,
    clock: impatient,
    random: systemRandom,
    readQuotas: async () => await readMediaLiveQuotas(where),
  });
  closing.push(() => api.close());
  return {
    fake,
    api,
    nowMs: () => nowMs,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

const everyInput: InputWish[] = [
  rtmpPush,
  { type: 'rtmp-push', cidrs: ['203.0.113.0/24'], isStandard: true },
  { type: 'rtp-push', cidrs: ['203.0.113.0/24'], isStandard: false },
  { type: 'srt-listener', cidrs: ['203.0.113.0/24'], isStandard: true, latencyMs: 2000, streamId: 'cup' },
  {
    type: 'srt-caller',
    callers: [
      { host: 'a.example.org', port: 9000 },
      { host: 'b.example.org', port: 9000 },
    ],
    latencyMs: 500,
  },
  { type: 'url-pull', urls: ['https://example.org/live.m3u8'] },
  { type: 'mediaconnect', flowArns: ['arn:aws:mediaconnect:us-east-1:123456789012:flow:1-a:cup'] },
  { type: 'mp4-file', urls: ['s3://footage/match.mp4'] },
];

describe('the SDK of MediaLive', () => {
  it.each(everyInput)(
    'brings a channel with an input of $type to RUNNING, to IDLE and away',
    async (input) => {
      const { fake, api, nowMs, pass } = await served();
      const desired = new DesiredInMemory();
      await desired.save(desiredChannel('ch_a', { input }), 0);
      const reconciler = reconcilerOn({ api, desired, nowMs });
      const until = async (state: string) => {
        for (let tick = 0; tick < 60; tick += 1) {
          await reconciler.tick();
          pass(10_000);
          fake.settle();
          const channel = [...fake.channels.values()][0];
          if (channel?.state === state) return;
        }
        throw new Error(`it is not ${state} after\n${fake.calls.join('\n')}`);
      };
      await until('RUNNING');
      expect(desired.records.get('ch_a')?.desired.failure).toBeUndefined();
      desired.change('ch_a', { wish: 'idle' });
      await until('IDLE');
      desired.change('ch_a', { wish: 'running', runId: 'run_2' });
      await until('RUNNING');
      const [channel] = fake.channels.values();
      expect(JSON.stringify(channel?.body['destinations'])).toContain(
        's3ssl://media/segments/medialive/ch_a/run_2/p0/v"',
      );
      desired.change('ch_a', { wish: 'absent' });
      await until('DELETED');
      for (let tick = 0; tick < 20; tick += 1) {
        await reconciler.tick();
        pass(5000);
      }
      expect(desired.records.size).toBe(0);
      expect([...fake.inputs.values(), ...fake.groups.values()].map(({ state }) => state)).not.toContain(
        'IDLE',
      );
      expect(new Set([...fake.inputs.values(), ...fake.groups.values()].map(({ state }) => state))).toEqual(
        new Set(['DELETED']),
      );
      expect([...fake.channels.values()].map(({ body }) => body['channelClass'])).toEqual([
        JSON.stringify(input).includes('"isStandard":true') || input.type === 'srt-caller'
          ? 'STANDARD'
          : 'SINGLE_PIPELINE',
      ]);
    },
  );

  it('tells a refusal with every field that MediaLive names, and never creates after a dry run that failed', async () => {
    const { fake, api } = await served();
    const plan = planOf();
    await api.createGroup(groupRequest(plan));
    const [group] = (await api.list()).groups;
    await api.createInput(inputRequest(plan, group?.id));
    const [input] = (await api.list()).inputs;
    const request = channelRequest(plan, input?.id ?? '');
    const broken = { ...request, EncoderSettings: { ...request.EncoderSettings, AudioDescriptions: [] } };
    await expect(api.createChannel(broken)).rejects.toMatchObject({
      code: 'medialive.refused',
      retryable: false,
      message: expect.stringContaining('/encoderSettings/audioDescriptions is empty'),
    });
    expect(fake.calls.filter((call) => call.startsWith('POST /prod/channels'))).toHaveLength(1);
  });

  it('tells what was said in one line, without the advice for who debugs the SDK', () => {
    const thrown = new SyntaxError('Unexpected token\n  Deserialization error: inspect the hidden field');
    const error = asMediaLiveError(thrown, 'medialive:ListChannels');
    expect(error.message).toBe(
      'medialive:ListChannels failed (SyntaxError: Unexpected token): it is tried again',
    );
  });

  it('calls again after a 429, a 502 and a connection that broke, and makes one channel', async () => {
    const faults = ['refuse', 'refuse', 'lose-answer'] as const;
    let count = 0;
    const { fake, api } = await served({
      faultOf: ({ operation }) => {
        if (operation !== 'CreateChannel') return undefined;
        const kind = faults[count];
        count += 1;
        if (kind === undefined) return undefined;
        return kind === 'refuse' ? { kind, status: count === 1 ? 429 : 502 } : { kind };
      },
    });
    const plan = planOf();
    await api.createGroup(groupRequest(plan));
    await api.createInput(inputRequest(plan, (await api.list()).groups[0]?.id));
    const { inputs } = await api.list();
    await api.createChannel(channelRequest(plan, inputs[0]?.id ?? ''));
    expect(fake.channels.size).toBe(1);
    expect(fake.calls.filter((call) => call.startsWith('POST /prod/channels'))).toEqual([
      'POST /prod/channels 429',
      'POST /prod/channels 502',
      'POST /prod/channels lost',
      'POST /prod/channels 201',
      'POST /prod/channels 201',
    ]);
  });

  it('does not ask twice for a security group whose answer was lost: it has no RequestId', async () => {
    const { fake, api } = await served({
      faultOf: ({ operation }) =>
        operation === 'CreateInputSecurityGroup' ? { kind: 'lose-answer' } : undefined,
    });
    await expect(api.createGroup(groupRequest(planOf()))).rejects.toMatchObject({ retryable: true });
    expect(fake.groups.size).toBe(1);
  });

  it('gives up a storm of 429 within its budget', async () => {
    const { fake, api } = await served({ faultOf: () => ({ kind: 'refuse', status: 429 }) });
    for (let tick = 0; tick < 10; tick += 1) {
      await expect(api.list()).rejects.toMatchObject({ code: 'medialive.throttled', retryable: true });
    }
    // Thirty lists, and no more than the bucket of retries on top of them.
    expect(fake.calls.length).toBeLessThan(30 + 25);
  });

  it('ends a call that nobody answers', async () => {
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const api = createMediaLiveApi({
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      clock: impatient,
      random: systemRandom,
      readQuotas: async () => ({ channels: 1, pushInputs: 1, pullInputs: 1, groups: 1 }),
      callMs: 50,
    });
    closing.push(() => api.close());
    const startedAtMs = performance.now();
    for (const call of [api.list(), api.startChannel('1'), api.stopChannel('1'), api.deleteInput('1')]) {
      await expect(call).rejects.toMatchObject({ code: 'medialive.unavailable', retryable: true });
    }
    expect(performance.now() - startedAtMs).toBeLessThan(10_000);
  });

  it('reads the quotas, and refuses before anything is made', async () => {
    const { fake, api, nowMs } = await served(
      {},
      { Channels: 0, 'Push inputs': 5, 'Input Security Groups': 5 },
    );
    const desired = new DesiredInMemory();
    await desired.save(desiredChannel('ch_a'), 0);
    await reconcilerOn({ api, desired, nowMs }).tick();
    expect(desired.records.get('ch_a')?.desired.failure).toMatch(/has 0 MediaLive channels and may have 0/);
    expect(fake.calls.every((call) => call.startsWith('GET'))).toBe(true);
  });

  it('lets no start pass the cost limit, of two that are wanted at once', async () => {
    const { fake, api, nowMs, pass } = await served();
    const desired = new DesiredInMemory();
    for (const channelId of ['ch_a', 'ch_b']) await desired.save(desiredChannel(channelId), 0);
    const reconciler = reconcilerOn({ api, desired, nowMs, place: { ...place, usdPerHourMax: 1.5 } });
    for (let tick = 0; tick < 20; tick += 1) {
      await reconciler.tick();
      pass(10_000);
    }
    fake.settle();
    const states = [...fake.channels.values()].map(({ state }) => state);
    expect(states.filter((state) => state === 'RUNNING')).toHaveLength(1);
    const failures = [...desired.records.values()].flatMap((one) => one.desired.failure ?? []);
    expect(failures).toEqual([expect.stringMatching(/about \$1\.99 an hour, more than the limit of \$1\.5/)]);
  });

  it('stops a channel whose pipelines have had no picture, when the bucket is silent too', async () => {
    const { fake, api, nowMs, pass } = await served();
    const desired = new DesiredInMemory();
    await desired.save(desiredChannel('ch_a'), 0);
    let mediaIdleMs = 0;
    const reconciler = reconcilerOn({ api, desired, nowMs, mediaIdleMs: () => mediaIdleMs });
    const ticks = async (count: number) => {
      for (let tick = 0; tick < count; tick += 1) {
        await reconciler.tick();
        pass(60_000);
      }
    };
    await ticks(8);
    const [channel] = fake.channels.values();
    fake.loseInput(channel?.id ?? '');
    await ticks(40);
    expect(channel?.state, 'segments come: the alert is of something else').toBe('RUNNING');
    mediaIdleMs = 3_600_000;
    await ticks(4);
    expect(channel?.state).toBe('IDLE');
    expect(desired.records.get('ch_a')?.desired.failure).toMatch(/no picture has come in for \d+ min/);
  });
});

describe.skipIf(!hasMoto)('moto', () => {
  it('takes what we send to MediaLive and Secrets Manager, and lists it as we read it', async () => {
    const moto = await startMoto();
    closing.push(async () => await moto.stop());
    const where = { region: 'us-east-1', endpoint: moto.endpoint };
    const api = createMediaLiveApi({
      ...where,
      clock: impatient,
      random: systemRandom,
      readQuotas: async () => await readMediaLiveQuotas(where),
    });
    closing.push(() => api.close());
    const vault = createPassphraseVault({ ...where, env: 'test', random: systemRandom });
    closing.push(() => vault.close());
    const arn = await vault.create('ch_a');
    expect(arn).toMatch(/^arn:aws:secretsmanager:us-east-1:\d+:secret:touchline\/srt\/test\/ch_a-/);
    expect(await vault.create('ch_a'), 'its answer may have been lost').toBe(arn);
    await vault.remove(arn);
    await vault.remove(arn);

    // It has no security groups, no dry run and no RequestId: the plain part is compared.
    const plan = planOf();
    await api.createInput(inputRequest(plan, 'group'));
    const { MediaLiveClient, ListInputsCommand, ListChannelsCommand } =
      await import('@aws-sdk/client-medialive');
    const client = new MediaLiveClient(where);
    closing.push(() => client.destroy());
    const { Inputs: [input] = [] } = await client.send(new ListInputsCommand({}));
    expect(input?.Tags).toMatchObject({ 'touchline:env': 'test', 'touchline:channel': 'ch_a' });
    await api.createChannel(channelRequest(plan, input?.Id ?? ''));
    const { Channels = [] } = await client.send(new ListChannelsCommand({}));
    expect(Channels[0]?.Destinations?.[0]?.Settings?.[0]?.Url).toBe(
      's3ssl://media/segments/medialive/ch_a/run_1/p0/v',
    );
    const id = Channels[0]?.Id ?? '';
    await api.startChannel(id);
    await api.stopChannel(id);
    await api.deleteChannel(id);
    await api.deleteInput(input?.Id ?? '');
  });
});

function planOf() {
  return { ...place, ...desiredChannel('ch_a'), expiresAtMs: Date.now() + 900_000 };
}
