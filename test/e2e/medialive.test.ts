import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ChannelView, RunReport, SegmentView } from '../../control/match-desk.ts';
import { systemClock } from '../../core/clock.ts';
import { bridgeEvent } from '../ingest/medialive/made-hls.ts';
import { FakeHls, makeHlsMedia } from '../support/medialive-fake-hls.ts';
import { serveMediaLiveFake } from '../support/medialive-fake-server.ts';
import { MediaLiveFake } from '../support/medialive-fake.ts';
import { hasMoto, startMoto, type Moto } from '../support/moto.ts';
import { writeRoaringMatch } from '../support/roaring-match.ts';
import { awsEnvironment, becomeAwsUser, makeBucket } from '../support/s3-bucket.ts';
import { install, type Installation, type RunningUp } from '../support/touchline.ts';

const timeout = 300_000;
const segmentMs = 4000;
const segmentCount = 9;

/** The whole house on S3 and SQS, fed by a MediaLive that writes two pipelines into the bucket, of which one fails on the way. */
describe.skipIf(!hasMoto)('a match on MediaLive', { timeout }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-medialive-'));
  let moto: Moto;
  let s3: S3Client;
  let sqs: SQSClient;
  let fake: MediaLiveFake;
  let service: Awaited<ReturnType<typeof serveMediaLiveFake>>;
  let ticking: NodeJS.Timeout;
  let house: Installation;
  let up: RunningUp;
  let channelId: string;
  let shown: ChannelView;
  let report: RunReport;

  beforeAll(async () => {
    becomeAwsUser();
    moto = await startMoto();
    s3 = await makeBucket(moto.endpoint, 'clips');
    sqs = new SQSClient({ endpoint: moto.endpoint, region: awsEnvironment.AWS_REGION });
    await sqs.send(new CreateQueueCommand({ QueueName: 'bucket-events-dead' }));
    const deadArn = 'arn:aws:sqs:eu-west-1:123456789012:bucket-events-dead';
    const { QueueUrl = '' } = await sqs.send(
      new CreateQueueCommand({
        QueueName: 'bucket-events',
        Attributes: {
          RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadArn, maxReceiveCount: 5 }),
        },
      }),
    );
    const recording = join(folder, 'match.mp4');
    writeRoaringMatch(recording, { seconds: 36, roarAtSeconds: 16 });
    const media = await makeHlsMedia({ segmentMs, count: segmentCount, recording });

    fake = new MediaLiveFake({
      nowMs: () => systemClock.nowMs(),
      delayMs: () => 200,
      openHls: (target) =>
        new FakeHls(target, {
          media,
          // PTS come round in the middle of the match.
          firstPts90k: 2 ** 33 - 15 * 90_000,
          putObject: async ({ bucket, key, bytes }) => {
            await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes }));
          },
          onObjectCreated: ({ bucket, key }) => {
            const event = { QueueUrl, MessageBody: bridgeEvent(bucket, key) };
            void sqs.send(new SendMessageCommand(event)).catch(() => {});
          },
        }),
    });
    service = await serveMediaLiveFake(fake);
    ticking = setInterval(() => fake.settle(), 200);

    house = await install({
      ...awsEnvironment,
      AWS_ENDPOINT_URL: moto.endpoint,
      AWS_ENDPOINT_URL_MEDIALIVE: service.url,
      AWS_ENDPOINT_URL_SERVICE_QUOTAS: service.url,
      TOUCHLINE_STORE: 's3://clips/cup',
      TOUCHLINE_QUEUE: 'sqs://eu-west-1/cup',
      TOUCHLINE_MEDIALIVE_ROLE: 'arn:aws:iam::123456789012:role/medialive',
      TOUCHLINE_MEDIALIVE_EVENTS: QueueUrl,
      TOUCHLINE_WORKERS: '1',
    });
    await house.run(['aws', 'queues']);
    up = await house.up({ wallMsMax: timeout });
    const made = await house.run([
      ...'channel create cup --sport soccer --driver medialive --input rtmp-push --json'.split(' '),
      ...'--standard --allow 203.0.113.7/32'.split(' '),
    ]);
    expect(made.exitCode, made.stderrTail.join('\n')).toBe(0);
    channelId = (made.json as { id: string }).id;
    await until(async () => [...fake.channels.values()].some(({ state }) => state === 'RUNNING'), 60_000);
    const [running] = fake.channels.values();
    // The first pipeline falls silent in the third segment and never comes back: the second takes over.
    await until(async () => (await newestTotal()) >= 2, 60_000);
    shown = (await up.get(`/api/v1/channels/${channelId}`)) as ChannelView;
    running?.hls?.failPipeline(0, true, systemClock.nowMs());
    await until(async () => (await newestTotal()) >= segmentCount, 90_000);
    await house.run(['channel', 'stop', 'cup']);
    report = await up.terminalReport(channelId, timeout / 2);
  }, timeout);

  afterAll(async () => {
    clearInterval(ticking);
    await up?.stop();
    await service?.close();
    sqs?.destroy();
    s3?.destroy();
    await moto?.stop();
    house?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('ends with every segment in one terminal state, over the failure of a pipeline and the wrap of its clock', async () => {
    const { total, clip, noClip, dead } = report.segments;
    expect({ sum: clip + noClip + dead, dead }).toEqual({ sum: total, dead: 0 });
    const { segments } = (await up.get(`/api/v1/runs/${report.run}/segments?limit=100`)) as {
      segments: SegmentView[];
    };
    expect(segments.map(({ seq }) => seq)).toEqual(segments.map((_, index) => index));
    for (const [index, segment] of segments.entries()) {
      const before = segments[index - 1];
      if (before) expect(Math.abs(segment.startMs - before.startMs - segmentMs)).toBeLessThanOrEqual(100);
    }
    const pipelines = new Set(segments.map(({ key }) => /\/p([01])\//.exec(key)?.[1]));
    expect(pipelines).toEqual(new Set(['0', '1']));
  });

  it('has its clip in the bucket', async () => {
    const roar = report.moments.find(({ peakMs }) => Math.abs(peakMs - 16_000) < 2000);
    const clip = report.clips.find(({ momentId }) => momentId === roar?.id);
    expect(clip).toMatchObject({ revision: 'exact', proven: true });
    const { Contents = [] } = await s3.send(
      new ListObjectsV2Command({ Bucket: 'clips', Prefix: 'cup/clips/' }),
    );
    const keys = Contents.map(({ Key }) => Key);
    for (const rendition of clip?.renditions ?? []) expect(keys).toContain(`cup/${rendition.key}`);
  });

  it('showed where to push to', () => {
    const urls = shown.endpoints.map(({ url }) => url.replace(/[0-9a-f]{32}/, 'KEY'));
    expect(urls).toEqual(
      ['a', 'b'].map((half) => expect.stringMatching(new RegExp(`:1935/${channelId}/KEY-${half}$`))),
    );
  });

  it('leaves nothing behind when the channel is deleted', async () => {
    await house.run(['channel', 'delete', 'cup']);
    await until(async () => statesIn(fake).every((state) => state === 'DELETED'), 60_000);
    expect(statesIn(fake)).toEqual(['DELETED', 'DELETED', 'DELETED']);
    const swept = await house.run(['aws', 'sweep', '--dry-run', '--json']);
    expect(swept.json).toEqual({ env: 'default', swept: [] });
  });

  async function newestTotal(): Promise<number> {
    const { runs } = (await up.get(`/api/v1/runs?channelId=${channelId}`)) as {
      runs: { segments: { total: number } }[];
    };
    return runs[0]?.segments.total ?? 0;
  }
});

function statesIn({ channels, inputs, groups }: MediaLiveFake): string[] {
  return [...channels.values(), ...inputs.values(), ...groups.values()].map(({ state }) => state);
}

async function until(isTrue: () => Promise<boolean>, msMax: number): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + msMax;
  while (!(await isTrue())) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`not within ${msMax} ms`);
    await systemClock.sleep(250);
  }
}
