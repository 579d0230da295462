import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createPostgresBackend, Queue as BullQueue } from 'bullmq';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { systemClock, type Clock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import type { DeadJob, Queue } from '../../queue/queue.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../store/embedded-postgres.ts';
import { usePostgres } from '../support/postgres.ts';
import { openTestQueue } from '../support/queue-open.ts';
import { takeAndDie } from '../support/queue-die.ts';
import { makeAnalysis, makeJob } from '../support/queue-jobs.ts';
import { Collected, queueContract } from './queue-contract.ts';

const postgres = usePostgres();
/** A fifth of the real one, so that a death is noticed while a test waits. */
const leaseMs = 2_000;
const open = async (url: string, clock: Clock = systemClock): Promise<Queue> =>
  await openTestQueue({ at: url, clock, leaseMs });

async function makeTables(url: string): Promise<void> {
  await (await open(url)).close();
}

queueContract(
  { engine: 'bullmq-postgres', ordersByDeadline: true, dedupesWaiting: true, countsReleases: false },
  async () => {
    const at = await postgres.preparedDatabase(makeTables);
    return {
      connect: async () => await open(at),
      takeAndDie: async (count) => await takeAndDie({ at, leaseMs, count }),
      done: async () => {},
    };
  },
);

describe('BullMQ on PostgreSQL', () => {
  let url: string;
  let queue: Queue;
  let stop: AbortController;
  let running: Promise<unknown>[];
  beforeEach(async () => {
    url = await postgres.preparedDatabase(makeTables);
    queue = await open(url);
    stop = new AbortController();
    running = [];
  });
  afterEach(async () => {
    stop.abort();
    await Promise.allSettled(running);
    await queue.close();
  });

  it('tells a worker when its lease is lost, and lets it change nothing more', async () => {
    const seen = new Collected<AbortSignal>();
    running.push(
      queue.consume('result', {
        slots: 1,
        signal: stop.signal,
        handle: async ({ signal }) => {
          seen.add(signal);
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          return { kind: 'dead', reason: 'from one who has lost it' };
        },
      }),
    );
    await queue.put([makeJob('stolen')]);
    await seen.reach(1);
    // What a worker would do whose stall check found the lock expired.
    await query(url, `update bullmq.job set lock_token = 'thief', locked_until_ms = 9999999999999`);
    await new Promise<void>((resolve) => {
      seen.items[0]?.addEventListener('abort', () => resolve());
    });
    await queue.put([makeJob('next')]);
    await seen.reach(2); // The loser works on.
    expect(await query(url, `select state, lock_token from bullmq.job where id = 'stolen'`)).toEqual([
      { state: 'active', lock_token: 'thief' },
    ]);
    await query(url, `update bullmq.job set lock_token = 'thief' where id = 'next'`);
  });

  it('survives the absence of its server: the lease is lost, and the job is handed out again after', async () => {
    const home = await mkdtemp(join(tmpdir(), 'touchline-away-'));
    await chmod(home, 0o755);
    const startServer = async (): Promise<EmbeddedPostgres> =>
      await startEmbeddedPostgres({
        home,
        clock: systemClock,
        random: systemRandom,
        log: silentLog,
        settings: { fsync: 'off' },
      });
    const server = await startServer();
    const away = await open(server.databaseUrl.reveal());
    const seen = new Collected<{ attempt: number; signal: AbortSignal }>();
    const consuming = away.consume('result', {
      slots: 1,
      signal: stop.signal,
      handle: async ({ attempt, signal }) => {
        seen.add({ attempt, signal });
        if (attempt === 1) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return { kind: 'done' };
      },
    });
    await away.put([makeJob('job')]);
    const [first] = await seen.reach(1);
    await server.stop();
    await expect(away.put([makeJob('other')])).rejects.toMatchObject({
      code: 'queue.unavailable',
      retryable: true,
    });
    await expect(away.ping(1_000)).rejects.toMatchObject({ code: 'queue.unavailable' });
    const late = new Collected<string>();
    // One who begins now finds nobody, and yet is there when the server is back; meanwhile the process has its turns.
    const consumingLate = away.consume('analyse', {
      slots: 1,
      signal: stop.signal,
      handle: async ({ job }) => {
        late.add(job.id);
        return { kind: 'done' };
      },
    });
    expect(first?.signal.aborted).toBe(false);
    await new Promise((resolve) => first?.signal.addEventListener('abort', resolve));
    const again = await startServer();
    expect((await seen.reach(2))[1]?.attempt).toBe(2);
    await away.put([makeAnalysis('late')]);
    expect(await late.reach(1)).toEqual(['late']);
    stop.abort();
    await Promise.all([consuming, consumingLate]);
    await away.close();
    await again.stop();
    await rm(home, { recursive: true });
  });

  it('buries a payload that it cannot read, and goes on', async () => {
    const dead = new Collected<DeadJob>();
    const seen = new Collected<string>();
    running.push(
      queue.consumeDead({ signal: stop.signal, handle: async (one) => dead.add(one) }),
      queue.consume('result', {
        slots: 1,
        signal: stop.signal,
        handle: async ({ job }) => {
          seen.add(job.id);
          return { kind: 'done' };
        },
      }),
    );
    const foreign = new BullQueue('touchline-result', { connection: url }, createPostgresBackend);
    await foreign.add('result', { kind: 'result', from: 'the future' }, { jobId: 'foreign', priority: 1 });
    await foreign.add('result', 'no object', { jobId: 'text', priority: 1 });
    await foreign.close();
    await queue.put([makeJob('good')]);
    expect(await seen.reach(1)).toEqual(['good']);
    const buried = await dead.reach(2);
    expect(buried.map((one) => [one.jobId, one.job])).toEqual([
      ['foreign', undefined],
      ['text', undefined],
    ]);
    expect(buried[0]?.reason).toMatch(/no result job of this version/);
  });

  it('closed under a consumer leaves the process its turns', async () => {
    running.push(
      queue.consume('result', { slots: 1, signal: stop.signal, handle: async () => ({ kind: 'done' }) }),
    );
    await queue.put([makeJob('res-1')]);
    await queue.close();
    // A BullMQ worker without a connection would ask for jobs in a loop in which no timer fires.
    await systemClock.sleep(50);
    stop.abort();
    await Promise.all(running);
  });

  it('keeps nothing of what is finished', async () => {
    running.push(
      queue.consume('result', { slots: 1, signal: stop.signal, handle: async () => ({ kind: 'done' }) }),
    );
    await queue.put(Array.from({ length: 20 }, (_, index) => makeJob(`job${index}`)));
    await expect
      .poll(async () => await query(url, 'select count(*)::int as n from bullmq.job'), { timeout: 20_000 })
      .toEqual([{ n: 0 }]);
  });

  it('uses no more than five connections however much it consumes', async () => {
    for (const kind of ['analyse', 'cut', 'result'] as const) {
      running.push(
        queue.consume(kind, { slots: 8, signal: stop.signal, handle: async () => ({ kind: 'done' }) }),
      );
    }
    await queue.put(Array.from({ length: 200 }, (_, index) => makeJob(`job${index}`)));
    await expect
      .poll(async () => await query(url, 'select count(*)::int as n from bullmq.job'), { timeout: 20_000 })
      .toEqual([{ n: 0 }]);
    const [row] = await query(
      url,
      `select count(*)::int as n from pg_stat_activity
       where datname = current_database() and application_name <> 'test'`,
    );
    expect(row?.['n']).toBeLessThanOrEqual(5);
  });

  it.each([
    { skewMs: leaseMs / 4 + 200, isRefused: true },
    { skewMs: -leaseMs / 4 - 200, isRefused: true },
    { skewMs: leaseMs / 4 - 200, isRefused: false },
    { skewMs: -leaseMs / 4 + 200, isRefused: false },
  ])('with a clock that is $skewMs ms off: refused $isRefused', async ({ skewMs, isRefused }) => {
    const opened = open(
      url,
      shifted(() => skewMs),
    );
    if (isRefused) {
      await expect(opened).rejects.toMatchObject({ code: 'queue.clock-skew', blame: 'environment' });
      await expect(opened).rejects.toThrow(skewMs > 0 ? /ahead/ : /behind/);
    } else {
      await (await opened).close();
    }
  });

  it('stops consuming when the clock goes wrong later', async () => {
    let skewMs = 0;
    const ticks = new Collected<void>();
    const gate = new Collected<void>();
    const clock: Clock = {
      ...shifted(() => skewMs),
      // The check of every minute, when we say so; the rest as it is.
      sleep: async (ms, signal) => {
        if (ms !== 60_000) return await systemClock.sleep(ms, signal);
        ticks.add();
        await gate.reach(ticks.items.length);
      },
    };
    const other = await open(url, clock);
    const consuming = other.consume('result', {
      slots: 1,
      signal: stop.signal,
      handle: async () => ({ kind: 'done' }),
    });
    gate.add();
    await ticks.reach(2);
    skewMs = 5_000;
    gate.add();
    await expect(consuming).rejects.toMatchObject({ code: 'queue.clock-skew' });
    await other.close();
  });

  it('says so when nobody answers, or answers that it is newer', async () => {
    await expect(open('postgres://someone:sesame@127.0.0.1:9/x')).rejects.toMatchObject({
      code: 'queue.unavailable',
      message: expect.not.stringContaining('sesame') as string,
    });
    await query(url, 'update bullmq.migration set min_client_version = 99');
    await expect(open(url)).rejects.toMatchObject({ code: 'queue.newer-schema', retryable: false });
  });
});

function shifted(skewMs: () => number): Clock {
  return { ...systemClock, nowMs: () => systemClock.nowMs() + skewMs() };
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'test' });
  await client.connect();
  const { rows } = await client.query<Record<string, unknown>>(text);
  await client.end();
  return rows;
}
