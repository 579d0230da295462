import { statfs } from 'node:fs/promises';

import { sql, type Kysely } from 'kysely';

import type { Clock } from '../core/clock.ts';
import type { Tables } from '../store/schema.ts';
import { listDeadCuts, type DeadCut } from './edits/dead-cuts.ts';
import type { FleetDesk } from './open-fleet-desk.ts';
import { backlogPerInstance } from './worker-registry.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const minuteMs = 60_000;
const historyMinutes = 60;
const decisionsShown = 20;
const failuresShown = 20;
const deadCutsShown = 50;

export interface OperationsView {
  atMs: number;
  momentLatency: { p50Ms: number | null; p95Ms: number | null; count: number };
  oldestJobAgeMs: number | null;
  jobsPerMinute: number;
  failureShare: number;
  storageLeftBytes: number | null;
  waiting: { kind: string; count: number; oldestAtMs: number | null }[];
  backlogPerInstance: number | null;
  workers: {
    workerId: string;
    instanceId: string;
    state: string;
    jobIds: string[];
    slotCount: number;
    completedCount: number;
    lastBeatAtMs: number;
    isDeviceOk: boolean;
  }[];
  decisions: { id: number; atMs: number; neededCount: number; desiredCount: number; reason: string }[];
  failures: { code: string; kind: string; count: number; lastAtMs: number | null; example: string }[];
  deadCuts: DeadCut[];
  history: {
    atMs: number[];
    finishedCount: number[];
    waitP95Ms: (number | null)[];
    desiredCount: (number | null)[];
  };
}

/** What an operator asks first: is anything late, what waits, who works, what failed, and why there are so many machines. */
export class OperationsDesk {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #fleet: FleetDesk;
  readonly #storeFolder: string | undefined;

  /** `storeFolder`: where the objects lie on this machine, if they do. */
  constructor(options: {
    db: Kysely<Tables>;
    clock: Clock;
    fleet: FleetDesk;
    storeFolder: string | undefined;
  }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#fleet = options.fleet;
    this.#storeFolder = options.storeFolder;
  }

  async read(): Promise<OperationsView> {
    const atMs = this.#clock.nowMs();
    const workers = await this.#fleet.registry.list();
    const backlog = await this.#fleet.load.readBacklog(workers);
    const waiting = await this.#waiting();
    const oldest = Math.min(...waiting.map(({ oldestAtMs }) => oldestAtMs ?? Infinity));
    const ended = await this.#ended(atMs);
    const { decisions } = await this.#fleet.records.list({ limit: decisionsShown, hasSnapshot: true });
    return {
      atMs,
      momentLatency: await this.#momentLatency(atMs),
      oldestJobAgeMs: Number.isFinite(oldest) ? Math.max(0, atMs - oldest) : null,
      jobsPerMinute: ended.lastMinute,
      failureShare: ended.count === 0 ? 0 : ended.dead / ended.count,
      storageLeftBytes: await this.#storageLeft(),
      waiting,
      backlogPerInstance: backlogPerInstance(backlog, workers) ?? null,
      workers: workers.map((worker) => ({
        workerId: worker.workerId,
        instanceId: worker.instanceId,
        state: worker.state,
        jobIds: [...worker.jobIds],
        slotCount: worker.slots.analyse + worker.slots.cut,
        completedCount: worker.completedCount,
        lastBeatAtMs: worker.lastBeatAtMs,
        isDeviceOk: worker.isDeviceOk,
      })),
      decisions: decisions.map(({ id, atMs, neededCount, desiredCount, reason }) => ({
        id,
        atMs,
        neededCount,
        desiredCount,
        reason,
      })),
      failures: await this.#failures(atMs),
      deadCuts: await listDeadCuts(this.#db, deadCutsShown),
      history: await this.#history(atMs),
    };
  }

  async #momentLatency(nowMs: number): Promise<OperationsView['momentLatency']> {
    const late = sql<number>`clips.first_visible_at_ms - moments.peak_wall_ms`;
    const row = await this.#db
      .selectFrom('clips')
      .innerJoin('moments', 'moments.id', 'clips.moment_id')
      .innerJoin('runs', 'runs.id', 'moments.run_id')
      .select([
        sql<number | null>`percentile_cont(0.5) within group (order by ${late})`.as('p50'),
        sql<number | null>`percentile_cont(0.95) within group (order by ${late})`.as('p95'),
        ({ fn }) => fn.countAll<number>().as('count'),
      ])
      .where('clips.first_visible_at_ms', '>', nowMs - hourMs)
      // By hand it is as late as the hand; a file that is taken in faster than it was played is early.
      .where('moments.source', '=', 'model')
      .where(late, '>=', 0)
      .executeTakeFirstOrThrow();
    return { p50Ms: row.p50, p95Ms: row.p95, count: row.count };
  }

