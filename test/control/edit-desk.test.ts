import { afterEach, describe, expect, it } from 'vitest';

import type { EditDesk, EditWish } from '../../control/edit-desk.ts';
import { listDeadCuts } from '../../control/edits/dead-cuts.ts';
import { takeEditorsCut } from '../../control/edits/editors-cuts.ts';
import type { Principal } from '../../control/principal.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { CutResult } from '../../core/jobs.ts';
import type { Analyse, Cut } from '../../worker/worker.ts';
import { type DeskRig, fakeCut, openDeskRig, playRun } from '../support/desk.ts';
import { usePostgres } from '../support/postgres.ts';

const postgres = usePostgres();
let rig: DeskRig;
afterEach(async () => await rig.stop());

const run = { channelId: 'ch_test', runId: 'run_test' };
const ana: Principal = { kind: 'user', id: 'usr_ana', name: 'Ana', scopes: ['read', 'review'] };
const ben: Principal = { ...ana, id: 'usr_ben', name: 'Ben' };

const seesGoal: Analyse = async ({ segment }) => ({
  signals: [],
  spots:
    segment.seq === 6
      ? [{ atMs: 26_000, label: 'goal', confidence: 0.95, source: 'score', durationMs: 0, evidence: {} }]
      : [],
});

const dies = new TouchlineError({
  code: 'clip.failed',
  message: 'ffmpeg stopped with exit code 1 (last line: "moov atom not found")',
  retryable: false,
  blame: 'input',
});
const why = `failed: ${dies.message}`;

async function play(count: number, work: { analyse?: Analyse; cut?: Cut } = {}): Promise<string> {
  rig = await openDeskRig(await postgres.migratedDatabase());
  rig.work({ analyse: work.analyse ?? seesGoal, ...(work.cut ? { cut: work.cut } : {}) });
  await playRun(rig, run, count);
  return (await rig.desk.listClips({})).clips[0]?.id ?? '';
}

/** Every cut dies until `mend`. */
async function playBroken(): Promise<{ clipId: string; mend: () => void }> {
  let isBroken = true;
  await play(12, {
    cut: async (job, host, tools) => {
      if (isBroken) throw dies;
      return await fakeCut(job, host, tools);
    },
  });
  const moment = (await rig.desk.listMoments({})).moments[0];
  return { clipId: moment?.clipId ?? '', mend: () => (isBroken = false) };
}

function trimmed(wanted: EditWish, more: Partial<EditWish> = {}): EditWish {
  return {
    ...wanted,
    in90k: wanted.in90k + 90_000,
    out90k: wanted.out90k - 3_600,
    title: 'One nil',
    ...more,
  };
}

async function untilShown(edits: EditDesk, clipId: string, version: number) {
  await rig.untilEvent(
    ({ kind, subjectId, data }) =>
      kind === 'clip.visible' && subjectId === clipId && data['editVersion'] === version,
  );
  return await edits.read(clipId);
}

