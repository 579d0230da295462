import { sql } from 'kysely';
import { beforeEach, describe, expect, it } from 'vitest';

import { excitement } from '../../../analytics/moments/excitement.ts';
import { loadRules } from '../../../analytics/rules/load-rules.ts';
import { CurveCache } from '../../../control/watch/curve-cache.ts';
import { readEvidence } from '../../../control/watch/run-evidence.ts';
import { readMarks, readTails } from '../../../control/watch/segment-marks.ts';
import { openCatalogue, type Catalogue } from '../../../store/catalogue.ts';
import { resultsOf, type Scene } from '../../analytics/moments/scene.ts';
import { segmentOf } from '../../support/desk.ts';
import { usePostgres } from '../../support/postgres.ts';

const postgres = usePostgres();
const rules = loadRules({ sport: 'soccer' });
const run = { channelId: 'ch_1', runId: 'run_1' };
const match: Scene = {
  durationMs: 400_000,
  roars: [60_000, 199_000, 330_000].map((fromMs) => ({ fromMs, untilMs: fromMs + 6000 })),
  whistlesMs: [62_000, 250_000],
};
const whole = { fromMs: 0, untilMs: match.durationMs };

let catalogue: Catalogue;
beforeEach(async () => {
  catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  const { db } = catalogue;
  await sql`insert into channels (id, name, sport, segment_ms, state, is_wanted, created_at_ms)
    values ('ch_1', 'one', 'soccer', 4000, 'live', true, 0)`.execute(db);
  await sql`insert into runs (id, channel_id, sport, start_wall_ms) values ('run_1', 'ch_1', 'soccer', 0)`.execute(
    db,
  );
  for (const [seq, result] of resultsOf(match).entries()) await add(seq, result);
  return async () => await catalogue.close();
});

async function add(seq: number, found: { signals: unknown; spots: unknown }, name = 'coarse'): Promise<void> {
  const { db } = catalogue;
  const record = segmentOf(run, seq);
  await sql`insert into segments (id, run_id, channel_id, seq, state, record, stored_at_ms, analysed_at_ms)
    values (${record.id}, 'run_1', 'ch_1', ${seq}, 'analysed', ${JSON.stringify(record)}, 0, 0)
    on conflict do nothing`.execute(db);
  const jobId = `${name}_${seq}`;
  await sql`insert into jobs (id, kind, variant, channel_id, run_id, subject_id, state, deadline_at_ms, created_at_ms)
    values (${jobId}, 'analyse', 'coarse', 'ch_1', 'run_1', ${record.id}, 'done', 0, 0)`.execute(db);
  await sql`insert into results (job_id, run_id, segment_id, pass, signals, spots)
    values (${jobId}, 'run_1', ${record.id}, ${name}, ${JSON.stringify(found.signals)}, ${JSON.stringify(found.spots)})`.execute(
    db,
  );
}

async function reference() {
  const evidence = await readEvidence(catalogue.db, await readMarks(catalogue.db, 'run_1'), 'all');
  return excitement(evidence, rules, whole).filter(({ value }) => value > 0);
}

describe('the cache of curves', () => {
  it('gives what looking at everything at once gives, and makes nothing twice', async () => {
    const cache = new CurveCache({ db: catalogue.db });
    const marks = await readMarks(catalogue.db, 'run_1');
    expect(await cache.points(marks, rules, whole)).toEqual(await reference());
    expect(cache.blockCount).toBe(1);
    await cache.points(marks, rules, { fromMs: 100_000, untilMs: 200_000 });
    expect(cache.blockCount).toBe(1);
  });

  it('makes anew what later evidence may change, and that alone', async () => {
    const cache = new CurveCache({ db: catalogue.db });
    await cache.points(await readMarks(catalogue.db, 'run_1'), rules, whole);
    const goal = { label: 'goal', atMs: 142_000, confidence: 1, source: 'm', durationMs: 0, evidence: {} };
    await add(35, { signals: [], spots: [goal] }, 'fine');
    const marks = await readMarks(catalogue.db, 'run_1');
    await cache.points(marks, rules, { fromMs: 300_000, untilMs: 400_000 });
    expect(cache.blockCount).toBe(1);
    const after = await cache.points(marks, rules, whole);
    expect(cache.blockCount).toBe(2);
    expect(after).toEqual(await reference());
    expect(after.some(({ clues }) => clues['spot:goal'] !== undefined)).toBe(true);
  });

  it('shares the last minute of the wall with the timeline of the whole run', async () => {
    const cache = new CurveCache({ db: catalogue.db });
    await cache.points(await readMarks(catalogue.db, 'run_1'), rules, whole);
    const tail = (await readTails(catalogue.db, [{ runId: 'run_1', count: 30 }])).get('run_1') ?? [];
    expect(tail).toHaveLength(30);
    await cache.points(tail, rules, { fromMs: 340_000, untilMs: 400_000 });
    expect(cache.blockCount).toBe(1);
  });

  it('holds no more segments than it may', async () => {
    const cache = new CurveCache({ db: catalogue.db, segmentsMax: 40 });
    const marks = await readMarks(catalogue.db, 'run_1');
    expect(await cache.points(marks, rules, whole)).toEqual(await reference());
    expect(cache.segmentCount).toBe(40);
  });
});
