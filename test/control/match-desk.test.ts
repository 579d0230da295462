import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { systemClock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { unreadSha256, type SegmentRecord } from '../../core/segment.ts';
import type { Analyse } from '../../worker/worker.ts';
import { openDeskRig, segmentBytes, segmentOf, type DeskRig } from '../support/desk.ts';
import { MemoryBroker } from '../support/memory-queue.ts';
import { usePostgres } from '../support/postgres.ts';

const postgres = usePostgres();
let rig: DeskRig;
afterEach(async () => await rig.stop());

/** Sees one goal, 2 s into segment 6. */
const seesGoal: Analyse = async ({ segment }) => ({
  signals: [],
  spots: segment.seq === 6 ? [goalAt(26_000)] : [],
});

describe('a run at the match desk', () => {
  it('ends with every segment in one final state and one clip of the goal, with reasons', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    rig.work({ analyse: seesGoal, instanceId: 'i-0abc' });
    const run = await play(rig, 12);
    await rig.untilEvent((event) => event.kind === 'run.finished');

    const report = await rig.desk.runReport(run.runId);
    expect(report).toMatchObject({ isTerminal: true, segments: { total: 12, dead: 0 } });
    expect(report.segments.clip + report.segments.noClip).toBe(12);
    expect(report.segments.clip).toBeGreaterThan(2);
    expect(report.moments).toMatchObject([{ label: 'goal', peakMs: 26_000, state: 'exact' }]);
    expect(report.moments[0]?.reasons[0]?.text).not.toBe('');
    expect(report.clips).toMatchObject([
      { momentId: report.moments[0]?.id, revision: 'exact', made: 'smart' },
    ]);
    const segments = await rig.desk.listSegments({ runId: run.runId });
    expect(segments.map((segment) => segment.instanceId)).toEqual(Array.from({ length: 12 }, () => 'i-0abc'));
    expect(segments.map((segment) => segment.seq)).toEqual(Array.from({ length: 12 }, (_, seq) => seq));

    const clipId = report.clips[0]?.id ?? '';
    const told = await rig.desk.eventsSince(0, 1000);
    const kinds = told.map((event) => event.kind);
    expect(kinds.indexOf('moment.found')).toBeLessThan(kinds.indexOf('clip.visible'));
    const shown = told.flatMap(({ kind, data }) => (kind === 'clip.visible' ? [data['presets']] : []));
    expect(shown.map((presets) => (presets as string[])[0])).toEqual(['wide', 'wide', 'wide']);
    // What comes last has more files than the cut before it.
    expect(shown[2]).toEqual(expect.arrayContaining(['wide', 'vertical']));
    expect(shown[1]).not.toContain('vertical');
    const { steps } = await rig.desk.waterfall(clipId);
    expect(steps.map(({ step }) => step)).toEqual([
      'happened',
      'segment-closed',
      'queued',
      'analysis-started',
      'analysed',
      'decided',
      'fast-cut-started',
      'fast-cut',
      'fast-visible',
      'exact-cut-started',
      'exact-cut',
      'exact-visible',
    ]);
    const times = steps.slice(2).map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
  });

  it('is not changed by hearing everything twice', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    const { events } = rig.ingest;
    rig.work({ analyse: seesGoal });
    const run = await play(rig, 12, async (segment) => await events.onSegment(segment));
    await events.onRunStarted({ ...run, startWallMs: 1_700_000_000_000 });
    await rig.untilEvent((event) => event.kind === 'run.finished');
    const before = await ledger(rig);
    // What a crash between commit and acknowledgement brings back: every result once more.
    const jobs = await rig.catalogue.db.selectFrom('jobs').selectAll().execute();
    for (const job of jobs.filter(({ kind }) => kind === 'analyse')) {
      await rig.broker.connect().put([
        {
          kind: 'result',
          id: `again-${job.id}`,
          channelId: job.channel_id,
          runId: job.run_id,
          deadlineAtMs: 0,
          queuedAtMs: 0,
          result: {
            of: 'analyse',
            jobId: job.id,
            attempt: 2,
            instanceId: 'late',
            workerId: 'late',
            startedAtMs: 0,
            finishedAtMs: 0,
            pass: 'coarse',
            segmentId: job.subject_id,
            outcome: { kind: 'found', signals: [], spots: [goalAt(3_000)] },
          },
        },
      ]);
    }
    await drained(rig);
    await events.onRunEnded({ ...run, segmentCount: 12, why: 'stopped' });
    expect(await ledger(rig)).toEqual(before);
  });

  it('goes on where the last process was killed, from the ledger and the queue alone', async () => {
    const databaseUrl = await postgres.migratedDatabase();
    const home = await mkdtemp(join(tmpdir(), 'touchline-desk-'));
    const kept = { home, broker: new MemoryBroker({ clock: systemClock }) };
    rig = await openDeskRig(databaseUrl, kept);
    const run = await play(rig, 12, async () => {}, 5);
    await rig.stop();

    rig = await openDeskRig(databaseUrl, kept);
    rig.work({ analyse: seesGoal });
    await play(rig, 12, async () => {}, 12, run);
    await rig.untilEvent((event) => event.kind === 'run.finished');
    const report = await rig.desk.runReport(run.runId);
    expect(report.segments.clip + report.segments.noClip).toBe(12);
    expect(report.clips).toHaveLength(1);
    await rm(home, { recursive: true });
  });

  it('shows a segment that could not be read as dead, and gives it another chance by hand', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    let isMended = false;
    rig.work({
      analyse: async (task, signal) => {
        if (task.segment.seq === 6 && !isMended) throw corrupt();
        return await seesGoal(task, signal);
      },
    });
    const run = await play(rig, 12);
    await rig.untilEvent((event) => event.kind === 'run.finished');
    const { segments: dead } = await rig.desk.listDead({ runId: run.runId });
    expect(dead).toMatchObject([
      { seq: 6, state: 'dead', deadReason: 'corrupt: the segment is half as long as it should be' },
    ]);
    expect(await rig.desk.runReport(run.runId)).toMatchObject({
      segments: { total: 12, clip: 0, noClip: 11, dead: 1 },
      moments: [],
    });

    isMended = true;
    const lastEventId = await rig.desk.lastEventId();
    await rig.desk.retrySegment(dead[0]?.id ?? '');
    await rig.untilEvent((event) => event.kind === 'run.finished' && event.id > lastEventId);
    const report = await rig.desk.runReport(run.runId);
    expect(report.segments.dead).toBe(0);
    expect(report.moments).toMatchObject([{ label: 'goal', state: 'exact' }]);
    await expect(rig.desk.retrySegment(dead[0]?.id ?? '')).rejects.toMatchObject({ code: 'segment.taken' });
  });

  it('counts a segment that came too late as dead, and neither looks at it nor cuts from it', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    const { events } = rig.ingest;
    const put = rig.broker.put.bind(rig.broker);
    const cutFrom: number[][] = [];
    const looked = new Set<number>();
    rig.broker.put = (job) => {
      if (job.kind === 'cut') cutFrom.push(job.segments.map(({ seq }) => seq));
      if (job.kind === 'analyse') looked.add(job.segment.seq);
      put(job);
    };
    rig.work({ analyse: seesGoal });
    const run = await play(rig, 13, async () => {}, 7);
    // It has a number, and stands without length where the run stands: inside of what will be the clip.
    const late = {
      segment: segmentOf(run, 7, { duration90k: 0 }),
      reason: 'late: its place had been passed',
    };
    await events.onSegmentLate(late);
    await events.onSegmentLate(late);
    for (let seq = 8; seq < 13; seq += 1) {
      const { id } = segmentOf(run, seq);
      const segment = segmentOf(run, seq - 1, { id, seq });
      await rig.store.put(segment.key, segmentBytes, { contentType: 'video/mp2t', ifNoneMatch: true });
      await events.onSegment(segment);
    }
    await events.onRunEnded({ ...run, segmentCount: 13, why: 'stopped' });
    await rig.untilEvent((event) => event.kind === 'run.finished');

    const report = await rig.desk.runReport(run.runId);
    expect(report).toMatchObject({ isTerminal: true, segments: { total: 13, dead: 1 } });
    expect(report.moments).toMatchObject([{ label: 'goal', peakMs: 26_000, state: 'exact' }]);
    const { segments: dead } = await rig.desk.listDead({ runId: run.runId });
    expect(dead).toMatchObject([{ seq: 7, deadReason: late.reason }]);
    expect([...looked]).toEqual([0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12]);
    expect(cutFrom.at(-1)).toEqual(expect.arrayContaining([6, 8]));
    expect(cutFrom.flat()).not.toContain(7);
    await expect(rig.desk.retrySegment(dead[0]?.id ?? '')).rejects.toMatchObject({ code: 'segment.late' });
  });

  it('ends when what a worker of another version says cannot be read: the segment is dead, and can be redriven', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    const { broker } = rig;
    const put = broker.put.bind(broker);
    let isOtherVersion = true;
    broker.put = (job) => {
      if (job.kind !== 'result' || job.result.of !== 'analyse' || !isOtherVersion) return put(job);
      const reason = 'queue.bad-message: its schema is "touchline.job/2"';
      broker.dead.set(job.id, { jobId: job.id, job: undefined, reason, attempts: 1 });
    };
    rig.work({ analyse: seesGoal });
    const run = await play(rig, 3);
    await rig.untilEvent((event) => event.kind === 'run.finished');
    const { segments: dead } = await rig.desk.listDead({ runId: run.runId });
    expect(dead).toHaveLength(3);
    expect(dead[0]?.deadReason).toBe('given-up: queue.bad-message: its schema is "touchline.job/2"');

    isOtherVersion = false;
    // The run may end again after each of them.
    for (const { id } of dead) await rig.desk.retrySegment(id);
    const segments = async (): Promise<unknown> => (await rig.desk.runReport(run.runId)).segments;
    await expect.poll(segments, { timeout: 20_000 }).toMatchObject({ total: 3, noClip: 3 });
  });

  it('ends also when all that it had is dead on arrival', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    const { events } = rig.ingest;
    const { channel } = await rig.desk.createChannel({ name: 'derby', sport: 'soccer' });
    const run = { channelId: channel.id, runId: 'run_test' };
    const empty = { duration90k: 0, bytes: 0, sha256: unreadSha256, video: null };
    await events.onRunStarted({ ...run, startWallMs: 1_700_000_000_000 });
    await events.onSegmentLate({ segment: segmentOf(run, 0, empty), reason: 'unusable: it is empty' });
    await events.onRunEnded({ ...run, segmentCount: 1, why: 'stopped' });
    await rig.untilEvent((event) => event.kind === 'run.finished');
    expect(await rig.desk.runReport(run.runId)).toMatchObject({
      isTerminal: true,
      segments: { total: 1, dead: 1 },
    });
  });

  it('says what is wrong with it, and takes in what comes to light behind its end', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    rig.work({ analyse: seesGoal });
    const { events } = rig.ingest;
    const run = await play(rig, 8, async () => {}, 7);
    const notes = ['the file is cut short', '1 segments wait on the disk'];
    await events.onRunEnded({ ...run, segmentCount: 7, why: 'end-of-file', notes });
    await rig.untilEvent((event) => event.kind === 'run.finished');
    expect(await rig.desk.runReport(run.runId)).toMatchObject({ notes, segments: { total: 7, dead: 0 } });

    // The next start found it: the run ends again, with one more.
    const segment = segmentOf(run, 7);
    await rig.store.put(segment.key, segmentBytes, { contentType: 'video/mp2t', ifNoneMatch: true });
    await events.onSegment(segment);
    await events.onRunEnded({ ...run, segmentCount: 8, why: 'end-of-file', notes: notes.slice(0, 1) });
    // What was told before comes once more, late: it changes nothing.
    await events.onRunEnded({ ...run, segmentCount: 7, why: 'crash' });
    let finishedCount = 0;
    await rig.untilEvent((event) => event.kind === 'run.finished' && (finishedCount += 1) === 2);
    const report = await rig.desk.runReport(run.runId);
    expect(report).toMatchObject({
      isTerminal: true,
      notes: ['the file is cut short'],
      segments: { total: 8, dead: 0 },
    });
  });

  it('keeps jobs in the ledger while the queue is away, and sends them in order when it is back', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    const put = rig.broker.put.bind(rig.broker);
    const order: string[] = [];
    let isAway = true;
    rig.broker.put = (job) => {
      if (isAway) throw new Error('the queue is away');
      order.push(job.id);
      put(job);
    };
    const run = await play(rig, 3);
    const open = await rig.desk.listSegments({ runId: run.runId });
    expect(open.map((segment) => segment.state)).toEqual(['stored', 'stored', 'stored']);
    isAway = false;
    rig.work({ analyse: seesGoal });
    await rig.untilEvent((event) => event.kind === 'run.finished');
    expect(order.filter((id) => id.startsWith('look-'))).toEqual(open.map(({ id }) => `look-${id}-coarse`));
  });

  it('ends segments as dead, with the reason, when no clip of their moment can be cut', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    rig.work({
      analyse: seesGoal,
      cut: async () => {
        throw new TouchlineError({
          code: 'clip.no-media',
          message: 'no picture',
          retryable: false,
          blame: 'input',
        });
      },
    });
    const run = await play(rig, 12);
    await rig.untilEvent((event) => event.kind === 'run.finished');
    const report = await rig.desk.runReport(run.runId);
    expect(report.moments).toMatchObject([{ state: 'failed' }]);
    expect(report.segments).toMatchObject({ total: 12, clip: 0 });
    expect(report.segments.dead).toBeGreaterThan(2);
    expect((await rig.desk.listDead({})).segments[0]?.deadReason).toBe(
      'no clip could be made: no-media: no picture',
    );
  });
});

