import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { LoadReader } from '../../control/load-view.ts';
import { Schedule } from '../../control/schedule.ts';
import { loadByInstance, WorkerRegistry } from '../../control/worker-registry.ts';
import { systemClock, type Clock } from '../../core/clock.ts';
import type { BeatJob } from '../../core/jobs.ts';
import { nothingWaits } from '../../core/load.ts';
import { systemRandom } from '../../core/random.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { usePostgres } from '../support/postgres.ts';

const postgres = usePostgres();
const startMs = 1_800_000_000_000;
let nowMs: number;
let catalogue: Catalogue;
let registry: WorkerRegistry;
let reader: LoadReader;
const clock: Clock = { ...systemClock, nowMs: () => nowMs };

beforeEach(async () => {
  nowMs = startMs;
  catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  registry = new WorkerRegistry({ db: catalogue.db, clock });
  reader = new LoadReader({ db: catalogue.db, registry, clock });
});
afterEach(async () => await catalogue.close());

async function channel(id: string, state: string): Promise<void> {
  await catalogue.db
    .insertInto('channels')
    .values({
      id,
      name: `name of ${id}`,
      sport: 'soccer',
      segment_ms: 4000,
      state,
      state_reason: null,
      is_wanted: true,
      run_id: null,
      created_at_ms: nowMs,
    })
    .execute();
  await catalogue.db
    .insertInto('runs')
    .values({
      id: `run_${id}`,
      channel_id: id,
      sport: 'soccer',
      start_wall_ms: nowMs,
      ended_at_ms: null,
      why: null,
      segment_count: null,
      finished_at_ms: null,
    })
    .execute();
}

let count = 0;

/** `tookMs`: it is done, by then. */
async function job(
  channelId: string,
  about: { agoMs: number; kind?: string; variant?: string; tookMs?: number; id?: string },
): Promise<void> {
  const { agoMs, kind = 'analyse', variant = 'coarse', tookMs } = about;
  count += 1;
  const atMs = nowMs - agoMs;
  await catalogue.db
    .insertInto('jobs')
    .values({
      id: about.id ?? `job-${count}`,
      kind,
      variant,
      channel_id: channelId,
      run_id: `run_${channelId}`,
      subject_id: `seg_${count}`,
      state: tookMs === undefined ? 'sent' : 'done',
      dead_reason: null,
      payload: null as never,
      deadline_at_ms: atMs,
      created_at_ms: atMs,
      queued_at_ms: atMs,
      started_at_ms: tookMs === undefined ? null : atMs,
      finished_at_ms: tookMs === undefined ? null : atMs + tookMs,
      attempt: null,
      instance_id: null,
      worker_id: null,
      request_id: null,
      work_ms: tookMs ?? null,
    })
    .execute();
}

function beat(changes: Partial<BeatJob['beat']> = {}): Pick<BeatJob, 'beat'> {
  return {
    beat: {
      workerId: 'wrk_1',
      instanceId: 'i-1',
      number: 1,
      sentAtMs: nowMs - 40,
      startedAtMs: startMs - 1_000,
      slots: { analyse: 1, cut: 1 },
      jobIds: [],
      state: 'working',
      completedCount: 0,
      throughput: 0.5,
      isDeviceOk: true,
      ...changes,
    },
  };
}

async function rowCount(): Promise<number> {
  return (await catalogue.db.selectFrom('workers').selectAll().execute()).length;
}

describe('the registry of workers', () => {
  it('knows of each worker what it said last, and how far its clock is off', async () => {
    await registry.take(beat({ jobIds: ['job-a'], lastCompletedAtMs: startMs - 5 }));
    expect(await registry.list()).toEqual([
      {
        workerId: 'wrk_1',
        instanceId: 'i-1',
        slots: { analyse: 1, cut: 1 },
        jobIds: ['job-a'],
        state: 'working',
        startedAtMs: startMs - 1_000,
        lastBeatAtMs: startMs,
        lastCompletedAtMs: startMs - 5,
        completedCount: 0,
        throughput: 0.5,
        clockSkewMs: -40,
        isDeviceOk: true,
      },
    ]);
  });

  it('is not moved by a beat that is older, or comes twice', async () => {
    await registry.take(beat({ number: 3, state: 'drained' }));
    nowMs += 1_000;
    await registry.take(beat({ number: 2, state: 'draining' }));
    await registry.take(beat({ number: 3, state: 'working' }));
    expect(await registry.list()).toMatchObject([{ state: 'drained', lastBeatAtMs: startMs }]);
  });

  it('lists who was heard of in the last minute, and forgets after a day', async () => {
    await registry.take(beat());
    nowMs += 59_999;
    expect(await registry.list({ instanceId: 'i-1' })).toHaveLength(1);
    expect(await registry.list({ instanceId: 'i-2' })).toEqual([]);
    nowMs += 1;
    expect(await registry.list()).toEqual([]);
    nowMs = startMs + 24 * 3_600_000;
    await registry.take(beat({ workerId: 'wrk_2' }));
    expect(await rowCount()).toBe(2);
    nowMs += 3_600_000;
    await registry.take(beat({ workerId: 'wrk_2', number: 2 }));
    expect(await rowCount()).toBe(1);
  });

  it('says how full each machine is', async () => {
    await registry.take(beat({ jobIds: ['a', 'b'], throughput: 1.5 }));
    await registry.take(beat({ workerId: 'wrk_2', jobIds: ['c'], throughput: 0.5 }));
    await registry.take(beat({ workerId: 'wrk_3', instanceId: 'i-2', throughput: 0 }));
    expect(loadByInstance(await registry.list())).toEqual([
      { instanceId: 'i-1', workerCount: 2, inFlightCount: 3, load: 0.5 },
      { instanceId: 'i-2', workerCount: 1, inFlightCount: 0, load: 0 },
    ]);
  });

  it('measures boots from launch to the first finished job, of five machines at least', async () => {
    for (let index = 1; index <= 5; index += 1) {
      expect(await registry.bootMsP95()).toBeUndefined();
      const instanceId = `i-${index}`;
      const launched = { instanceId, pool: 'spot', launchedAtMs: nowMs - index * 60_000 };
      await registry.noteMachines([launched]);
      await registry.noteMachines([{ ...launched, launchedAtMs: 0 }]);
      const worker = { workerId: `wrk_${index}`, instanceId };
      await registry.take(beat(worker));
      await registry.take(beat({ ...worker, number: 2, lastCompletedAtMs: nowMs }));
      nowMs += 1_000;
      await registry.take(beat({ ...worker, number: 3, lastCompletedAtMs: nowMs }));
      nowMs -= 1_000;
    }
    // Of 1 to 5 minutes.
    expect(await registry.bootMsP95()).toBeCloseTo(4.8 * 60_000);
  });
});