describe('an edit', () => {
  it('is a new version of the clip under its id; what was shown stays until it is there, and each file says how it stands', async () => {
    const clipId = await play(12);
    const before = await rig.edits.read(clipId);
    expect(before.moment.edit_version).toBe(0);
    const saved = await rig.edits.save(clipId, trimmed(before.wanted), { version: 0, by: ana });
    expect(saved.moment).toMatchObject({ edit_version: 1, cut_version: 1, title: 'One nil' });
    expect(saved.sidecar).toBeDefined();
    const after = await untilShown(rig.edits, clipId, 1);
    const { in90k, out90k } = trimmed(before.wanted);
    expect(after.sidecar).toMatchObject({
      revision: 'exact',
      requested: { in90k, out90k },
      edit: { version: 1 },
    });
    expect(after.history).toMatchObject([{ version: 1, by: 'Ana', what: 'saved', title: 'One nil' }]);
    expect(await rig.desk.getClip(clipId)).toMatchObject({ id: clipId, revision: 'exact' });
  });

  it('makes the vertical and the square file after the one that editors look at', async () => {
    const clipId = await play(12);
    const { wanted } = await rig.edits.read(clipId);
    await rig.edits.save(clipId, { ...wanted, cropVertical: 0.2 }, { version: 0, by: ana });
    await rig.untilEvent(({ kind }) => kind === 'clip.visible');
    for (;;) {
      const { sidecar } = await rig.edits.read(clipId);
      if (sidecar?.renditions.some(({ preset, editVersion }) => preset === 'square' && editVersion === 1))
        break;
      await new Promise((resolve) => rig.desk.onNews(() => resolve(undefined)));
    }
    const { sidecar } = await rig.edits.read(clipId);
    expect(sidecar?.edit).toMatchObject({ cropVertical: 0.2, cropSquare: 0.5 });
  });

  it('of the title alone cuts nothing anew', async () => {
    const clipId = await play(12);
    const { wanted } = await rig.edits.read(clipId);
    await rig.edits.save(clipId, trimmed(wanted), { version: 0, by: ana });
    await untilShown(rig.edits, clipId, 1);
    const saved = await rig.edits.save(clipId, trimmed(wanted, { title: 'A goal', tags: ['derby'] }), {
      version: 1,
      by: ana,
    });
    expect(saved.moment).toMatchObject({ edit_version: 2, cut_version: 1, title: 'A goal', tags: ['derby'] });
    const jobs = await rig.catalogue.db
      .selectFrom('jobs')
      .select('id')
      .where('id', 'like', 'edit-%-2-%')
      .execute();
    expect(jobs).toEqual([]);
  });

  it('of the title alone, as the first one, leaves every file as good as it is', async () => {
    const clipId = await play(12);
    const { wanted, sidecar } = await rig.edits.read(clipId);
    const saved = await rig.edits.save(clipId, { ...wanted, title: 'A goal' }, { version: 0, by: ana });
    expect(saved.moment).toMatchObject({ edit_version: 1, cut_version: 0, title: 'A goal' });
    expect(saved.sidecar).toEqual(sidecar);
    expect(saved.cuts).toEqual([]);
  });

  it('is not replaced by what comes late of an older one', async () => {
    const clipId = await play(12);
    const { wanted, moment } = await rig.edits.read(clipId);
    await rig.edits.save(clipId, trimmed(wanted), { version: 0, by: ana });
    const first = await untilShown(rig.edits, clipId, 1);
    await rig.edits.save(clipId, { ...wanted, in90k: wanted.in90k + 45_000 }, { version: 1, by: ben });
    await untilShown(rig.edits, clipId, 2);
    const { sidecar } = first;
    if (!sidecar) throw new Error('the first edit was shown without files');
    const result = {
      kind: 'cut' as const,
      clipId,
      jobId: `edit-${clipId}-1-exact`,
      outcome: { kind: 'cut' as const, sidecar },
    };
    const late = { ...run, result: { ...result } as unknown as CutResult };
    expect(await takeEditorsCut(rig.catalogue.db, late, 1)).toEqual([]);
    const after = await rig.edits.read(moment.clip_id);
    expect(after.sidecar).toMatchObject({
      edit: { version: 2 },
      requested: { in90k: wanted.in90k + 45_000 },
    });
  });

  it('that was answered as saved is in the history for good, whatever two editors do at once', async () => {
    const clipId = await play(12);
    const { wanted } = await rig.edits.read(clipId);
    const saved: string[] = [];
    let state = 20_261_123;
    const draw = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let round = 0; round < 25; round += 1) {
      const current = (await rig.edits.read(clipId)).moment.edit_version;
      const tries = [ana, ben].map(async (by) => {
        const title = `${by.name} ${round}`;
        // One in three looks at an old version.
        const version = Math.max(0, current - (draw(3) === 0 ? 1 : 0));
        const in90k = wanted.in90k + draw(3) * 3_600;
        await rig.edits.save(clipId, { ...wanted, in90k, title }, { version, by });
        saved.push(title);
      });
      for (const one of await Promise.allSettled(tries)) {
        if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'edit.conflict' });
      }
    }
    const { history, wanted: last, moment } = await rig.edits.read(clipId);
    expect(saved.length).toBeGreaterThan(5);
    expect(history.map(({ title }) => title).toReversed()).toEqual(saved);
    expect(history.map(({ version }) => version)).toEqual(saved.map((_one, nth) => saved.length - nth));
    expect([last.title, moment.title]).toEqual([saved.at(-1), saved.at(-1)]);
  });

  it('saved on an old version is a conflict; of two at once one wins, and nothing is lost', async () => {
    const clipId = await play(12);
    const { wanted } = await rig.edits.read(clipId);
    const both = await Promise.allSettled([
      rig.edits.save(clipId, trimmed(wanted, { title: 'by Ana' }), { version: 0, by: ana }),
      rig.edits.save(clipId, trimmed(wanted, { title: 'by Ben' }), { version: 0, by: ben }),
    ]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const lost = both.find((one) => one.status === 'rejected');
    expect(lost).toMatchObject({ reason: { code: 'edit.conflict' } });
    expect((await rig.edits.read(clipId)).history).toHaveLength(1);
  });

  it('can be taken back, which is a version too', async () => {
    const clipId = await play(12);
    const { wanted } = await rig.edits.read(clipId);
    await rig.edits.save(clipId, trimmed(wanted), { version: 0, by: ana });
    const back = await rig.edits.reset(clipId, { version: 1, by: ben });
    expect(back.wanted).toMatchObject({ in90k: wanted.in90k, out90k: wanted.out90k });
    expect(back.history.map(({ version, what, by }) => [version, what, by])).toEqual([
      [2, 'reset', 'Ben'],
      [1, 'saved', 'Ana'],
    ]);
    const after = await untilShown(rig.edits, clipId, 2);
    expect(after.sidecar?.requested).toEqual({ in90k: wanted.in90k, out90k: wanted.out90k });
  });

  it('is pinned: the director, told more, neither moves the clip nor withdraws it, also after a restart', async () => {
    const clipId = await play(12);
    const { wanted, moment } = await rig.edits.read(clipId);
    await rig.edits.save(clipId, trimmed(wanted), { version: 0, by: ana });
    await untilShown(rig.edits, clipId, 1);
    // Another chance for a segment makes the director read everything anew and judge it without the goal.
    const { db } = rig.catalogue;
    await db.updateTable('results').set({ spots: '[]' }).execute();
    const id = (await rig.desk.listSegments({ runId: run.runId }))[6]?.id ?? '';
    await db
      .updateTable('segments')
      .set({ state: 'dead', analysed_at_ms: null, dead_reason: 'lost: x' })
      .where('id', '=', id)
      .execute();
    await rig.catalogue.db.updateTable('jobs').set({ state: 'done' }).where('subject_id', '=', id).execute();
    const lastId = await rig.desk.lastEventId();
    await rig.desk.retrySegment(id);
    await rig.untilEvent((event) => event.kind === 'run.finished' && event.id > lastId);
    const after = await rig.edits.read(clipId);
    expect(after.moment).toMatchObject({ id: moment.id, edit_version: 1, state: 'exact' });
    expect(after.sidecar?.edit).toMatchObject({ version: 1 });
  });

  it.each([
    ['out before in', { in90k: 2_000_000, out90k: 1_900_000 }, 'at least 0.5 s'],
    ['longer than ten minutes', { in90k: 0, out90k: 90_000 * 601 }, '600 s are the most'],
    ['beyond what was recorded', { in90k: 90_000, out90k: 90_000 * 60 }, 'leaves what was recorded'],
  ])('that is wrong (%s) is refused in words, and changes nothing', async (_what, range, words) => {
    const clipId = await play(12);
    const { wanted } = await rig.edits.read(clipId);
    const saving = rig.edits.save(clipId, { ...wanted, ...range }, { version: 0, by: ana });
    await expect(saving).rejects.toMatchObject({
      code: 'edit.invalid',
      message: expect.stringContaining(words) as string,
    });
    expect((await rig.edits.read(clipId)).history).toEqual([]);
  });

  it('whose cut fails leaves what is shown, and says why', async () => {
    const clipId = await play(12, {
      cut: async (job, host, tools) => {
        if (!job.edit) return await fakeCut(job, host, tools);
        throw new TouchlineError({
          code: 'clip.no-media',
          message: 'no picture',
          retryable: false,
          blame: 'input',
        });
      },
    });
    const { wanted, sidecar } = await rig.edits.read(clipId);
    await rig.edits.save(clipId, trimmed(wanted), { version: 0, by: ana });
    await rig.untilEvent(({ kind }) => kind === 'clip.failed');
    const after = await rig.edits.read(clipId);
    expect(after.cuts).toMatchObject([{ stage: 'exact', state: 'dead', why: 'no-media: no picture' }]);
    expect(after.sidecar).toEqual(sidecar);
  });
});