const ana = { kind: 'user', id: 'usr_ana', name: 'Ana' } as const;
const bot = { kind: 'token', id: '00ff00ff00ff00ff', name: 'bot (a token of Ana)' } as const;

describe('the editor', () => {
  it('decides, and may change their mind', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    rig.work({ analyse: seesGoal });
    await play(rig, 12);
    await rig.untilEvent((event) => event.kind === 'run.finished');
    const {
      moments: [moment],
    } = await rig.desk.listMoments({ decision: 'undecided' });
    const id = moment?.id ?? '';
    expect(await rig.desk.decide(id, 'approved', { by: ana })).toMatchObject({
      decision: 'approved',
      decidedBy: ana,
    });
    expect((await rig.desk.listMoments({ decision: 'undecided' })).moments).toEqual([]);
    expect((await rig.desk.listClips({})).clips[0]).toMatchObject({ decision: 'approved', label: 'goal' });
    // By a program: the row says which, and whose it is.
    expect(await rig.desk.decide(id, 'rejected', { by: bot })).toMatchObject({
      decision: 'rejected',
      decidedBy: bot,
    });
    expect((await rig.review.list({ decision: 'all', limit: 1 })).moments[0]).toMatchObject({
      decidedBy: 'bot (a token of Ana)',
      decider: bot,
    });
    expect(await rig.desk.decide(id, 'undecided', { by: ana })).toMatchObject({
      decision: 'undecided',
      decidedAtMs: null,
      decidedBy: null,
    });
    await expect(rig.desk.decide('mom_none', 'approved', { by: ana })).rejects.toMatchObject({
      code: 'moment.not-found',
    });
  });
});