  async #waiting(): Promise<OperationsView['waiting']> {
    return await this.#db
      .selectFrom('jobs')
      .select([
        'kind',
        ({ fn }) => fn.countAll<number>().as('count'),
        ({ fn }) => fn.min('created_at_ms').as('oldestAtMs'),
      ])
      .where('state', '=', 'sent')
      .groupBy('kind')
      .orderBy('kind')
      .execute();
  }

  async #ended(nowMs: number): Promise<{ count: number; dead: number; lastMinute: number }> {
    return await this.#db
      .selectFrom('jobs')
      .select([
        ({ fn }) => fn.countAll<number>().as('count'),
        sql<number>`count(*) filter (where state = 'dead')`.as('dead'),
        sql<number>`count(*) filter (where finished_at_ms > ${nowMs - minuteMs})`.as('lastMinute'),
      ])
      .where('finished_at_ms', '>', nowMs - hourMs)
      .executeTakeFirstOrThrow();
  }

  async #failures(nowMs: number): Promise<OperationsView['failures']> {
    const code = sql<string>`split_part(coalesce(dead_reason, 'unknown'), ':', 1)`;
    return await this.#db
      .selectFrom('jobs')
      .select([
        code.as('code'),
        'kind',
        ({ fn }) => fn.countAll<number>().as('count'),
        ({ fn }) => fn.max('finished_at_ms').as('lastAtMs'),
        sql<string>`(array_agg(coalesce(dead_reason, 'unknown') order by finished_at_ms desc))[1]`.as(
          'example',
        ),
      ])
      .where('state', '=', 'dead')
      .where('finished_at_ms', '>', nowMs - dayMs)
      .groupBy([code, 'kind'])
      .orderBy('count', 'desc')
      .limit(failuresShown)
      .execute();
  }

  async #history(nowMs: number): Promise<OperationsView['history']> {
    const untilMinute = Math.floor(nowMs / minuteMs);
    const minutes = Array.from(
      { length: historyMinutes },
      (_, nth) => untilMinute - historyMinutes + 1 + nth,
    );
    const fromMs = (minutes[0] ?? 0) * minuteMs;
    const minute = sql<number>`finished_at_ms / ${sql.lit(minuteMs)}`;
    const jobs = await this.#db
      .selectFrom('jobs')
      .select([
        minute.as('minute'),
        ({ fn }) => fn.countAll<number>().as('count'),
        sql<number | null>`percentile_cont(0.95) within group (order by started_at_ms - created_at_ms)`.as(
          'wait',
        ),
      ])
      .where('finished_at_ms', '>=', fromMs)
      .groupBy(minute)
      .execute();
    const decisions = await this.#db
      .selectFrom('scaling_decisions')
      .select([
        sql<number>`at_ms / ${sql.lit(minuteMs)}`.as('minute'),
        ({ fn }) => fn.max('desired_count').as('desired'),
      ])
      .where('at_ms', '>=', fromMs)
      .groupBy('minute')
      .execute();
    const job = new Map(jobs.map((row) => [row.minute, row]));
    const desired = new Map(decisions.map((row) => [row.minute, row.desired]));
    return {
      atMs: minutes.map((one) => one * minuteMs),
      finishedCount: minutes.map((one) => job.get(one)?.count ?? 0),
      waitP95Ms: minutes.map((one) => job.get(one)?.wait ?? null),
      desiredCount: minutes.map((one) => desired.get(one) ?? null),
    };
  }

  async #storageLeft(): Promise<number | null> {
    if (this.#storeFolder === undefined) return null;
    const disk = await statfs(this.#storeFolder).catch(() => undefined);
    return disk ? disk.bavail * disk.bsize : null;
  }
}
