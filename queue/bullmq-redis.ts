import { createRedisBackend, withBackend, type ConnectionOptions, type RedisQueueBackend } from 'bullmq';
import { Redis } from 'ioredis';

import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { Secret } from '../core/secret.ts';
import type { BullmqEngine } from './bullmq-queue.ts';
import type { TroubleLog } from './trouble-log.ts';

const connectMsMax = 5_000;
/** Every command is answered within milliseconds by a server that is well. */
const commandMsMax = 5_000;
/** A worker's connection waits for jobs for at most 10 s at a time; one that is silent for longer has lost its server. */
const silentMsMax = 15_000;
const reconnectMsMax = 2_000;

/**
 * BullMQ on Redis 6.2 or later, or on what speaks like it.
 *
 * @throws TouchlineError `queue.unavailable`, `queue.evicts`
 */
export async function connectRedis(options: {
  url: Secret;
  log: Log;
  random: Random;
  trouble: TroubleLog;
}): Promise<BullmqEngine<RedisQueueBackend, ConnectionOptions>> {
  const { log, random, trouble } = options;
  const url = options.url.reveal();
  const shared = {
    connectTimeout: connectMsMax,
    keepAlive: 10_000,
    // All workers of a fleet lose their server in the same moment, and should not come back in the same moment.
    retryStrategy: (times: number): number =>
      Math.min(100 * 2 ** Math.min(times, 10), reconnectMsMax) * (0.5 + random.unit() / 2),
  };
  // Puts fail while the server is away instead of heaping up in our memory.
  const client = new Redis(url, {
    ...shared,
    commandTimeout: commandMsMax,
    maxRetriesPerRequest: 1,
    lazyConnect: true,
  });
  let last: unknown;
  client.on('error', (error) => {
    last = error;
    trouble.report(error);
  });
  try {
    await client.connect();
    await assertKeepsJobs(client, log);
  } catch (error) {
    client.disconnect();
    throw unavailable(error, last);
  }
  return {
    name: 'bullmq-redis',
    classes: withBackend(createRedisBackend),
    connection: client,
    // A worker has two connections of its own: one waits for jobs. What it says about a job is worth waiting for.
    workerConnection: { url, ...shared, socketTimeout: silentMsMax, maxRetriesPerRequest: null },
    // A job is the key `bull:touchline-cut:ID`, and BullMQ's own are `bull:touchline-cut:marker`, `...:meta` and so on.
    idPrefix: 'job-',
    serverTimeMs: async () => {
      const [seconds, microseconds] = await client.time();
      return Number(seconds) * 1000 + Number(microseconds) / 1000;
    },
    // The server itself lets a lock run out.
    locksUseOurClock: false,
    close: async () => client.disconnect(),
  };
}

/** A cache that makes room by throwing keys away throws jobs away, and says nothing. */
async function assertKeepsJobs(client: Redis, log: Log): Promise<void> {
  // CONFIG is forbidden on managed servers; INFO is not.
  const info = await client.info();
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  if (policy !== undefined && policy !== 'noeviction') {
    throw new TouchlineError({
      code: 'queue.evicts',
      message:
        `this Redis throws keys away when its memory is full (maxmemory-policy is ${policy}), and jobs are keys: ` +
        'set maxmemory-policy to noeviction, or give touchline a Redis of its own in TOUCHLINE_QUEUE.',
      retryable: false,
      blame: 'environment',
    });
  }
  if (/^aof_enabled:0/m.test(info)) {
    log.warn('this Redis keeps no log of changes: what waits in it is lost when it crashes', {
      remedy: 'set appendonly to yes',
    });
  }
}

function unavailable(error: unknown, last: unknown): TouchlineError {
  if (error instanceof TouchlineError) return error;
  // "Connection is closed." says nothing; the event before it says why.
  const why = last instanceof Error ? last.message : (error as Error).message;
  return new TouchlineError({
    code: 'queue.unavailable',
    message: `the queue's Redis does not answer (${why}): check that it runs and TOUCHLINE_QUEUE is right.`,
    retryable: true,
    blame: 'environment',
    cause: error,
  });
}
