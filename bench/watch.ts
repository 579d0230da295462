/**
 * What it costs to look: the timeline of a match of three hours, its playlist, and the wall with 50 live channels.
 * `npx tsx bench/watch.ts`
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { sql } from 'kysely';

import { openTimelineDesk } from '../control/timeline-desk.ts';
import { FeedHistory } from '../control/watch/feed-history.ts';
import { systemClock } from '../core/clock.ts';
import { silentLog } from '../core/log.ts';
import type { Signal, Spot } from '../core/moment.ts';
import { systemRandom } from '../core/random.ts';
import { openCatalogue, type Catalogue } from '../store/catalogue.ts';
import { startEmbeddedPostgres } from '../store/embedded-postgres.ts';
import { openFsStore } from '../store/fs-store.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';

const segmentCount = 2_700;
const channelCount = 50;
const segmentMs = 4_000;

const home = mkdtempSync(join(tmpdir(), 'touchline-bench-'));
chmodSync(home, 0o755);
const tools = { clock: systemClock, random: systemRandom, log: silentLog };
const postgres = await startEmbeddedPostgres({ home, ...tools });
const databaseUrl = postgres.databaseUrl.reveal();
await migrate({ databaseUrl, migrations, log: silentLog });
const catalogue = await openCatalogue({ databaseUrl, statementMsMax: 300_000 });
try {
  await fill(catalogue);
  const store = await openFsStore({ folder: join(home, 'store'), random: systemRandom });
  const desk = openTimelineDesk({
    ...tools,
    // Each look shall be a reading: nothing stands for a second here.
    clock: { ...systemClock, monotonicMs: () => performance.now() * 100_000 },
    catalogue,
    store,
    match: {
      health: () => undefined,
      getChannel: async () => await Promise.reject(new Error('nobody asks')),
    },
    history: new FeedHistory({ clock: systemClock }),
  });
  const whole = { points: 1_000 };
  const window = { points: 1_000, fromMs: 5_000_000, toMs: 5_600_000 };
  const results = [
    ['timeline of 3 h, first look', await timed(() => desk.timeline('run_1', whole), 1)],
    ['timeline of 3 h, again', await timed(() => desk.timeline('run_1', whole), 20)],
    ['ten minutes of it', await timed(() => desk.timeline('run_1', window), 20)],
    ['clips by threshold, 3 h', await timed(() => desk.thresholds('run_1'), 3)],
    ['playlist of 3 h', await timed(() => desk.playlist('run_1', { isUpdate: false }), 20)],
    ['wall of 50 live channels, first look', await timed(() => desk.live(), 1)],
    ['wall of 50 live channels, again', await timed(() => desk.live(), 20)],
  ] as const;
  // What everybody else waits for meanwhile.
  const delay = monitorEventLoopDelay({ resolution: 2 });
  delay.enable();
  await timed(() => desk.thresholds('run_1'), 3);
  delay.disable();
  const bytes = Buffer.byteLength(JSON.stringify(await desk.timeline('run_1', whole)));
  console.log(
    [
      '| | p50, ms | most, ms |',
      '| --- | --- | --- |',
      ...results.map(([what, all]) => `| ${what} | ${at(all, 0.5)} | ${at(all, 1)} |`),
      '',
      `counting by threshold holds the loop for at most ${(delay.max / 1e6).toFixed(0)} ms at once`,
      `timeline of 3 h: ${Math.round(bytes / 1024)} KiB; RSS ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`,
    ].join('\n'),
  );
} finally {
  await catalogue.close();
  await postgres.stop();
  rmSync(home, { recursive: true, force: true });
}

/** 50 channels that have been live for three hours, each with what the detectors of a match with sound and a scoreboard find. */
async function fill({ db }: Catalogue): Promise<void> {
  const startMs = systemClock.nowMs() - segmentCount * segmentMs;
  await sql`insert into channels (id, name, sport, segment_ms, state, is_wanted, created_at_ms)
    select 'ch_' || n, 'c' || n, 'soccer', 4000, 'live', true, 0 from generate_series(1, ${channelCount}::int) n`.execute(
    db,
  );
  await sql`insert into runs (id, channel_id, sport, start_wall_ms)
    select 'run_' || n, 'ch_' || n, 'soccer', ${startMs}::bigint from generate_series(1, ${channelCount}::int) n`.execute(
    db,
  );
  for (let seq = 0; seq < segmentCount; seq += 1) {
    const record = {
      sessionId: 'ses_1',
      key: `segments/${seq}.ts`,
      sha256: String(seq).padStart(64, '0'),
      bytes: 4_000_000,
      start90k: seq * segmentMs * 90,
      duration90k: segmentMs * 90,
      gapBefore90k: 0,
      startWallMs: startMs + seq * segmentMs,
      isDiscontinuity: seq === 0,
      video: { frameRate: { num: 25, den: 1 }, frameCount: 100, keyframes90k: [0, 1] },
    };
    await sql`insert into segments (id, run_id, channel_id, seq, state, record, stored_at_ms, analysed_at_ms, terminal_at_ms)
      select 'seg_' || n || '_' || ${seq}::int, 'run_' || n, 'ch_' || n, ${seq}::int, 'no-clip', ${JSON.stringify(record)}::jsonb, 0, 0, 0
      from generate_series(1, ${channelCount}::int) n`.execute(db);
    await sql`insert into jobs (id, kind, variant, channel_id, run_id, subject_id, state, deadline_at_ms, created_at_ms)
      select 'job_' || n || '_' || ${seq}::int, 'analyse', 'coarse', 'ch_' || n, 'run_' || n, 'seg', 'done', 0, 0
      from generate_series(1, ${channelCount}::int) n`.execute(db);
    const { signals, spots } = findingsOf(seq);
    await sql`insert into results (job_id, run_id, segment_id, pass, signals, spots)
      select 'job_' || n || '_' || ${seq}::int, 'run_' || n, 'seg_' || n || '_' || ${seq}::int, 'coarse',
             ${JSON.stringify(signals)}::jsonb, ${JSON.stringify(spots)}::jsonb
      from generate_series(1, ${channelCount}::int) n`.execute(db);
  }
  await sql`vacuum analyze`.execute(db);
}

