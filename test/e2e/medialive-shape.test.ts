import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ChannelView, RunReport } from '../../control/match-desk.ts';
import { FakeHls, makeHlsMedia } from '../support/medialive-fake-hls.ts';
import { serveMediaLiveFake } from '../support/medialive-fake-server.ts';
import { MediaLiveFake } from '../support/medialive-fake.ts';
import { hasMoto, startMoto, type Moto } from '../support/moto.ts';
import { writeRoaringMatch } from '../support/roaring-match.ts';
import { install, type Installation, type RunningUp } from '../support/touchline.ts';

const timeout = 400_000;
const isLong = process.env['TOUCHLINE_TEST_LONG'] !== undefined;
const segmentMs = 4000;

/** The whole program against MediaLive as the fake shows it, S3 and SQS as moto does: two minutes of real time. */
describe.skipIf(!isLong || !hasMoto)('a match through MediaLive', { timeout }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-medialive-'));
  let moto: Moto;
  let fake: MediaLiveFake;
  let fakeServer: Awaited<ReturnType<typeof serveMediaLiveFake>>;
  let pulse: NodeJS.Timeout;
  let s3: S3Client;
  let sqs: SQSClient;
  let server: Installation;
  let up: RunningUp;
  let channelId: string;
  let report: RunReport;
  let shown: ChannelView;

  beforeAll(async () => {
    moto = await startMoto();
    const where = {
      endpoint: moto.endpoint,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    };
    s3 = new S3Client({ ...where, forcePathStyle: true });
    sqs = new SQSClient(where);
    const bucket = {
      Bucket: 'clips',
      CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } as const,
    };
    await s3.send(new CreateBucketCommand(bucket));
    const dead = await sqs.send(new CreateQueueCommand({ QueueName: 'segments-dead' }));
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: dead.QueueUrl, AttributeNames: ['QueueArn'] }),
    );
    const { QueueUrl } = await sqs.send(
      new CreateQueueCommand({
        QueueName: 'segments',
        Attributes: {
          RedrivePolicy: JSON.stringify({
            deadLetterTargetArn: Attributes?.['QueueArn'],
            maxReceiveCount: 5,
          }),
        },
      }),
    );

    const recording = join(folder, 'match.mp4');
    writeRoaringMatch(recording, { seconds: 48, roarAtSeconds: 16 });
    const media = await makeHlsMedia({ segmentMs, count: 12, recording });
    fake = new MediaLiveFake({
      nowMs: () => Date.now(),
      delayMs: (what) => (what === 'starting' ? 4000 : 1000),
      openHls: (target) =>
        new FakeHls(target, {
          media,
          putObject: async ({ bucket, key, bytes }) => {
            await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes }));
          },
          // As EventBridge does: at least once.
          onObjectCreated: ({ bucket, key, bytes }) => {
            const detail = { bucket: { name: bucket }, object: { key, size: bytes.length } };
            const event = { source: 'aws.s3', 'detail-type': 'Object Created', detail };
            const message = { QueueUrl, MessageBody: JSON.stringify(event) };
            for (let copy = 0; copy < 2; copy += 1) void sqs.send(new SendMessageCommand(message));
          },
        }),
    });
    fakeServer = await serveMediaLiveFake(fake, { quotas: { Channels: 5, 'Push inputs': 5 } });
    pulse = setInterval(() => fake.settle(), 250);

    server = await install({
      TOUCHLINE_ENV: 'test',
      TOUCHLINE_STORE: 's3://clips/cup',
      TOUCHLINE_WORKERS: '1',
      TOUCHLINE_MEDIALIVE_ROLE: 'arn:aws:iam::123456789012:role/medialive',
      TOUCHLINE_MEDIALIVE_EVENTS: QueueUrl ?? '',
      AWS_ENDPOINT_URL: moto.endpoint,
      AWS_ENDPOINT_URL_MEDIALIVE: fakeServer.url,
      AWS_ENDPOINT_URL_SERVICE_QUOTAS: fakeServer.url,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    });
    up = await server.up({ wallMsMax: timeout });
    const wish =
      '--sport soccer --driver medialive --input rtmp-push --standard --allow 203.0.113.7/32 --json';
    const made = await server.run(['channel', 'create', 'cup', ...wish.split(' ')]);
    expect(made.exitCode, made.stderrTail.join('\n')).toBe(0);
    channelId = (made.json as { id: string }).id;

    const channel = async () => (await up.get(`/api/v1/channels/${channelId}`)) as ChannelView;
    const until = async (isSo: () => Promise<boolean> | boolean) => {
      const endMs = performance.now() + 90_000;
      while (!(await isSo())) {
        if (performance.now() > endMs)
          throw new Error(`it never came to hold: ${fake.calls.slice(-30).join('\n')}`);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    };
    await until(async () => (await channel()).state === 'live');
    shown = await channel();
    const [mine] = fake.channels.values();
    const startedAtMs = mine?.changedAtMs ?? 0;
    // Half way through, the first pipeline dies.
    await until(() => Date.now() - startedAtMs >= 6.5 * segmentMs);
    fake.failPipeline(mine?.id ?? '', 0);
    await until(() => Date.now() - startedAtMs >= 12.2 * segmentMs);
    const stopped = await server.run(['channel', 'stop', 'cup', '--json']);
    expect(stopped.json).toMatchObject({ state: 'stopping' });
    await until(async () => (await channel()).state === 'idle');
    report = await up.terminalReport(channelId, timeout / 2);
  }, timeout);

  afterAll(async () => {
    await up?.stop();
    clearInterval(pulse);
    await fakeServer?.close();
    await moto?.stop();
    server?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('showed where to push to', () => {
    expect(shown.endpoints.map(({ label, url }) => [label, url.replace(/[0-9a-f]{32}/, 'KEY')])).toEqual(
      ['a', 'b'].map((half) => [
        'push RTMP to',
        expect.stringMatching(new RegExp(`:1935/${channelId}/KEY-${half}$`)),
      ]),
    );
  });

  it('ends with every segment of both pipelines once, the ledger closed and the clip in the bucket', async () => {
    const { total, clip, noClip, dead } = report.segments;
    expect({ sum: clip + noClip + dead, dead }).toEqual({ sum: total, dead: 0 });
    expect(total).toBeGreaterThanOrEqual(11);
    expect(report.clips).toContainEqual(expect.objectContaining({ revision: 'exact', proven: true }));
    const { Contents = [] } = await s3.send(
      new ListObjectsV2Command({ Bucket: 'clips', Prefix: 'cup/clips/' }),
    );
    expect(Contents.some(({ Key }) => Key?.endsWith('.json'))).toBe(true);
    const { segments } = (await up.get(`/api/v1/runs/${report.run}/segments?limit=200`)) as {
      segments: { key: string; seq: number; startWallMs: number }[];
    };
    const keys = segments.map(({ key }) => key);
    expect(keys[0]).toMatch(/^segments\/medialive\/.*\/p0\/v_/);
    expect(keys.at(-1)).toMatch(/\/p1\/v_/);
    const starts = segments.map(({ startWallMs }) => startWallMs);
    expect(new Set(starts).size, 'no time is there twice').toBe(starts.length);
    expect(starts).toEqual(starts.toSorted((one, other) => one - other));
  });

  it('leaves nothing behind when the channel is deleted', async () => {
    await server.run(['channel', 'delete', 'cup']);
    const endMs = performance.now() + 90_000;
    while (everythingIn(fake).some(({ state }) => state !== 'DELETED') && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(everythingIn(fake).map(({ state }) => state)).toEqual(['DELETED', 'DELETED', 'DELETED']);
    const swept = await server.run(['aws', 'sweep', '--dry-run', '--json']);
    expect(swept.json).toEqual({ env: 'test', swept: [] });
  });
});

function everythingIn(fake: MediaLiveFake): { state: string }[] {
  return [...fake.channels.values(), ...fake.inputs.values(), ...fake.groups.values()];
}
