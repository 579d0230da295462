/**
 * How long it takes to read from the ledger what scaling decides by, with half a million jobs in it. `npx tsx bench/ledger-load.ts`
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql } from 'kysely';

import { LoadReader } from '../control/load-view.ts';
import { WorkerRegistry } from '../control/worker-registry.ts';
import { systemClock } from '../core/clock.ts';
import { silentLog } from '../core/log.ts';
import { systemRandom } from '../core/random.ts';
import { openCatalogue, type Catalogue } from '../store/catalogue.ts';
import { startEmbeddedPostgres } from '../store/embedded-postgres.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';

const jobCount = 500_000;
const channelCount = 200;
const workerCount = 200;
const calls = 200;

const home = mkdtempSync(join(tmpdir(), 'touchline-bench-'));
chmodSync(home, 0o755);
const tools = { clock: systemClock, random: systemRandom, log: silentLog };
const postgres = await startEmbeddedPostgres({ home, ...tools });
const databaseUrl = postgres.databaseUrl.reveal();
await migrate({ databaseUrl, migrations, log: silentLog });
const catalogue = await openCatalogue({ databaseUrl, statementMsMax: 300_000 });
try {
  await fill(catalogue, 2_000);
  const usual = await measure(catalogue);
  await sql`update jobs set state = 'sent', finished_at_ms = null, started_at_ms = null, work_ms = null
            where state = 'done'`.execute(catalogue.db);
  await sql`vacuum analyze jobs`.execute(catalogue.db);
  const flood = await measure(catalogue);
  const scan = await referenceScan(catalogue);
  const row = (what: string, all: readonly number[]): string =>
    `| ${what} | ${at(all, 0.5)} | ${at(all, 0.95)} |`;
  console.log(
    [
      `| ${jobCount.toLocaleString('en')} jobs in the ledger | p50, ms | p95, ms |`,
      '| --- | --- | --- |',
      row('2,000 wait: depth, age, arrivals, in hand', usual.backlog),
      row('2,000 wait: all that a decision reads (channels, workers and the above)', usual.whole),
      row('all of them wait: depth, age, arrivals, in hand', flood.backlog),
      row('all of them wait: all that a decision reads', flood.whole),
      row('the same depth by counting rows by state, as getJobCounts does', scan),
    ].join('\n'),
  );
} finally {
  await catalogue.close();
  await postgres.stop();
  rmSync(home, { recursive: true, force: true });
}

/** A season that is over, the last minutes of 200 live channels, 100 jobs a second, and what waits now. */
async function fill({ db }: Catalogue, waitingCount: number): Promise<void> {
  const nowMs = systemClock.nowMs();
  await sql`insert into channels (id, name, sport, segment_ms, state, is_wanted, created_at_ms)
    select 'ch_' || n, 'c' || n, 'soccer', 4000, 'live', true, ${nowMs}::bigint from generate_series(1, ${channelCount}::int) n`.execute(
    db,
  );
  await sql`insert into runs (id, channel_id, sport, start_wall_ms)
    select 'run_' || n, 'ch_' || n, 'soccer', ${nowMs}::bigint from generate_series(1, ${channelCount}::int) n`.execute(
    db,
  );
  // Job n came in n x 10 ms ago; the newest wait.
  await sql`insert into jobs (id, kind, variant, channel_id, run_id, subject_id, state, deadline_at_ms, created_at_ms,
                              queued_at_ms, started_at_ms, finished_at_ms, attempt, instance_id, worker_id, work_ms)
    select 'job-' || n, case when n % 5 = 0 then 'cut' else 'analyse' end,
           (array['exact', 'coarse', 'coarse', 'fine', 'coarse'])[n % 5 + 1],
           'ch_' || n % ${channelCount}::int + 1, 'run_' || n % ${channelCount}::int + 1, 'seg_' || n,
           case when n <= ${waitingCount}::int then 'sent' else 'done' end, at, at, at,
           case when n > ${waitingCount}::int then at + 1000 end, case when n > ${waitingCount}::int then at + 1500 end,
           1, 'i-' || n % ${workerCount}::int, 'wrk_' || n % ${workerCount}::int,
           case when n > ${waitingCount}::int then 500 end
    from (select n, ${nowMs}::bigint - n * 10 as at from generate_series(1, ${jobCount}::int) n) as told`.execute(
    db,
  );
  await sql`insert into workers (worker_id, instance_id, slots, job_ids, state, beat_number, started_at_ms, last_beat_at_ms,
                                 completed_count, throughput, clock_skew_ms, is_device_ok)
    select 'wrk_' || n, 'i-' || n, '{"analyse": 1, "cut": 1}', jsonb_build_array('job-' || n), 'working', 1, 0,
           ${nowMs}::bigint + 3600000, 100, 0.9, 0, true from generate_series(1, ${workerCount}::int) n`.execute(
    db,
  );
  await sql`vacuum analyze`.execute(db);
}

async function measure({ db }: Catalogue): Promise<{ backlog: number[]; whole: number[] }> {
  const registry = new WorkerRegistry({ db, clock: systemClock });
  const reader = new LoadReader({ db, registry, clock: systemClock });
  const workers = await registry.list();
  const backlog = await timed(async () => await reader.readBacklog(workers));
  const whole = await timed(async () => await reader.read());
  return { backlog, whole };
}

async function referenceScan({ db }: Catalogue): Promise<number[]> {
  return await timed(
    async () => await sql`select state, count(*) from jobs group by state`.execute(db),
    calls / 10,
  );
}

async function timed(call: () => Promise<unknown>, count = calls): Promise<number[]> {
  const all: number[] = [];
  for (let index = -5; index < count; index += 1) {
    const startedAtMs = systemClock.monotonicMs();
    await call();
    if (index >= 0) all.push(systemClock.monotonicMs() - startedAtMs);
  }
  return all.toSorted((one, other) => one - other);
}

function at(sorted: readonly number[], share: number): string {
  return (sorted[Math.floor((sorted.length - 1) * share)] ?? NaN).toFixed(1);
}