describe('a clip whose cut died', () => {
  it('has no file and says why; cut again it is made, as a version in the name of who wanted it, and its segments are in a clip', async () => {
    const { clipId, mend } = await playBroken();
    const before = await rig.edits.read(clipId);
    expect(before).toMatchObject({ deadWhy: why, sidecar: undefined, moment: { state: 'failed' } });
    expect(await listDeadCuts(rig.catalogue.db, 10)).toMatchObject([
      { clipId, channelName: 'pitch-1', stage: 'exact', why, hasFile: false },
    ]);
    expect((await rig.desk.listDead({})).segments.length).toBeGreaterThan(0);
    mend();
    const again = await rig.edits.recut(clipId, ana);
    expect(again).toMatchObject({
      deadWhy: undefined,
      wanted: { in90k: before.wanted.in90k, out90k: before.wanted.out90k },
      moment: { edit_version: 1, cut_version: 1, state: 'found', state_reason: null },
      history: [{ version: 1, what: 'recut', by: 'Ana' }],
    });
    const after = await untilShown(rig.edits, clipId, 1);
    const { in90k, out90k } = before.wanted;
    expect(after).toMatchObject({
      moment: { state: 'exact', state_reason: null },
      sidecar: { requested: { in90k, out90k }, edit: { version: 1 } },
    });
    expect(await listDeadCuts(rig.catalogue.db, 10)).toEqual([]);
    expect((await rig.desk.listDead({})).segments).toEqual([]);
  });

  it('is cut again once, however many want it at once; the others are told that it is on its way', async () => {
    const letGo = new AbortController();
    await play(12, {
      cut: async (job, host, tools) => {
        if (!job.edit) throw dies;
        if (!letGo.signal.aborted)
          await new Promise((resolve) => letGo.signal.addEventListener('abort', resolve));
        return await fakeCut(job, host, tools);
      },
    });
    const clipId = (await rig.desk.listMoments({})).moments[0]?.clipId ?? '';
    const tries = await Promise.allSettled(
      [ana, ben, ana].map(async (by) => await rig.edits.recut(clipId, by)),
    );
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of tries) {
      if (one.status !== 'rejected') continue;
      expect(one.reason).toMatchObject({
        code: 'clip.conflict',
        message: expect.stringContaining('cannot be cut again (sent)') as string,
      });
    }
    const jobs = await rig.catalogue.db
      .selectFrom('jobs')
      .select('id')
      .where('id', 'like', 'edit-%')
      .execute();
    expect(jobs).toEqual([{ id: `edit-${clipId}-1-exact` }]);
    letGo.abort();
    await untilShown(rig.edits, clipId, 1);
  });

  it('that dies once more can be wanted once more', async () => {
    const { clipId, mend } = await playBroken();
    const lastId = await rig.desk.lastEventId();
    await rig.edits.recut(clipId, ana);
    await rig.untilEvent(({ kind, id }) => kind === 'clip.failed' && id > lastId);
    expect((await rig.edits.read(clipId)).moment).toMatchObject({ state: 'failed', state_reason: why });
    mend();
    await rig.edits.recut(clipId, ben);
    expect((await untilShown(rig.edits, clipId, 2)).history.map(({ what, by }) => [what, by])).toEqual([
      ['recut', 'Ben'],
      ['recut', 'Ana'],
    ]);
  });

  it('keeps the title that it was given meanwhile, and shows its older file until the new one is there', async () => {
    let isBroken = false;
    const clipId = await play(12, {
      cut: async (job, host, tools) => {
        if (isBroken) throw dies;
        return await fakeCut(job, host, tools);
      },
    });
    const { wanted, sidecar } = await rig.edits.read(clipId);
    isBroken = true;
    await rig.edits.save(clipId, trimmed(wanted), { version: 0, by: ana });
    await rig.untilEvent(({ kind }) => kind === 'clip.failed');
    await rig.edits.save(clipId, trimmed(wanted, { title: 'A goal' }), { version: 1, by: ben });
    expect(await listDeadCuts(rig.catalogue.db, 10)).toMatchObject([
      { clipId, title: 'A goal', stage: 'edit-exact', hasFile: true },
    ]);
    isBroken = false;
    const again = await rig.edits.recut(clipId, ana);
    expect(again.wanted).toMatchObject(trimmed(wanted, { title: 'A goal' }));
    expect([again.moment.edit_version, again.moment.cut_version]).toEqual([3, 3]);
    expect(again.sidecar).toEqual(sidecar);
    expect((await untilShown(rig.edits, clipId, 3)).sidecar?.edit).toMatchObject({ title: 'A goal' });
  });

  it.each([
    ['made', 'exact', 'cannot be cut again (done)'],
    ['withdrawn', 'withdrawn', 'cannot be cut again (withdrawn)'],
  ] as const)(
    'is one thing, one that is %s another: that is a conflict, and nothing is written',
    async (_what, state, words) => {
      const clipId = await play(12);
      await rig.catalogue.db.updateTable('moments').set({ state }).where('clip_id', '=', clipId).execute();
      await expect(rig.edits.recut(clipId, ana)).rejects.toMatchObject({
        code: 'clip.conflict',
        message: expect.stringContaining(words) as string,
      });
      expect((await rig.edits.read(clipId)).history).toEqual([]);
      await expect(rig.edits.recut('clp_none', ana)).rejects.toMatchObject({ code: 'clip.not-found' });
    },
  );
});

