import { createHash } from 'node:crypto';

import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import {
  GetQueueAttributesCommand,
  ListQueuesCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import pg from 'pg';

import { clipSidecar } from '../../core/clip.ts';
import type { Evidence, StoredObject } from './checker.ts';

/** Asks the ledger, the bucket and the queues themselves, past the program and past what stands before it. */
export async function gatherEvidence(from: {
  databaseUrl: string;
  s3: S3Client;
  bucket: string;
  prefix: string;
  sqs: SQSClient;
}): Promise<Evidence> {
  const { s3, bucket, prefix, sqs } = from;
  return {
    ...(await readLedger(from.databaseUrl)),
    objects: await readBucket(s3, bucket, prefix),
    ...(await readQueues(sqs)),
  };
}

async function readLedger(
  connectionString: string,
): Promise<Pick<Evidence, 'segments' | 'moments' | 'clips' | 'jobs'>> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const rows = async <T>(text: string): Promise<T[]> => (await client.query(text)).rows as T[];
    return {
      segments: await rows(
        'select run_id as "runId", seq::int, state, dead_reason as "deadReason", record from segments order by run_id, seq',
      ),
      moments: await rows('select id, clip_id as "clipId", state, revision::int from moments'),
      clips: await rows('select id, moment_id as "momentId", revision, sidecar from clips'),
      jobs: await rows('select id, state from jobs'),
    };
  } finally {
    await client.end();
  }
}

async function readBucket(s3: S3Client, bucket: string, prefix: string): Promise<Evidence['objects']> {
  const objects = new Map<string, StoredObject>();
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}/` }));
  for (const { Key = '', LastModified } of Contents) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
    objects.set(Key.slice(prefix.length + 1), {
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      modifiedAtMs: LastModified?.getTime() ?? 0,
      ...(Key.endsWith('.json') ? { sidecar: clipSidecar.safeParse(JSON.parse(bytes.toString())).data } : {}),
    });
  }
  return objects;
}

async function readQueues(sqs: SQSClient): Promise<Pick<Evidence, 'waiting' | 'buried'>> {
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}));
  const waiting = await countWaiting(sqs);
  const dead = QueueUrls.find((url) => url.endsWith('-dead'));
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: dead,
      MaxNumberOfMessages: 10,
      VisibilityTimeout: 0,
      WaitTimeSeconds: 0,
    }),
  );
  const buried = Messages.map(
    ({ Body = '{}' }) => (JSON.parse(Body) as { job?: { id?: string } }).job?.id ?? 'unreadable',
  );
  return { waiting, buried };
}

/** Of each queue, what is to be had, in somebody's hands and held back. */
export async function countWaiting(sqs: SQSClient): Promise<Record<string, number>> {
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}));
  const counts = QueueUrls.map(async (QueueUrl) => {
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
    );
    const { ApproximateNumberOfMessages: had, ApproximateNumberOfMessagesNotVisible: held } = Attributes;
    const count =
      Number(had ?? 0) + Number(held ?? 0) + Number(Attributes.ApproximateNumberOfMessagesDelayed ?? 0);
    return [QueueUrl.split('/').at(-1) ?? '', count] as const;
  });
  return Object.fromEntries(await Promise.all(counts));
}
