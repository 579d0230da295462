import { sql, type Kysely } from 'kysely';

import type { Clock } from '../core/clock.ts';
import type { BeatJob } from '../core/jobs.ts';
import type { Backlog, InstanceLoad, WorkerView } from '../core/load.ts';
import type { Tables } from '../store/schema.ts';

/** A worker that has said nothing for so long is not there: ten beats. Its last words stay for a day. */
const hereMsMax = 60_000;
const keptMs = 24 * 3_600_000;

/**
 * Who works, as the workers themselves say by way of the queue. A beat may come late, twice or out of turn: one that is not newer
 * than what is known changes nothing.
 */
export class WorkerRegistry {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  #sweptAtMs = 0;

  constructor(options: { db: Kysely<Tables>; clock: Clock }) {
    this.#db = options.db;
    this.#clock = options.clock;
  }

  async take({ beat }: Pick<BeatJob, 'beat'>): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const told = {
      instance_id: beat.instanceId,
      slots: JSON.stringify(beat.slots),
      job_ids: JSON.stringify(beat.jobIds),
      state: beat.state,
      beat_number: beat.number,
      started_at_ms: beat.startedAtMs,
      last_beat_at_ms: nowMs,
      last_completed_at_ms: beat.lastCompletedAtMs ?? null,
      completed_count: beat.completedCount,
      throughput: beat.throughput,
      clock_skew_ms: beat.sentAtMs - nowMs,
      is_device_ok: beat.isDeviceOk,
    };
    await this.#db
      .insertInto('workers')
      .values({ worker_id: beat.workerId, ...told })
      .onConflict((conflict) =>
        conflict.column('worker_id').doUpdateSet(told).where('workers.beat_number', '<', beat.number),
      )
      .execute();
    if (beat.lastCompletedAtMs !== undefined) await this.#noteFirstWork(beat.instanceId, nowMs);
    await this.#sweep(nowMs);
  }

  /** Those that have been heard of lately; all of one machine when it is named. */
  async list(filter: { instanceId?: string } = {}): Promise<WorkerView[]> {
    const rows = await this.#db
      .selectFrom('workers')
      .selectAll()
      .where('last_beat_at_ms', '>', this.#clock.nowMs() - hereMsMax)
      .$if(filter.instanceId !== undefined, (query) =>
        query.where('instance_id', '=', filter.instanceId ?? ''),
      )
      .orderBy('started_at_ms')
      .execute();
    return rows.map((row) => ({
      workerId: row.worker_id,
      instanceId: row.instance_id,
      slots: row.slots,
      jobIds: row.job_ids,
      state: row.state,
      startedAtMs: row.started_at_ms,
      lastBeatAtMs: row.last_beat_at_ms,
      lastCompletedAtMs: row.last_completed_at_ms ?? undefined,
      completedCount: row.completed_count,
      throughput: row.throughput,
      clockSkewMs: row.clock_skew_ms,
      isDeviceOk: row.is_device_ok,
    }));
  }

  /** Machines as their provider knows them, so that their boots can be measured. */
  async noteMachines(
    machines: readonly { instanceId: string; pool: string; launchedAtMs: number }[],
  ): Promise<void> {
    if (machines.length === 0) return;
    await this.#db
      .insertInto('machines')
      .values(
        machines.map(({ instanceId, pool, launchedAtMs }) => ({
          instance_id: instanceId,
          pool,
          launched_at_ms: launchedAtMs,
          first_completed_at_ms: null,
        })),
      )
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /** From launch to the first finished job, p95 of the last fifty machines, ms; undefined until five have been seen. */
  async bootMsP95(): Promise<number | undefined> {
    const { rows } = await sql<{ count: number; p95: number | null }>`
      select count(*)::int as count,
             percentile_cont(0.95) within group (order by first_completed_at_ms - launched_at_ms) as p95
      from (
        select launched_at_ms, first_completed_at_ms from machines
        where first_completed_at_ms is not null order by launched_at_ms desc limit 50
      ) as booted`.execute(this.#db);
    const [row] = rows;
    return row && row.count >= bootsMin && row.p95 !== null ? Math.max(0, row.p95) : undefined;
  }

  async #noteFirstWork(instanceId: string, nowMs: number): Promise<void> {
    await this.#db
      .updateTable('machines')
      .set({ first_completed_at_ms: nowMs })
      .where('instance_id', '=', instanceId)
      .where('first_completed_at_ms', 'is', null)
      // One that was only told to work much later has booted in less.
      .where('launched_at_ms', '>', nowMs - bootMsMax)
      .execute();
  }

  async #sweep(nowMs: number): Promise<void> {
    if (nowMs - this.#sweptAtMs < keptMs / 24) return;
    this.#sweptAtMs = nowMs;
    await this.#db
      .deleteFrom('workers')
      .where('last_beat_at_ms', '<', nowMs - keptMs)
      .execute();
    await this.#db
      .deleteFrom('machines')
      .where('launched_at_ms', '<', nowMs - 30 * keptMs)
      .execute();
  }
}

/** The same by machine, in the order in which their first workers began. */
export function loadByInstance(workers: readonly WorkerView[]): InstanceLoad[] {
  const instanceIds = [...new Set(workers.map(({ instanceId }) => instanceId))];
  return instanceIds.map((instanceId) => {
    const own = workers.filter((worker) => worker.instanceId === instanceId);
    const slotCount = own.reduce((sum, { slots }) => sum + slots.analyse + slots.cut, 0);
    const busy = own.reduce((sum, { throughput }) => sum + throughput, 0);
    return {
      instanceId,
      workerCount: own.length,
      inFlightCount: own.reduce((sum, { jobIds }) => sum + jobIds.length, 0),
      load: slotCount === 0 ? 0 : Math.min(1, busy / slotCount),
    };
  });
}

/** Jobs that wait for each machine; undefined when there is none. */
export function backlogPerInstance(backlog: Backlog, workers: readonly WorkerView[]): number | undefined {
  const count = new Set(workers.map(({ instanceId }) => instanceId)).size;
  return count === 0 ? undefined : backlog.waitingCount / count;
}

/** Of fewer a p95 is the luck of one. */
const bootsMin = 5;
const bootMsMax = 30 * 60_000;