describe('the context of a clip', () => {
  it('is a copy of a minute on each side, as far as there is media, made once', async () => {
    const clipId = await play(12);
    expect(await rig.edits.context(clipId)).toMatchObject({ state: 'making' });
    await rig.untilEvent(({ kind, subjectId }) => kind === 'clip.context' && subjectId === clipId);
    const ready = await rig.edits.context(clipId);
    expect(ready).toMatchObject({
      state: 'ready',
      sidecar: { revision: 'fast', requested: { in90k: 0, out90k: 12 * 4 * 90_000 } },
    });
    const jobs = await rig.catalogue.db
      .selectFrom('jobs')
      .select('id')
      .where('variant', '=', 'context')
      .execute();
    expect(jobs).toHaveLength(1);
    // It is no clip: nothing lists it.
    expect((await rig.desk.listClips({})).clips).toHaveLength(1);
  });

  it('that died says why, and is made when it is asked for again ten seconds later, not before', async () => {
    let isBroken = true;
    const clipId = await play(12, {
      cut: async (job, host, tools) => {
        if (isBroken && job.clipId.startsWith('ctx_')) throw dies;
        return await fakeCut(job, host, tools);
      },
    });
    const toldSince = async (lastId: number) =>
      await rig.untilEvent(({ kind, id }) => kind === 'clip.context' && id > lastId);
    await rig.edits.context(clipId);
    const { id: failedAt } = await toldSince(0);
    isBroken = false;
    expect(await rig.edits.context(clipId)).toMatchObject({ state: 'failed', why });
    await rig.catalogue.db
      .updateTable('contexts')
      .set(({ eb }) => ({ asked_at_ms: eb('asked_at_ms', '-', 10_000) }))
      .execute();
    expect(await rig.edits.context(clipId)).toMatchObject({ state: 'making', why: null });
    await toldSince(failedAt);
    expect(await rig.edits.context(clipId)).toMatchObject({ state: 'ready', why: null });
    expect(await listDeadCuts(rig.catalogue.db, 10)).toEqual([]);
  });
});

