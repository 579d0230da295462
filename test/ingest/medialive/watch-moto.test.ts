import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../../core/clock.ts';
import { silentLog } from '../../../core/log.ts';
import { systemRandom } from '../../../core/random.ts';
import type { SegmentRecord } from '../../../core/segment.ts';
import type { EventInbox } from '../../../ingest/medialive/watch-inbox.ts';
import type { WatchEvents } from '../../../ingest/medialive/watch-run.ts';
import { MediaLiveWatcher } from '../../../ingest/medialive/watcher.ts';
import { openS3Store } from '../../../store/s3-store.ts';
import { hasMoto, startMoto, type Moto } from '../../support/moto.ts';
import { becomeAwsUser, makeBucket, s3Options } from '../../support/s3-bucket.ts';
import { bridgeEvent, MadePipeline, makeHls } from './made-hls.ts';

const bucket = 'media';

describe.skipIf(!hasMoto)('the watcher against S3 and SQS', () => {
  let moto: Moto;
  let s3: S3Client;
  let sqs: SQSClient;
  let folder = '';
  const queueUrls: Record<string, string> = {};

  beforeAll(async () => {
    becomeAwsUser();
    moto = await startMoto();
    s3 = await makeBucket(moto.endpoint, bucket);
    sqs = new SQSClient({ endpoint: moto.endpoint });
    folder = mkdtempSync(join(tmpdir(), 'touchline-watch-moto-'));
    for (const QueueName of ['events', 'dead']) {
      const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName }));
      queueUrls[QueueName] = QueueUrl;
    }
  });
  afterAll(async () => {
    s3.destroy();
    sqs.destroy();
    await moto.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const received: string[] = [];
  const inbox: EventInbox = {
    receive: async (signal) => {
      const asked = { QueueUrl: queueUrls['events'], WaitTimeSeconds: 1, MaxNumberOfMessages: 10 };
      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand(asked), { abortSignal: signal });
      received.push(...Messages.map(({ Body = '' }) => Body));
      return Messages.map(({ Body = '', ReceiptHandle }) => {
        const remove = async (): Promise<void> => {
          await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrls['events'], ReceiptHandle }));
        };
        return {
          body: Body,
          acknowledge: remove,
          reject: async (reason) => {
            const MessageBody = JSON.stringify({ body: Body, reason });
            await sqs.send(new SendMessageCommand({ QueueUrl: queueUrls['dead'], MessageBody }));
            await remove();
          },
        };
      });
    },
  };

  async function send(body: string): Promise<void> {
    await sqs.send(new SendMessageCommand({ QueueUrl: queueUrls['events'], MessageBody: body }));
  }

  it('tells of objects whose events come in either shape, and of those without any; and puts bad events aside', async () => {
    // S3's own notifications, straight to SQS, for what the first pipeline writes. The first is its test event.
    await s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: bucket,
        NotificationConfiguration: {
          QueueConfigurations: [
            {
              QueueArn: `arn:aws:sqs:eu-west-1:123456789012:events`,
              Events: ['s3:ObjectCreated:*'],
              Filter: { Key: { FilterRules: [{ Name: 'suffix', Value: '.ts' }] } },
            },
          ],
        },
      }),
    );
    const told: { records: SegmentRecord[]; others: string[] } = { records: [], others: [] };
    let tell: (() => void) | undefined;
    const events: WatchEvents = {
      onRunStarted: async () => void told.others.push('start'),
      onSegment: async (record) => {
        told.records.push(record);
        tell?.();
      },
      onSegmentLate: async () => void told.others.push('late'),
      onRunEnded: async (run) => void told.others.push(`${run.why} ${run.segmentCount}`),
    };
    const untilTold = async (count: number): Promise<void> =>
      await new Promise((resolve) => {
        tell = () => told.records.length >= count && resolve();
        tell();
      });

    const stopping = new AbortController();
    const watcher = new MediaLiveWatcher({
      objects: openS3Store(s3Options({ bucket, prefix: 'top', endpoint: moto.endpoint })),
      events,
      inbox,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      journalFolder: folder,
      bucket,
      storePrefix: 'top',
      prefix: 'segments',
    });
    const running = watcher.run(stopping.signal);
    const channel = { channelId: 'ch_1', runId: 'run_1' };
    await watcher.watchRun({ ...channel, segmentMs: 2000, pipelineCount: 2 });
    const put = async (Key: string, Body: Uint8Array): Promise<void> =>
      void (await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body })));
    const at = { bucket: { put }, prefix: 'top/segments', ...channel };
    const [p0, p1] = [new MadePipeline({ ...at, pipeline: 0 }), new MadePipeline({ ...at, pipeline: 1 })];
    const startMs = Date.UTC(2026, 2, 1, 12);
    const segments = await makeHls({ count: 6 });

    await send('{"nonsense":true}');
    await send(bridgeEvent('elsewhere', 'top/segments/medialive/ch_1/run_1/p0/v_20260301T120000_00001.ts'));
    for (const [nth, segment] of segments.slice(0, 4).entries()) {
      await p0.write(segment, startMs + nth * 2000);
      const key = await p1.write(segment, startMs + nth * 2000);
      await send(bridgeEvent(bucket, key));
    }
    await untilTold(4);
    for (const [nth, segment] of segments.slice(4).entries())
      await p0.write(segment, startMs + (nth + 4) * 2000);
    await untilTold(6);
    await watcher.endRun('run_1', 'stopped');
    stopping.abort();
    await running;

    expect(told.others).toEqual(['start', 'stopped 6']);
    expect(told.records.map((record) => [record.seq, record.start90k, record.epoch])).toEqual(
      [0, 1, 2, 3, 4, 5].map((nth) => [nth, nth * 180_000, 0]),
    );
    expect(told.records[0]?.key).toMatch(
      /^segments\/medialive\/ch_1\/run_1\/p0\/v_20260301T120000_00001\.ts$/,
    );
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrls['dead'], MaxNumberOfMessages: 10 }),
    );
    expect(
      Messages.map(({ Body = '' }) => (JSON.parse(Body) as { reason: string }).reason).toSorted(),
    ).toEqual([expect.stringMatching(/^it is neither/), expect.stringMatching(/^the bucket is "elsewhere"/)]);
    expect(watcher.inboxFigures).toMatchObject({ rejectedCount: 2, failure: undefined });
    for (const shape of ['s3:TestEvent', '"Records"', '"detail-type"']) {
      expect(received).toContainEqual(expect.stringContaining(shape));
    }
  });
});