describe('channels and keys', () => {
  it('opens a channel by its key alone, and by no other', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    const { channel, key } = await rig.desk.createChannel({ name: 'derby', sport: 'soccer' });
    expect(channel).toMatchObject({ name: 'derby', state: 'waiting', keys: [{ id: key.id }] });
    const { host } = rig.ingest;
    const remote = { address: '127.0.0.1' };
    expect(await host.authenticate(key.key, remote)).toBe(channel.id);
    const text = key.key.reveal();
    const flipped = text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');
    for (const wrong of [flipped, text.slice(0, -1), `${text}0`, '', 'tl_', text.toUpperCase()]) {
      expect(await host.authenticate(new Secret(wrong), remote), wrong).toBeUndefined();
    }
    const stored = await rig.catalogue.db.selectFrom('channel_keys').selectAll().execute();
    expect(JSON.stringify(stored)).not.toContain(text.slice(12));
  });

  it('has two live keys at most: the old one works until it is revoked', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    const { channel, key: old } = await rig.desk.createChannel({ name: 'derby' });
    const fresh = await rig.desk.issueKey(channel.id, ana);
    await expect(rig.desk.issueKey(channel.id, ana)).rejects.toMatchObject({ code: 'key.taken' });
    const { host } = rig.ingest;
    const remote = { address: '127.0.0.1' };
    expect(await host.authenticate(old.key, remote)).toBe(channel.id);
    await rig.desk.revokeKey(channel.id, old.id, ana);
    expect(await host.authenticate(old.key, remote)).toBeUndefined();
    expect(await host.authenticate(fresh.key, remote)).toBe(channel.id);
    await rig.desk.issueKey(channel.id, bot);
    const { keys } = await rig.desk.getChannel(channel.id);
    expect(keys.map(({ issuedBy }) => issuedBy)).toEqual([ana, bot]);
    const told = (await rig.desk.eventsSince(0, 100)).filter(({ data }) => 'what' in data);
    expect(told.map(({ subjectId, by, data }) => [subjectId, by, data['what']])).toEqual([
      [fresh.id, ana, 'key issued'],
      [old.id, ana, 'key revoked'],
      [keys[1]?.id, bot, 'key issued'],
    ]);
    const gone = await rig.catalogue.db
      .selectFrom('channel_keys')
      .selectAll()
      .where('id', '=', old.id)
      .execute();
    // The first key came with the channel, which nobody in particular made.
    expect(gone).toMatchObject([{ issued_by: null, revoked_by: ana }]);
    await rig.desk.deleteChannel(channel.id, bot);
    const moved = (await rig.desk.eventsSince(0, 100)).filter(({ data }) => 'to' in data);
    expect(moved.map(({ data, by }) => [data['to'], by])).toEqual([
      ['starting', null],
      ['waiting', null],
      ['stopping', bot],
      ['idle', null],
      ['deleted', bot],
    ]);
    expect(await host.authenticate(fresh.key, remote)).toBeUndefined();
    expect(await rig.desk.listChannels()).toEqual([]);
    expect((await rig.desk.createChannel({ name: 'derby' })).channel.id).not.toBe(channel.id);
  });

  it.each(['Pitch 1', 'Süd/Nord', '決勝', '<b>', 'x'.repeat(63)])('takes the name "%s"', async (name) => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    const { channel } = await rig.desk.createChannel({ name });
    expect((await rig.desk.getChannel(name)).id).toBe(channel.id);
  });

  it.each(['', ' ', ' a', 'a ', 'a\nb', 'a\u202eb', 'ch_1', 'x'.repeat(64)])(
    'refuses the name "%s"',
    async (name) => {
      rig = await openDeskRig(await postgres.migratedDatabase());
      await expect(rig.desk.createChannel({ name })).rejects.toMatchObject({ code: 'channel.invalid' });
      expect(await rig.desk.listChannels()).toEqual([]);
    },
  );

  it('refuses a second channel of one name, and a sport without rules', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    await rig.desk.createChannel({ name: 'a'.repeat(63) });
    await expect(rig.desk.createChannel({ name: 'a'.repeat(63) })).rejects.toMatchObject({
      code: 'channel.taken',
    });
    await expect(rig.desk.createChannel({ name: 'b', sport: 'chess' })).rejects.toMatchObject({
      code: 'rules.unknown-sport',
    });
  });

  it('goes from waiting to idle and back, and twice is once', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    const { channel } = await rig.desk.createChannel({ name: 'derby' });
    expect((await rig.desk.stopChannel(channel.id)).state).toBe('idle');
    expect((await rig.desk.stopChannel(channel.id)).state).toBe('idle');
    expect((await rig.desk.startChannel(channel.id)).state).toBe('waiting');
    expect((await rig.desk.startChannel(channel.id)).state).toBe('waiting');
    await expect(rig.desk.getChannel('nobody')).rejects.toMatchObject({ code: 'channel.not-found' });
  });
});