function findingsOf(seq: number): { signals: Signal[]; spots: Spot[] } {
  const fromMs = seq * segmentMs;
  const atMs = Array.from({ length: 8 }, (_, index) => fromMs + index * 500);
  const isRoar = seq % 45 < 2;
  const values = (make: (at: number) => number) => atMs.map((at) => Math.round(make(at) * 10) / 10);
  const signals = [
    {
      name: 'crowd.floor',
      unit: 'dBFS',
      atMs,
      values: values((at) => -40 + Math.sin(at) + (isRoar ? 9 : 0)),
    },
    { name: 'crowd.crest', unit: 'dB', atMs, values: values(() => (isRoar ? 1.2 : 3.5)) },
    { name: 'speech.probability', unit: '0-1', atMs, values: values((at) => Math.abs(Math.sin(at / 900))) },
    {
      name: 'motion.amount',
      unit: 'kbit/picture',
      atMs,
      values: values((at) => 30 + 10 * Math.sin(at / 3000)),
    },
  ];
  const fields = ['INT', `${Math.floor(seq / 900)}-0`, 'NAP', `${Math.floor(seq / 15)}:00`].map(
    (text, index) => ({ box: [50 + index * 35, 60, 40, 30], text, confidence: 0.97 }),
  );
  return {
    signals,
    spots: [
      spotOf('scoreboard', fromMs, { fields }),
      spotOf('scoreboard', fromMs + 2000, { fields }),
      ...(seq % 3 === 0 ? [spotOf('cut', fromMs + 700)] : []),
      ...(seq % 20 === 0 ? [spotOf('whistle', fromMs + 1500)] : []),
    ],
  };
}

function spotOf(label: string, at: number, evidence: Spot['evidence'] = {}): Spot {
  return { label, atMs: at, confidence: 0.9, source: label, durationMs: 0, evidence };
}

async function timed(call: () => Promise<unknown>, count: number): Promise<number[]> {
  const all: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startMs = performance.now();
    await call();
    all.push(performance.now() - startMs);
  }
  return all.toSorted((one, other) => one - other);
}

function at(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
}