describe('a clip by hand', () => {
  it('is cut as it was marked, says who made it, and is the same when it is wanted twice', async () => {
    await play(12);
    const range = { in90k: 90_000, out90k: 90_000 * 9 };
    const made = await rig.edits.make(run.runId, { ...range, title: 'A save' }, ana);
    expect(await rig.edits.make(run.runId, range, ben)).toEqual(made);
    const after = await untilShown(rig.edits, made.clipId, 1);
    expect(after.sidecar?.requested).toEqual(range);
    expect(after.moment).toMatchObject({ source: 'hand', title: 'A save', state: 'exact' });
    expect(after.moment.reasons[0]?.text).toBe('made by Ana');
    expect((await rig.desk.listMoments({})).moments.map(({ id }) => id)).toContain(made.momentId);
  });

  it('of a run that nobody knows, and of a channel where nothing is live, is refused', async () => {
    await play(12);
    const range = { in90k: 0, out90k: 90_000 };
    await expect(rig.edits.make('run_none', range, ana)).rejects.toMatchObject({ code: 'run.not-found' });
    await expect(rig.edits.clipLast(run.channelId, 20, ana)).rejects.toMatchObject({
      code: 'channel.conflict',
    });
  });
});

describe('the review queue', () => {
  it('holds what is undecided by lane, counts it, finds it by words, and pages without a hole', async () => {
    await play(12);
    for (let nth = 0; nth < 5; nth += 1) {
      await rig.edits.make(
        run.runId,
        { in90k: nth * 90_000, out90k: (nth + 8) * 90_000, title: `Save ${nth}` },
        ana,
      );
    }
    const all = await rig.review.list({ decision: 'undecided', limit: 100 });
    expect(all.counts.must + all.counts.likely + all.counts.maybe).toBe(6);
    const seen: string[] = [];
    let pageCount = 0;
    let cursor: string | undefined;
    do {
      const page = await rig.review.list({ decision: 'undecided', limit: 2, cursor });
      seen.push(...page.moments.map(({ id }) => id));
      pageCount += 1;
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(all.moments.map(({ id }) => id));
    // Six by two: the last page is full, and says that it is the last.
    expect(pageCount).toBe(3);
    await expect(rig.review.list({ decision: 'undecided', limit: 2, cursor: 'x' })).rejects.toMatchObject({
      code: 'cursor.invalid',
    });
    const found = await rig.review.list({ decision: 'all', q: 'save 3', limit: 10 });
    expect(found.moments.map(({ title }) => title)).toEqual(['Save 3']);
    expect((await rig.review.list({ decision: 'all', q: '100%', limit: 10 })).moments).toEqual([]);
  });

  it('decides several at once or none, and says what each was', async () => {
    const clipId = await play(12);
    const momentId = (await rig.edits.read(clipId)).moment.id;
    const { momentId: other } = await rig.edits.make(run.runId, { in90k: 0, out90k: 900_000 }, ana);
    await expect(rig.review.decide([momentId, 'mom_none'], 'approved', { by: ana })).rejects.toMatchObject({
      code: 'moment.not-found',
    });
    expect((await rig.desk.getMoment(momentId)).decision).toBe('undecided');
    await rig.review.decide([momentId], 'rejected', { by: ana });
    const before = await rig.review.decide([momentId, other], 'approved', { by: ben });
    expect(new Map(before.map((one) => [one.id, one.before]))).toEqual(
      new Map([
        [momentId, 'rejected'],
        [other, 'undecided'],
      ]),
    );
    const page = await rig.review.list({ decision: 'approved', limit: 10 });
    expect(page.moments.map(({ decidedBy }) => decidedBy)).toEqual(['Ben', 'Ben']);
    expect(page.decidedCount).toBe(2);
  });

  it('says who looks at a moment, to whoever comes second', async () => {
    const clipId = await play(12);
    const id = (await rig.edits.read(clipId)).moment.id;
    expect(await rig.review.claim(id, ana)).toEqual({ name: 'Ana', isMine: true });
    expect(await rig.review.claim(id, ben)).toEqual({ name: 'Ana', isMine: false });
    expect((await rig.review.list({ decision: 'all', limit: 1 })).moments[0]?.claim?.name).toBe('Ana');
    await rig.review.release(id, ben);
    expect(await rig.review.claim(id, ben)).toEqual({ name: 'Ana', isMine: false });
    await rig.review.release(id, ana);
    expect(await rig.review.claim(id, ben)).toEqual({ name: 'Ben', isMine: true });
  });
});
