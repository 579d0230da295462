import { beforeEach, describe, expect, it } from 'vitest';

import { OperationsDesk } from '../../control/operations-desk.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { usePostgres } from '../support/postgres.ts';
import { noFleet } from '../web/fake-fleet.ts';

const postgres = usePostgres();
const nowMs = 1_700_000_080_000;
const clock = { nowMs: () => nowMs, monotonicMs: () => 0, sleep: async () => {} };

let catalogue: Catalogue;
let desk: OperationsDesk;
beforeEach(async () => {
  catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  const { db } = catalogue;
  await db
    .insertInto('channels')
    .values({
      id: 'ch_1',
      name: 'pitch-1',
      sport: 'soccer',
      segment_ms: 4000,
      state: 'idle',
      state_reason: null,
      is_wanted: false,
      run_id: null,
      created_at_ms: 0,
    })
    .execute();
  await db
    .insertInto('runs')
    .values({
      id: 'run_1',
      channel_id: 'ch_1',
      sport: 'soccer',
      start_wall_ms: 0,
      ended_at_ms: null,
      why: null,
      segment_count: null,
      finished_at_ms: null,
    })
    .execute();
  desk = new OperationsDesk({ db: catalogue.db, clock, fleet: noFleet(), storeFolder: '/' });
  return async () => await catalogue.close();
});

async function job(
  id: string,
  more: { state: 'sent' | 'done' | 'dead'; agoMs: number; waitMs?: number; deadReason?: string },
): Promise<void> {
  const finishedAtMs = more.state === 'sent' ? null : nowMs - more.agoMs;
  const startedAtMs = finishedAtMs;
  await catalogue.db
    .insertInto('jobs')
    .values({
      id,
      kind: 'cut',
      variant: 'fast',
      channel_id: 'ch_1',
      run_id: 'run_1',
      subject_id: 'clp_1',
      state: more.state,
      dead_reason: more.deadReason ?? null,
      payload: '{}',
      deadline_at_ms: nowMs,
      created_at_ms: (startedAtMs ?? nowMs - more.agoMs) - (more.waitMs ?? 0),
      queued_at_ms: null,
      started_at_ms: startedAtMs,
      finished_at_ms: finishedAtMs,
      attempt: 1,
      instance_id: 'i-1',
      worker_id: 'wrk_1',
      request_id: null,
      work_ms: 10,
    })
    .execute();
}

describe('the operations view', () => {
  it('of a house where nothing has happened says so, in numbers that are no lie', async () => {
    const view = await desk.read();
    expect(view).toMatchObject({
      momentLatency: { p50Ms: null, p95Ms: null, count: 0 },
      oldestJobAgeMs: null,
      jobsPerMinute: 0,
      failureShare: 0,
      waiting: [],
      failures: [],
    });
    expect(view.storageLeftBytes).toBeGreaterThan(0);
    expect(view.history.atMs).toHaveLength(60);
  });

  it('tells what waits and since when, how many ended in the last minute, and the share that failed', async () => {
    await job('a', { state: 'sent', agoMs: 30_000 });
    await job('b', { state: 'sent', agoMs: 90_000 });
    await job('c', { state: 'done', agoMs: 30_000, waitMs: 2_000 });
    await job('d', { state: 'done', agoMs: 61_000, waitMs: 4_000 });
    await job('e', { state: 'dead', agoMs: 10_000, deadReason: 'no-media: no picture' });
    await job('old', { state: 'done', agoMs: 3_600_001 });
    const view = await desk.read();
    expect(view).toMatchObject({
      oldestJobAgeMs: 90_000,
      waiting: [{ kind: 'cut', count: 2, oldestAtMs: nowMs - 90_000 }],
      jobsPerMinute: 2,
    });
    expect(view.failureShare).toBeCloseTo(1 / 3);
    // nowMs is 40 s into its minute: c and e ended in it, d in the one before.
    expect(view.history.finishedCount.slice(-2)).toEqual([1, 2]);
    expect(view.history.waitP95Ms.at(-2)).toBe(4_000);
  });

  it('groups failures by their code, most first, with the newest whole', async () => {
    await job('a', { state: 'dead', agoMs: 5_000, deadReason: 'no-media: first' });
    await job('b', {
      state: 'dead',
      agoMs: 1_000,
      deadReason: 'failed: ffmpeg stopped: moov atom not found',
    });
    await job('c', { state: 'dead', agoMs: 2_000, deadReason: 'no-media: second' });
    await job('d', { state: 'dead', agoMs: 25 * 3_600_000, deadReason: 'failed: yesterday' });
    const { failures } = await desk.read();
    expect(failures).toEqual([
      { code: 'no-media', kind: 'cut', count: 2, lastAtMs: nowMs - 2_000, example: 'no-media: second' },
      {
        code: 'failed',
        kind: 'cut',
        count: 1,
        lastAtMs: nowMs - 1_000,
        example: 'failed: ffmpeg stopped: moov atom not found',
      },
    ]);
  });
});
