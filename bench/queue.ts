// Jobs a second of each queue engine, beside a bare loop on the same client in the same run: npx tsx bench/queue.ts [engine ...]
// The handlers do nothing, so what is measured is the price of leases, checks and outcomes. Needs redis-server and moto_server.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  DeleteMessageBatchCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { createPostgresBackend, createRedisBackend, withBackend } from 'bullmq';
import pg from 'pg';

import { systemClock } from '../core/clock.ts';
import type { Job, ResultJob } from '../core/jobs.ts';
import { silentLog } from '../core/log.ts';
import { systemRandom } from '../core/random.ts';
import { createQueues } from '../queue/create-queues.ts';
import type { Queue } from '../queue/queue.ts';
import { startEmbeddedPostgres } from '../store/embedded-postgres.ts';
import { startMoto } from '../test/support/moto.ts';
import { openTestQueue } from '../test/support/queue-open.ts';
import { makeAnalysis, makeJob as makeResult } from '../test/support/queue-jobs.ts';
import { startRedis } from '../test/support/redis.ts';

const slots = 8;
const roundCount = 5;
const leaseMs = 10_000;
const region = 'eu-west-1';

/** Where a segment is (600 bytes), and what was found in it (8 KB of numbers, all of them checked by us and not by the bare loop). */
const kinds = ['analyse', 'result'] as const;
type Kind = (typeof kinds)[number];

interface Bench {
  /** What TOUCHLINE_QUEUE would be. */
  at: string;
  jobCount: number;
  /** Takes everything that is there, without us. Resolves when `jobCount` are done. */
  takeBare(kind: Kind, jobCount: number): Promise<void>;
  stop(): Promise<void>;
}

const benches: Record<string, () => Promise<Bench>> = { postgres, redis, sqs };
const wanted = process.argv.slice(2);
for (const [engine, start] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(engine)) continue;
  const bench = await start();
  const queue = await openTestQueue({ at: bench.at, leaseMs });
  for (const kind of kinds) await measure(engine, bench, queue, kind);
  await queue.close();
  await bench.stop();
}

async function measure(engine: string, bench: Bench, queue: Queue, kind: Kind): Promise<void> {
  const rates: Record<'ours' | 'bare', number[]> = { ours: [], bare: [] };
  for (let round = 0; round <= roundCount; round += 1) {
    for (const who of round % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) {
      const jobs = Array.from({ length: bench.jobCount }, (_, index) =>
        makeJob(kind, `${round}-${who}-${index}`),
      );
      await queue.put(jobs);
      const startedAtMs = performance.now();
      if (who === 'ours') await takeOurs(queue, kind, bench.jobCount);
      else await bench.takeBare(kind, bench.jobCount);
      const rate = bench.jobCount / ((performance.now() - startedAtMs) / 1000);
      if (round > 0) rates[who].push(rate); // The first warms up.
    }
  }
  const [ours, bare] = [median(rates.ours), median(rates.bare)];
  console.log(
    `${engine}, ${kind}: ours ${Math.round(ours)} jobs/s, bare ${Math.round(bare)} jobs/s, ratio ${(ours / bare).toFixed(2)} ` +
      `(by round ${rates.ours.map((rate, index) => (rate / (rates.bare[index] ?? 1)).toFixed(2)).join(' ')})`,
  );
}

async function takeOurs(queue: Queue, kind: Kind, jobCount: number): Promise<void> {
  const stop = new AbortController();
  let doneCount = 0;
  await queue.consume(kind, {
    slots,
    signal: stop.signal,
    handle: async () => {
      if ((doneCount += 1) === jobCount) stop.abort();
      return { kind: 'done' };
    },
  });
}

async function postgres(): Promise<Bench> {
  const home = await mkdtemp(join(tmpdir(), 'touchline-bench-'));
  await chmod(home, 0o755);
  const server = await startEmbeddedPostgres({
    home,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  const at = server.databaseUrl.reveal();
  const { Worker } = withBackend(createPostgresBackend);
  const pool = new pg.Pool({ connectionString: at, options: '-c search_path=bullmq', max: 5 });
  pool.on('error', () => {});
  return {
    at,
    jobCount: 1_000,
    takeBare: async (kind, jobCount) =>
      await takeWithWorker(
        jobCount,
        (run) => new Worker(`touchline-${kind}`, run, { connection: pool as never, concurrency: slots }),
      ),
    stop: async () => {
      await pool.end();
      await server.stop();
      await rm(home, { recursive: true });
    },
  };
}

async function redis(): Promise<Bench> {
  const server = await startRedis(['--appendfsync', 'everysec']);
  const { Worker } = withBackend(createRedisBackend);
  return {
    at: server.url,
    jobCount: 12_000,
    takeBare: async (kind, jobCount) =>
      await takeWithWorker(
        jobCount,
        (run) =>
          new Worker(`touchline-${kind}`, run, {
            connection: { url: server.url, maxRetriesPerRequest: null },
            concurrency: slots,
          }),
      ),
    stop: async () => await server.stop(),
  };
}

async function takeWithWorker(
  jobCount: number,
  start: (run: () => Promise<void>) => {
    on(event: 'error', listener: () => void): unknown;
    close(): Promise<void>;
  },
): Promise<void> {
  let doneCount = 0;
  await new Promise<void>((resolve) => {
    const worker = start(async () => {
      if ((doneCount += 1) === jobCount) void worker.close().then(resolve);
    });
    worker.on('error', () => {});
  });
}

async function sqs(): Promise<Bench> {
  const moto = await startMoto();
  process.env['AWS_ENDPOINT_URL_SQS'] = moto.endpoint;
  process.env['AWS_ACCESS_KEY_ID'] = 'bench';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'bench';
  const prefix = 'bench';
  const tools = { clock: systemClock, random: systemRandom };
  await createQueues({ region, prefix, kmsKeyId: undefined, isDryRun: false, ...tools });
  const client = new SQSClient({ region, useQueueUrlAsEndpoint: false });
  return {
    at: `sqs://${region}/${prefix}`,
    jobCount: 200,
    takeBare: async (kind, jobCount) => {
      const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: `${prefix}-${kind}` }));
      for (let doneCount = 0; doneCount < jobCount;) {
        const input = { QueueUrl, MaxNumberOfMessages: slots, WaitTimeSeconds: 20 };
        const { Messages = [] } = await client.send(new ReceiveMessageCommand(input));
        for (const { Body = '' } of Messages) JSON.parse(Body);
        const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
        await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
        doneCount += Messages.length;
      }
    },
    stop: async () => {
      client.destroy();
      await moto.stop();
    },
  };
}

function makeJob(kind: Kind, id: string): Job {
  const deadlineAtMs = Date.now();
  return kind === 'analyse'
    ? makeAnalysis(id, { deadlineAtMs })
    : makeResult(id, { deadlineAtMs, result: found(id) });
}

/** What the built-in pack says of 4 s. */
function found(jobId: string): ResultJob['result'] {
  const atMs = Array.from({ length: 80 }, (_, index) => index * 50);
  const values = atMs.map((ms) => Math.round(Math.sin(ms) * 1000) / 1000);
  const signals = ['sound.crowd', 'sound.speech', 'picture.motion', 'picture.cut'].map((name) => ({
    name,
    unit: '1',
    atMs,
    values,
  }));
  return {
    of: 'analyse',
    jobId,
    attempt: 1,
    instanceId: 'ins_1',
    workerId: 'wrk_1',
    startedAtMs: 1,
    finishedAtMs: 2,
    pass: 'coarse',
    segmentId: 'seg_1',
    outcome: { kind: 'found', signals, spots: [] },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
