import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { systemClock, type Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { silentLog } from '../../core/log.ts';
import { isOnPath, probe } from '../../core/process.ts';
import type { Queue } from '../../queue/queue.ts';
import { takeAndDie } from '../support/queue-die.ts';
import { openTestQueue } from '../support/queue-open.ts';
import { hasRedis, startRedis, type TestRedis } from '../support/redis.ts';
import { freePort } from '../support/touchline.ts';
import { makeJob } from '../support/queue-jobs.ts';
import { Collected, queueContract } from './queue-contract.ts';

const leaseMs = 2_000;
let redis: TestRedis;
let at: string;

beforeAll(async () => {
  if (hasRedis) redis = await startRedis();
});
afterAll(async () => await redis?.stop());

const open = async (clock: Clock = systemClock, log: Log = silentLog): Promise<Queue> =>
  await openTestQueue({ at, leaseMs, clock, log });

async function empty(): Promise<void> {
  at = redis.url;
  await command(async (client) => await client.flushall());
}

queueContract(
  { engine: 'bullmq-redis', ordersByDeadline: true, dedupesWaiting: true, countsReleases: false },
  async () => {
    await empty();
    return {
      connect: async () => await open(),
      takeAndDie: async (count) => await takeAndDie({ at, leaseMs, count }),
      done: async () => {},
    };
  },
  hasRedis ? undefined : 'redis-server',
);

describe.skipIf(!hasRedis)(`BullMQ on Redis${hasRedis ? '' : '; needs redis-server'}`, () => {
  let queue: Queue;
  let stop: AbortController;
  let running: Promise<unknown>[];
  beforeEach(async () => {
    await empty();
    queue = await open();
    stop = new AbortController();
    running = [];
  });
  afterEach(async () => {
    stop.abort();
    await Promise.allSettled(running);
    await queue.close();
  });

  it('orders by deadline to the half second, years from now', async () => {
    // Scores of Redis are doubles: beyond 2^21 the priority pushes the order of arrival out of them, never the deadline.
    const deadlines = [0, 1, 2, 600, 86_400, 10 * 365 * 86_400].map((s) => Date.UTC(2045, 0, 1) + s * 500);
    const jobs = deadlines.map((deadlineAtMs, index) => makeJob(`job${index}`, { deadlineAtMs }));
    await queue.put(jobs.toReversed());
    const seen = new Collected<string>();
    running.push(
      queue.consume('result', {
        slots: 1,
        signal: stop.signal,
        handle: async ({ job }) => {
          seen.add(job.id);
          return { kind: 'done' };
        },
      }),
    );
    expect(await seen.reach(6)).toEqual(jobs.map((job) => job.id));
  });

  it('takes no job from a healthy worker for a clock that is a minute fast, unlike PostgreSQL', async () => {
    const fast: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + 60_000 };
    const other = await open(fast);
    const seen = new Collected<number>();
    const gate = new Collected<void>();
    const handle = async ({ attempt }: { attempt: number }): Promise<{ kind: 'done' }> => {
      seen.add(attempt);
      await gate.reach(1);
      return { kind: 'done' };
    };
    running.push(queue.consume('result', { slots: 1, signal: stop.signal, handle }));
    await queue.put([makeJob('held')]);
    await seen.reach(1);
    const second = other.consume('result', { slots: 1, signal: stop.signal, handle });
    await systemClock.sleep(leaseMs + 600); // Past the lease and a stall check of the fast one.
    gate.add();
    expect(seen.items).toEqual([1]);
    stop.abort();
    await second;
    await other.close();
  });

  it('survives the crash of its server: puts fail meanwhile, and what waited or ran is handed out after', async () => {
    const seen = new Collected<{ id: string; attempt: number; signal: AbortSignal }>();
    running.push(
      queue.consume('result', {
        slots: 1,
        signal: stop.signal,
        handle: async ({ job, attempt, signal }) => {
          seen.add({ id: job.id, attempt, signal });
          if (seen.items.length === 1)
            await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          return { kind: 'done' };
        },
      }),
    );
    await queue.put([makeJob('first', { deadlineAtMs: Date.now() }), makeJob('second')]);
    const [first] = await seen.reach(1);
    await redis.kill();
    try {
      await expect(queue.put([makeJob('late')])).rejects.toMatchObject({
        code: 'queue.unavailable',
        retryable: true,
      });
      await expect(queue.ping(1_000)).rejects.toMatchObject({ code: 'queue.unavailable' });
      await new Promise((resolve) => {
        if (first?.signal.aborted) resolve(undefined);
        first?.signal.addEventListener('abort', resolve, { once: true });
      });
    } finally {
      await redis.startAgain();
    }
    const all = (await seen.reach(3)).map(({ id, attempt }) => `${id} ${attempt}`);
    expect(all.toSorted()).toEqual(['first 1', 'first 2', 'second 1']);
    await expect.poll(async () => await queue.ping(1_000).then(() => true)).toBe(true);
  });

  it('refuses a server that throws keys away, and warns of one that keeps no log', async () => {
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (message) => warnings.push(message), child: () => log };
    await setConfig('maxmemory-policy', 'allkeys-lru');
    await expect(open()).rejects.toMatchObject({
      code: 'queue.evicts',
      retryable: false,
      message: expect.stringMatching(/allkeys-lru.*noeviction/s) as string,
    });
    await setConfig('maxmemory-policy', 'noeviction');
    await (await open(systemClock, log)).close();
    expect(warnings).toEqual([]);
    await setConfig('appendonly', 'no');
    await (await open(systemClock, log)).close();
    expect(warnings).toEqual([expect.stringMatching(/lost when it crashes/)]);
    await setConfig('appendonly', 'yes');
  });

  it('says so when nobody answers or the password is wrong, without the password', async () => {
    const problem = {
      code: 'queue.unavailable',
      message: expect.not.stringContaining('sesame') as string,
    };
    at = 'redis://:sesame@127.0.0.1:9';
    await expect(open()).rejects.toMatchObject(problem);
    await expect(open()).rejects.toThrow(/ECONNREFUSED/);
    at = redis.url.replace('//', '//nobody:sesame@');
    await expect(open()).rejects.toMatchObject(problem);
    await expect(open()).rejects.toThrow(/WRONGPASS|AUTH/);
    at = redis.url;
  });

  it.skipIf(!isOnPath('openssl'))(
    'speaks TLS to a rediss:// address, and only to a server it can trust',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'touchline-tls-'));
      const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
      const made = probe('openssl', [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-keyout',
        key,
        '-out',
        certificate,
        ...subject,
      ]);
      expect(made.ok).toBe(true);
      const tlsPort = await freePort();
      const files = [
        '--tls-cert-file',
        certificate,
        '--tls-key-file',
        key,
        '--tls-ca-cert-file',
        certificate,
      ];
      const server = await startRedis(['--tls-port', String(tlsPort), ...files, '--tls-auth-clients', 'no']);
      const secure = `rediss://localhost:${tlsPort}`;
      try {
        await expect(openTestQueue({ at: secure, leaseMs })).rejects.toMatchObject({
          code: 'queue.unavailable',
          message: expect.stringMatching(/self-signed certificate/) as string,
        });
        const plain = await openTestQueue({ at: server.url, leaseMs });
        await plain.put([makeJob('over-tls')]);
        await plain.close();
        // Node reads what else it may trust when it starts, so another process it is.
        const env = { NODE_EXTRA_CA_CERTS: certificate };
        expect(await takeAndDie({ at: secure, leaseMs, count: 1, env })).toEqual([
          { id: 'over-tls', attempt: 1 },
        ]);
      } finally {
        await server.stop();
        await rm(folder, { recursive: true });
      }
    },
  );

  it('uses two connections for each kind that it consumes, and one for all else', async () => {
    expect(await countConnections()).toBe(1);
    const seen = new Collected<void>();
    for (const kind of ['analyse', 'cut', 'result'] as const) {
      running.push(
        queue.consume(kind, {
          slots: 8,
          signal: stop.signal,
          handle: async () => {
            seen.add();
            return { kind: 'done' };
          },
        }),
      );
    }
    await queue.put([makeJob('one')]);
    await seen.reach(1);
    await expect.poll(countConnections).toBe(7);
    stop.abort();
    await Promise.all(running);
    await expect.poll(countConnections).toBe(1);
  });
});

async function command<T>(call: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(redis.url);
  try {
    return await call(client);
  } finally {
    client.disconnect();
  }
}

async function setConfig(name: string, value: string): Promise<void> {
  await command(async (client) => await client.config('SET', name, value));
}

/** Without the one that asks. */
async function countConnections(): Promise<number> {
  const list = await command(async (client) => String(await client.client('LIST')));
  return list.trim().split('\n').length - 1;
}