describe('what there is to do', () => {
  it('is nothing at first', async () => {
    expect(await reader.readBacklog([])).toEqual(nothingWaits);
  });

  it('counts what waits and what is in hand, each kind by the time it took of late', async () => {
    await channel('ch', 'live');
    for (const tookMs of [1_000, 3_000]) await job('ch', { agoMs: 120_000, tookMs });
    await job('ch', { agoMs: 120_000, kind: 'cut', variant: 'exact', tookMs: 10_000 });
    await job('ch', { agoMs: 9_000, id: 'held' });
    await job('ch', { agoMs: 7_000 });
    await job('ch', { agoMs: 5_000, kind: 'cut', variant: 'exact' });
    await registry.take(beat({ jobIds: ['held', 'long gone'] }));
    const { backlog, workers } = await reader.read();
    expect(workers).toHaveLength(1);
    expect(backlog).toEqual({
      waitingCount: 2,
      waitingWorkSeconds: 12,
      // The older one is in hand.
      oldestWaitMs: 7_000,
      inFlightCount: 1,
      inFlightWorkSeconds: 1,
      arrivedWorkPerSecond: 14 / 60,
      meanServiceSeconds: 14 / 3,
    });
  });

  it('counts as arrived what came within a minute, whether it is done or not', async () => {
    await channel('ch', 'live');
    await job('ch', { agoMs: 59_999, tookMs: 1_000 });
    await job('ch', { agoMs: 60_000, tookMs: 1_000 });
    expect((await reader.readBacklog([])).arrivedWorkPerSecond).toBeCloseTo(1 / 60);
  });
});

describe('who is expected', () => {
  it('is who is live, by the work that its own segments take', async () => {
    await channel('a', 'live');
    await channel('b', 'degraded');
    await channel('c', 'idle');
    // Work of 1 s for every 2 s of media, over a minute.
    for (let agoMs = 2_000; agoMs <= 62_000; agoMs += 2_000) await job('a', { agoMs, tookMs: 1_000 });
    const { channels } = await reader.read();
    expect(channels.map(({ channelId, isLive }) => [channelId, isLive])).toEqual([
      ['a', true],
      ['b', true],
    ]);
    expect(channels[0]?.workPerMediaSecond).toBeCloseTo(0.5, 1);
    // Nobody has measured this one: as the others.
    expect(channels[1]?.workPerMediaSecond).toBe(channels[0]?.workPerMediaSecond);
  });

  it('is who the schedule names, once when it is live as well, and not when it was called off', async () => {
    await channel('a', 'live');
    await channel('b', 'idle');
    const schedule = new Schedule({ db: catalogue.db, clock, random: systemRandom });
    const kickOffAtMs = nowMs + 600_000;
    await schedule.add({ name: 'A', channel: 'name of a', kickOffAtMs });
    await schedule.add({ name: 'B', channel: 'name of b', kickOffAtMs, lengthMs: 60_000 });
    await schedule.add({ name: 'C', kickOffAtMs });
    const gone = await schedule.add({ name: 'D', kickOffAtMs });
    await schedule.cancel(gone.id);
    await schedule.add({ name: 'next week', kickOffAtMs: nowMs + 7 * 24 * 3_600_000 });
    const { channels } = await reader.read();
    expect(channels).toMatchObject([
      { channelId: 'a', isLive: true, startsAtMs: kickOffAtMs },
      { channelId: 'b', isLive: false, startsAtMs: kickOffAtMs, endsAtMs: kickOffAtMs + 60_000 },
      { name: 'C', isLive: false },
    ]);
    expect(channels).toHaveLength(3);
  });

  it('is one stretch of work where two fixtures of one channel overlap, and two where they follow', async () => {
    await channel('b', 'idle');
    const schedule = new Schedule({ db: catalogue.db, clock, random: systemRandom });
    const add = async (startMinute: number, endMinute: number): Promise<void> => {
      const [kickOffAtMs, lengthMs] = [nowMs + startMinute * 60_000, (endMinute - startMinute) * 60_000];
      await schedule.add({ name: 'M', channel: 'name of b', kickOffAtMs, lengthMs });
    };
    await add(10, 40);
    await add(30, 60);
    await add(60, 90);
    const { channels } = await reader.read();
    expect(channels.map(({ startsAtMs, endsAtMs }) => [startsAtMs, endsAtMs])).toEqual([
      [nowMs + 10 * 60_000, nowMs + 60 * 60_000],
      [nowMs + 60 * 60_000, nowMs + 90 * 60_000],
    ]);
  });
});
