/**
 * Do live channels get their turn beside a file that comes in all at once? A real queue, workers that take 20 ms a job.
 * `npx tsx bench/fairness.ts [postgres] [redis]`
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { analyseJobFor } from '../control/ledger.ts';
import { systemClock } from '../core/clock.ts';
import { silentLog } from '../core/log.ts';
import { systemRandom } from '../core/random.ts';
import { startEmbeddedPostgres } from '../store/embedded-postgres.ts';
import { makeAnalysis } from '../test/support/queue-jobs.ts';
import { openTestQueue } from '../test/support/queue-open.ts';
import { startRedis } from '../test/support/redis.ts';

const workerCount = 4;
const serviceMs = 20;
const liveCount = 8;
/** A segment of each live channel this often, for so long: half of what four workers can do. */
const everyMs = 80;
const forMs = 12_000;
const fileSegments = 1_500;

const wanted = process.argv.slice(2);
console.log('| engine | what | work per worker | wait per live channel | live wait p95, ms | file done, s |');
console.log('| --- | --- | --- | --- | --- | --- |');
for (const engine of ['postgres', 'redis'] as const) {
  if (wanted.length > 0 && !wanted.includes(engine)) continue;
  const { at, stop } = await (engine === 'postgres' ? startPostgres() : startRedisEngine());
  for (const isGreedy of [false, true]) console.log(await play(engine, at, isGreedy));
  await stop();
}

async function play(engine: string, at: string, isGreedy: boolean): Promise<string> {
  const desk = await openTestQueue({ at, leaseMs: 10_000 });
  const stopping = new AbortController();
  const done: { channelId: string; worker: number; waitMs: number }[] = [];
  const queues = await Promise.all(
    Array.from({ length: workerCount }, async () => await openTestQueue({ at, leaseMs: 10_000 })),
  );
  const working = queues.map(
    async (queue, worker) =>
      await queue.consume('analyse', {
        slots: 1,
        signal: stopping.signal,
        handle: async ({ job }) => {
          const waitMs = systemClock.nowMs() - job.queuedAtMs;
          await systemClock.sleep(serviceMs);
          done.push({ channelId: job.channelId, worker, waitMs });
          return { kind: 'done' };
        },
      }),
  );
  const startMs = systemClock.nowMs();
  let sent = 0;
  const put = async (channelId: string, seqs: readonly number[], startWallMs: (seq: number) => number) => {
    const nowMs = systemClock.nowMs();
    const jobs = seqs.map((seq) => {
      const { segment } = makeAnalysis('any');
      const id = `seg_${isGreedy ? 'g' : 'e'}_${channelId}_${seq}`;
      const placed = { ...segment, id, channelId, startWallMs: startWallMs(seq), duration90k: 4 * 90_000 };
      return analyseJobFor(placed, { pass: 'coarse', sport: 'soccer', retryCount: 0, nowMs });
    });
    sent += jobs.length;
    await desk.put(jobs);
  };
  if (isGreedy) {
    const all = Array.from({ length: fileSegments }, (_, index) => index);
    await put('file', all, (seq) => startMs + seq * 4_000);
  }
  for (let seq = 0; systemClock.nowMs() - startMs < forMs; seq += 1) {
    await Promise.all(
      Array.from({ length: liveCount }, async (_, index) => {
        await put(`live${index}`, [seq], () => systemClock.nowMs() - 4_000);
      }),
    );
    await systemClock.sleep(Math.max(0, startMs + (seq + 1) * everyMs - systemClock.nowMs()));
  }
  while (done.length < sent) await systemClock.sleep(20);
  const allMs = systemClock.nowMs() - startMs;
  stopping.abort();
  await Promise.all(working);
  await Promise.all([desk, ...queues].map(async (queue) => await queue.close()));

  const live = done.filter(({ channelId }) => channelId !== 'file');
  const waits = [...new Set(live.map(({ channelId }) => channelId))].map((id) =>
    meanOf(live.filter(({ channelId }) => channelId === id).map(({ waitMs }) => waitMs)),
  );
  const loads = queues.map((_, worker) => done.filter((one) => one.worker === worker).length);
  const sorted = live.map(({ waitMs }) => waitMs).toSorted((one, other) => one - other);
  const p95 = sorted[Math.floor(sorted.length * 0.95)] ?? 0;
  const what = isGreedy ? `and a file of ${fileSegments} segments at once` : `${liveCount} live channels`;
  return `| ${engine} | ${what} | ${jain(loads)} | ${jain(waits)} | ${p95} | ${isGreedy ? (allMs / 1000).toFixed(1) : ''} |`;
}

/** (sum x)^2 / (n sum x^2): 1 when all are equal, 1/n when one has all (Jain, Chiu, Hawe 1984). */
function jain(values: readonly number[]): string {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return squares === 0 ? '1.000' : (sum ** 2 / (values.length * squares)).toFixed(3);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

async function startPostgres(): Promise<{ at: string; stop: () => Promise<void> }> {
  const home = mkdtempSync(join(tmpdir(), 'touchline-bench-'));
  chmodSync(home, 0o755);
  const postgres = await startEmbeddedPostgres({
    home,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  return {
    at: postgres.databaseUrl.reveal(),
    stop: async () => {
      await postgres.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function startRedisEngine(): Promise<{ at: string; stop: () => Promise<void> }> {
  const redis = await startRedis();
  return { at: redis.url, stop: async () => await redis.stop() };
}
