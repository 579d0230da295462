import type { Kysely, KyselyPlugin } from 'kysely';
import { beforeEach, describe, expect, it } from 'vitest';

import { LedgerViews } from '../../control/ledger-views.ts';
import { openCatalogue } from '../../store/catalogue.ts';
import type { Tables } from '../../store/schema.ts';
import { addMoments, addRun } from '../support/many-moments.ts';
import { usePostgres } from '../support/postgres.ts';

const postgres = usePostgres();
const store = { localPath: () => undefined };
const first = { channelId: 'ch_a', runId: 'run_a' };
const second = { channelId: 'ch_b', runId: 'run_b' };

let db: Kysely<Tables>;
let views: LedgerViews;
beforeEach(async () => {
  const catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  ({ db } = catalogue);
  views = new LedgerViews({ db, store });
  await addRun(db, { ...first, name: 'Pitch A' });
  await addRun(db, { ...second, name: 'Pitch B' });
  return async () => await catalogue.close();
});

type Page = { ids: string[]; next: string | null };
const moments = async (filter: Parameters<LedgerViews['listMoments']>[0]): Promise<Page> => {
  const page = await views.listMoments(filter);
  return { ids: page.moments.map(({ id }) => id), next: page.next };
};
const clips = async (filter: Parameters<LedgerViews['listClips']>[0]): Promise<Page> => {
  const page = await views.listClips(filter);
  return { ids: page.clips.map(({ momentId }) => momentId), next: page.next };
};

describe.each([
  ['moments', moments],
  ['clips', clips],
])('the pages of %s', (_what, list) => {
  it('hold each row once, the newest first, whatever comes in meanwhile; the last is not empty', async () => {
    await addMoments(db, { ...first, from: 1, to: 4, hasClips: true });
    const one = await list({ limit: 2 });
    expect(one).toEqual({ ids: ['run_a-4', 'run_a-3'], next: expect.any(String) });
    await addMoments(db, { ...first, from: 5, to: 7, hasClips: true });
    const two = await list({ limit: 2, cursor: one.next ?? '' });
    expect(two).toEqual({ ids: ['run_a-2', 'run_a-1'], next: null });
    expect((await list({ limit: 7 })).next).toBeNull();
    expect((await list({ limit: 6 })).next).not.toBeNull();
  });

  it('go on where they were although the row that they ended with is gone from the list', async () => {
    await addMoments(db, { ...first, from: 1, to: 3, hasClips: true });
    const { next } = await list({ limit: 2 });
    await db.updateTable('moments').set({ state: 'withdrawn' }).where('id', '=', 'run_a-2').execute();
    expect((await list({ limit: 2, cursor: next ?? '' })).ids).toEqual(['run_a-1']);
  });

  it('are of one channel or run alone where that is asked for', async () => {
    await addMoments(db, { ...first, from: 1, to: 1, hasClips: true });
    await addMoments(db, { ...second, from: 2, to: 3, hasClips: true });
    await addMoments(db, { ...first, from: 4, to: 4, hasClips: true });
    for (const filter of [{ channelId: 'ch_a' }, { runId: 'run_a' }]) {
      const one = await list({ ...filter, limit: 1 });
      expect(one.ids).toEqual(['run_a-4']);
      expect(await list({ ...filter, limit: 1, cursor: one.next ?? '' })).toEqual({
        ids: ['run_a-1'],
        next: null,
      });
    }
  });

  it('refuse the cursor of another list', async () => {
    await addMoments(db, { ...first, from: 1, to: 2, hasClips: true });
    const other = list === moments ? clips : moments;
    const { next } = await other({ limit: 1 });
    await expect(list({ cursor: next ?? '' })).rejects.toMatchObject({ code: 'cursor.invalid' });
  });
});

describe('the pages of runs', () => {
  it('hold each once, the newest first, also where several began at the same time', async () => {
    const began = { run_a: 1000, run_b: 2000, run_c: 1000, run_d: 1000 };
    await addRun(db, { channelId: 'ch_c', runId: 'run_c', name: 'Pitch C' });
    await addRun(db, { channelId: 'ch_d', runId: 'run_d', name: 'Pitch D' });
    for (const [id, start_wall_ms] of Object.entries(began))
      await db.updateTable('runs').set({ start_wall_ms }).where('id', '=', id).execute();
    const one = await views.listRuns({ limit: 2 });
    expect(one.runs.map(({ id }) => id)).toEqual(['run_b', 'run_d']);
    const two = await views.listRuns({ limit: 2, cursor: one.next ?? '' });
    expect(two).toMatchObject({ runs: [{ id: 'run_c' }, { id: 'run_a' }], next: null });
    const own = await views.listRuns({ channelId: 'ch_a', limit: 1, cursor: one.next ?? '' });
    expect(own).toMatchObject({ runs: [{ id: 'run_a' }], next: null });
  });

  it('count what each of them has, and nothing of another', async () => {
    await addMoments(db, { ...first, from: 1, to: 2, hasClips: true });
    await addMoments(db, { ...second, from: 3, to: 3 });
    const { runs } = await views.listRuns({});
    expect(new Map(runs.map((run) => [run.id, [run.momentCount, run.clipCount]]))).toEqual(
      new Map([
        ['run_a', [2, 2]],
        ['run_b', [1, 0]],
      ]),
    );
  });

  it.each([
    'mom',
    Buffer.from('runs/1').toString('base64url'),
    Buffer.from("runs/1/'x").toString('base64url'),
  ])('refuse %s as a cursor', async (cursor) => {
    await expect(views.listRuns({ cursor })).rejects.toMatchObject({ code: 'cursor.invalid' });
    await expect(views.listDead({ cursor })).rejects.toMatchObject({ code: 'cursor.invalid' });
  });
});

describe('a moment', () => {
  it('has its channel by name, and its clip from the first cut until it is withdrawn', async () => {
    await addMoments(db, { ...first, from: 1, to: 1 });
    expect(await views.getMoment('run_a-1')).toMatchObject({ channelName: 'Pitch A', clip: null });
    await addMoments(db, { ...second, from: 2, to: 2, hasClips: true });
    const clip = { id: 'clp-run_b-2', momentId: 'run_b-2', revision: 'exact' };
    expect(await views.getMoment('run_b-2')).toMatchObject({ channelName: 'Pitch B', clip });
    expect((await views.listMoments({})).moments).toMatchObject([{ clip }, { clip: null }]);
    await db.updateTable('moments').set({ state: 'withdrawn' }).where('id', '=', 'run_b-2').execute();
    expect(await views.getMoment('run_b-2')).toMatchObject({ state: 'withdrawn', clip: null });
  });

  it('that is unknown is said to be', async () => {
    await expect(views.getMoment('mom_none')).rejects.toMatchObject({ code: 'moment.not-found' });
  });

  it('costs no statement of its own in a list', async () => {
    await addMoments(db, { ...first, from: 1, to: 200, hasClips: true });
    let statementCount = 0;
    const counting: KyselyPlugin = {
      transformQuery: ({ node }) => {
        statementCount += 1;
        return node;
      },
      transformResult: async ({ result }) => result,
    };
    const counted = new LedgerViews({ db: db.withPlugin(counting), store });
    const page = await counted.listMoments({ limit: 200 });
    expect(page.moments.filter(({ clip }) => clip !== null)).toHaveLength(200);
    expect(statementCount).toBe(2);
  });
});