describe('one catalogue', () => {
  it('has one desk, and the next takes over when the first has ended', async () => {
    const databaseUrl = await postgres.migratedDatabase();
    rig = await openDeskRig(databaseUrl);
    const second = openDeskRig(databaseUrl);
    await rig.stop();
    rig = await second;
    expect(await rig.desk.listChannels()).toEqual([]);
  });

  it('answers when asked whether it is ready, and in numbers', async () => {
    rig = await openDeskRig(await postgres.migratedDatabase());
    rig.work({ analyse: seesGoal });
    await play(rig, 12);
    await rig.untilEvent((event) => event.kind === 'run.finished');
    const checks = await rig.desk.readiness();
    expect(checks.filter((check) => !check.isOk)).toEqual([]);
    const families = await rig.desk.metrics();
    const names = families.map((family) => family.name);
    expect(new Set(names).size).toBe(names.length);
    const waits = families.find((family) => family.name === 'touchline_job_wait_seconds');
    const count = waits?.samples.find((one) => one.suffix === '_count' && one.labels['queue'] === 'analyse');
    expect(count?.value).toBeGreaterThanOrEqual(12);
  });
});

/** Announces a run of `count` segments, of which `until` are announced and, when it is all of them, the end. */
async function play(
  rig: DeskRig,
  count: number,
  afterEach: (segment: SegmentRecord) => Promise<void> = async () => {},
  until = count,
  again?: { channelId: string; runId: string },
): Promise<{ channelId: string; runId: string }> {
  const { events } = rig.ingest;
  const channelId =
    again?.channelId ?? (await rig.desk.createChannel({ name: 'derby', sport: 'soccer' })).channel.id;
  const run = again ?? { channelId, runId: 'run_test' };
  await events.onRunStarted({ ...run, startWallMs: 1_700_000_000_000 });
  for (let seq = 0; seq < until; seq += 1) {
    const segment = segmentOf(run, seq);
    await rig.store.put(segment.key, segmentBytes, { contentType: 'video/mp2t', ifNoneMatch: true });
    await events.onSegment(segment);
    await afterEach(segment);
  }
  if (until === count) await events.onRunEnded({ ...run, segmentCount: count, why: 'stopped' });
  return run;
}

/** Every table that the outcome of a run stands in. */
async function ledger(rig: DeskRig): Promise<unknown> {
  const { db } = rig.catalogue;
  return await Promise.all([
    db.selectFrom('segments').selectAll().orderBy('seq').execute(),
    db.selectFrom('moments').selectAll().orderBy('ordinal').execute(),
    db.selectFrom('clips').selectAll().execute(),
    db.selectFrom('jobs').selectAll().orderBy('ordinal').execute(),
    db.selectFrom('results').selectAll().orderBy('job_id').execute(),
    db.selectFrom('events').selectAll().where('kind', '<>', 'channel.health').orderBy('id').execute(),
  ]);
}

/** Resolves when the queue is empty. */
async function drained(rig: DeskRig): Promise<void> {
  const stop = new AbortController();
  while (rig.broker.entries.size > 0) await rig.broker.change(stop.signal);
}

function goalAt(atMs: number) {
  return { atMs, label: 'goal', confidence: 1, source: 'test', durationMs: 0, evidence: {} };
}

function corrupt(): TouchlineError {
  return new TouchlineError({
    code: 'segment.corrupt',
    message: 'the segment is half as long as it should be',
    retryable: false,
    blame: 'input',
  });
}
