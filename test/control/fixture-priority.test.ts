import { beforeEach, describe, expect, it } from 'vitest';

import { priorityLeadMs } from '../../control/fixture-priority.ts';
import { insertRun, insertSegment } from '../../control/ledger.ts';
import { Schedule } from '../../control/schedule.ts';
import { systemRandom } from '../../core/random.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { segmentOf } from '../support/desk.ts';
import { addLiveChannel } from '../support/desk.ts';
import { usePostgres } from '../support/postgres.ts';

const postgres = usePostgres();
const nowMs = 1_800_000_000_000;
const clock = { nowMs: () => nowMs, monotonicMs: () => 0, sleep: async () => {} };
const minuteMs = 60_000;

let catalogue: Catalogue;
let schedule: Schedule;
beforeEach(async () => {
  catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  schedule = new Schedule({ db: catalogue.db, clock, random: systemRandom });
  for (const name of ['final', 'friendly']) {
    await addLiveChannel(catalogue.db, { id: `ch_${name}`, name });
  }
  return async () => await catalogue.close();
});

async function fixture(channel: string, priority: number, kickOffInMs = 0): Promise<string> {
  const kickOffAtMs = nowMs + kickOffInMs;
  const { id } = await schedule.add({
    name: 'A match',
    channel,
    kickOffAtMs,
    lengthMs: 90 * minuteMs,
    priority,
  });
  return id;
}

describe("a fixture's priority", () => {
  it('is worth a second a step for the channel that carries it, and for no other', async () => {
    await fixture('final', 9);
    await fixture('friendly', -3);
    expect(await priorityLeadMs(catalogue.db, 'ch_final', nowMs)).toBe(9_000);
    expect(await priorityLeadMs(catalogue.db, 'ch_friendly', nowMs)).toBe(-3_000);
    expect(await priorityLeadMs(catalogue.db, 'ch_other', nowMs)).toBe(0);
  });

  it.each([
    ['half an hour before the kick-off', 30 * minuteMs, 5_000],
    ['earlier', 30 * minuteMs + 1, 0],
    ['an hour after its end', -150 * minuteMs + 1, 5_000],
    ['later', -150 * minuteMs, 0],
  ])('counts %s: %i ms', async (_when, kickOffInMs, leadMs) => {
    await fixture('final', 5, kickOffInMs);
    expect(await priorityLeadMs(catalogue.db, 'ch_final', nowMs)).toBe(leadMs);
  });

  it('of two on one channel is the higher one; of one that was called off, none', async () => {
    await fixture('final', 2);
    const id = await fixture('final', 7);
    expect(await priorityLeadMs(catalogue.db, 'ch_final', nowMs)).toBe(7_000);
    await schedule.cancel(id);
    expect(await priorityLeadMs(catalogue.db, 'ch_final', nowMs)).toBe(2_000);
  });

  it('puts the segments of a final before those of a friendly that came in a little earlier', async () => {
    await fixture('final', 9);
    const { db } = catalogue;
    const due = async (channelId: string, atMs: number): Promise<number> => {
      const run = { channelId, runId: `run_${channelId}` };
      await insertRun(db, { ...run, startWallMs: 0, sport: 'soccer' });
      await insertSegment(db, segmentOf(run, 0), { sport: 'soccer', nowMs: atMs });
      const job = await db
        .selectFrom('jobs')
        .select('deadline_at_ms')
        .where('channel_id', '=', channelId)
        .executeTakeFirstOrThrow();
      return job.deadline_at_ms;
    };
    const friendly = await due('ch_friendly', nowMs);
    const final = await due('ch_final', nowMs + 8_999);
    expect(final).toBeLessThan(friendly);
  });
});
