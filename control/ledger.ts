import type { Kysely } from 'kysely';

import { clipIdOf, segmentId } from '../core/ids.ts';
import type { AnalyseJob, AnalyseResult, CutJob, CutResult } from '../core/jobs.ts';
import { msFromTicks, ticksFromMs } from '../core/media-time.ts';
import { endOf90k, type SegmentRecord } from '../core/segment.ts';
import { sidecarKey } from '../core/clip.ts';
import type { EndedRun } from '../ingest/channel.ts';
import type { Tables } from '../store/schema.ts';
import { cutJobId, type Decision } from './director.ts';
import type { NewEvent } from './event-log.ts';
import { priorityLeadMs } from './fixture-priority.ts';
import { neighboursOf, segmentsFor, wallMsOf, type CutStage, type Timeline } from './timeline.ts';

/**
 * Every change of a run, written into the ledger. Each function belongs into a transaction of its caller, does nothing
 * the second time it is told the same (and says so by returning false), and returns the events that tell of it.
 */

/** Live work comes before everything: a clip is wanted within seconds of the whistle. */
const coarseDeadlineMs = 10_000;
const fineDeadlineMs = 20_000;
const fastDeadlineMs = 3_000;
const exactDeadlineMs = 8_000;
/** Behind the first two cuts of every other moment. */
const wholeDeadlineMs = 30_000;

type Db = Kysely<Tables>;

export async function insertRun(
  db: Db,
  run: { channelId: string; runId: string; startWallMs: number; sport: string },
): Promise<boolean> {
  const done = await db
    .insertInto('runs')
    .values({
      id: run.runId,
      channel_id: run.channelId,
      sport: run.sport,
      start_wall_ms: run.startWallMs,
      ended_at_ms: null,
      why: null,
      segment_count: null,
      finished_at_ms: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (done.numInsertedOrUpdatedRows === 0n) return false;
  await db.updateTable('channels').set({ run_id: run.runId }).where('id', '=', run.channelId).execute();
  return true;
}

export async function endRun(db: Db, run: EndedRun, nowMs: number): Promise<boolean> {
  const { runId, segmentCount, why, notes = [] } = run;
  const done = await db
    .updateTable('runs')
    .set({ ended_at_ms: nowMs, why, segment_count: segmentCount, notes: JSON.stringify(notes) })
    .where('id', '=', runId)
    // An end that is told again says nothing new, unless segments came to light behind it.
    .where((run) => run.or([run('ended_at_ms', 'is', null), run('segment_count', '<', segmentCount)]))
    .executeTakeFirst();
  return done.numUpdatedRows > 0n;
}

/** The segment and the job that looks at it, together. */
export async function insertSegment(
  db: Db,
  record: SegmentRecord,
  about: { sport: string; nowMs: number },
): Promise<boolean> {
  const { nowMs } = about;
  const done = await db
    .insertInto('segments')
    .values({
      id: record.id,
      run_id: record.runId,
      channel_id: record.channelId,
      seq: record.seq,
      state: 'stored',
      dead_reason: null,
      record: JSON.stringify(record),
      stored_at_ms: nowMs,
      queued_at_ms: null,
      analysed_at_ms: null,
      terminal_at_ms: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (done.numInsertedOrUpdatedRows === 0n) return false;
  const before = await db
    .selectFrom('segments')
    .select('record')
    .where('run_id', '=', record.runId)
    .where('seq', '=', record.seq - 1)
    .executeTakeFirst();
  const neighbours = before ? [before.record] : [];
  const { waiting } = await db
    .selectFrom('jobs')
    .select(({ fn }) => fn.countAll<number>().as('waiting'))
    .where('run_id', '=', record.runId)
    .where('state', '=', 'sent')
    .executeTakeFirstOrThrow();
  const leadMs = await priorityLeadMs(db, record.channelId, nowMs);
  const job = analyseJobFor(record, { ...about, pass: 'coarse', retryCount: 0, neighbours, waiting, leadMs });
  await insertJob(db, job, nowMs);
  return true;
}

/** One that is dead on arrival: no job looks at it. */
export async function insertLateSegment(
  db: Db,
  record: SegmentRecord,
  about: { reason: string; nowMs: number },
): Promise<boolean> {
  const done = await db
    .insertInto('segments')
    .values({
      id: record.id,
      run_id: record.runId,
      channel_id: record.channelId,
      seq: record.seq,
      state: 'dead',
      dead_reason: about.reason,
      record: JSON.stringify(record),
      stored_at_ms: about.nowMs,
      queued_at_ms: null,
      analysed_at_ms: null,
      terminal_at_ms: about.nowMs,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return done.numInsertedOrUpdatedRows !== 0n;
}

export function analyseJobFor(
  segment: SegmentRecord,
  about: {
    pass: AnalyseJob['pass'];
    sport: string;
    retryCount: number;
    nowMs: number;
    neighbours?: readonly SegmentRecord[];
    /** Jobs of the same run that are not done yet. */
    waiting?: number;
    /** So much earlier, by what is played. */
    leadMs?: number;
  },
): AnalyseJob {
  const again = about.retryCount > 0 ? `-r${about.retryCount}` : '';
  return {
    kind: 'analyse',
    id: `look-${segment.id}-${about.pass}${again}`,
    channelId: segment.channelId,
    runId: segment.runId,
    deadlineAtMs:
      dueFromMs(segment, about.nowMs) +
      (about.pass === 'coarse' ? coarseDeadlineMs : fineDeadlineMs) +
      (about.waiting ?? 0) * turnMs -
      (about.leadMs ?? 0),
    queuedAtMs: about.nowMs,
    pass: about.pass,
    segment,
    ...(about.neighbours ? { neighbours: [...about.neighbours] } : {}),
    sport: about.sport,
  };
}

/**
 * A file that comes in faster than it was played is due as if it were live: else its thousand segments would all be due before
 * the next one of every live channel, which comes later. Where nothing else waits it is looked at just as soon.
 */
function dueFromMs({ startWallMs, duration90k }: SegmentRecord, nowMs: number): number {
  const endWallMs = startWallMs + msFromTicks(duration90k);
  return Math.max(nowMs, Math.min(endWallMs, nowMs + aheadMsMax));
}

/**
 * Channels take turns: what comes in a burst, as after a reconnect, is due one tick of the queue later for each job of its run that
 * still waits, so that others come in between.
 */
const turnMs = 500;

/** A clock that is wrong by more must not keep a channel waiting for ever; a file is no longer. */
const aheadMsMax = 12 * 3_600_000;

/** `variant` of a cut that is none of the director's: `edit-exact`, `edit-whole`, `context`. */
export async function insertJob(
  db: Db,
  job: AnalyseJob | CutJob,
  nowMs: number,
  variant?: 'edit-exact' | 'edit-whole' | 'context',
): Promise<void> {
  await db
    .insertInto('jobs')
    .values({
      id: job.id,
      kind: job.kind,
      variant: variant ?? (job.kind === 'analyse' ? job.pass : stageOf(job)),
      channel_id: job.channelId,
      run_id: job.runId,
      subject_id: job.kind === 'analyse' ? job.segment.id : job.clipId,
      state: 'sent',
      dead_reason: null,
      payload: JSON.stringify(job),
      deadline_at_ms: job.deadlineAtMs,
      created_at_ms: nowMs,
      queued_at_ms: null,
      started_at_ms: null,
      finished_at_ms: null,
      attempt: null,
      instance_id: null,
      worker_id: null,
      request_id: null,
      work_ms: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Closes a job with who served it. False when it is closed already or none of ours: the result is to be ignored. */
export async function closeJob(db: Db, result: AnalyseResult | CutResult): Promise<boolean> {
  const deadReason = result.outcome.kind === 'dead' ? reasonOf(result.outcome.fault) : null;
  const done = await db
    .updateTable('jobs')
    .set({
      state: deadReason === null ? 'done' : 'dead',
      dead_reason: deadReason,
      // The payload of a dead cut stays: it says what could not be cut.
      ...(deadReason === null ? { payload: null } : {}),
      started_at_ms: result.startedAtMs,
      finished_at_ms: result.finishedAtMs,
      attempt: result.attempt,
      instance_id: result.instanceId,
      worker_id: result.workerId,
      request_id: result.requestId ?? null,
      work_ms: Math.max(0, result.finishedAtMs - result.startedAtMs),
    })
    .where('id', '=', result.jobId)
    .where('state', '=', 'sent')
    .executeTakeFirst();
  return done.numUpdatedRows > 0n;
}

/** Closes a job that the queue gave up. */
export async function buryJob(
  db: Db,
  dead: { jobId: string; reason: string; attempts: number },
  nowMs: number,
): Promise<boolean> {
  const done = await db
    .updateTable('jobs')
    .set({ state: 'dead', dead_reason: dead.reason, attempt: dead.attempts, finished_at_ms: nowMs })
    .where('id', '=', dead.jobId)
    .where('state', '=', 'sent')
    .executeTakeFirst();
  return done.numUpdatedRows > 0n;
}

export function reasonOf(fault: { code: string; message: string }): string {
  return `${fault.code.split('.').at(-1)}: ${fault.message}`;
}

export async function insertFindings(db: Db, runId: string, result: AnalyseResult): Promise<void> {
  if (result.outcome.kind !== 'found') return;
  await db
    .insertInto('results')
    .values({
      job_id: result.jobId,
      run_id: runId,
      segment_id: result.segmentId,
      pass: result.pass,
      signals: JSON.stringify(result.outcome.signals),
      spots: JSON.stringify(result.outcome.spots),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function markAnalysed(db: Db, segment: { id: string }, nowMs: number): Promise<void> {
  await db
    .updateTable('segments')
    .set({ state: 'analysed', analysed_at_ms: nowMs })
    .where('id', '=', segment.id)
    .where('state', 'in', ['stored', 'queued'])
    .execute();
}

/** A finished cut becomes what the clip shows. */
export async function showClip(
  db: Db,
  cut: { channelId: string; runId: string; result: CutResult },
  nowMs: number,
): Promise<NewEvent[]> {
  const { result, channelId, runId } = cut;
  if (result.outcome.kind !== 'cut') return [];
  const { sidecar } = result.outcome;
  // A person has taken the clip over: what the director wanted counts no more, unless it is all there is.
  const moment = await db
    .selectFrom('moments')
    .leftJoin('clips', 'clips.id', 'moments.clip_id')
    .select(['moments.edit_version', 'clips.id'])
    .where('moments.clip_id', '=', result.clipId)
    .executeTakeFirst();
  if (moment && moment.edit_version > 0 && moment.id !== null) return [];
  const shown = {
    revision: sidecar.revision,
    made: sidecar.made,
    proven: sidecar.proven,
    sidecar: JSON.stringify(sidecar),
    job_id: result.jobId,
    visible_at_ms: nowMs,
  };
  await db
    .insertInto('clips')
    .values({
      id: result.clipId,
      moment_id: sidecar.moment.id,
      channel_id: channelId,
      run_id: runId,
      first_visible_at_ms: nowMs,
      exact_visible_at_ms: null,
      ...shown,
    })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(shown).where('clips.edit_version', '=', 0))
    .execute();
  if (sidecar.revision === 'exact') {
    await db
      .updateTable('clips')
      .set({ exact_visible_at_ms: nowMs })
      .where('id', '=', result.clipId)
      .where('exact_visible_at_ms', 'is', null)
      .execute();
  }
  await db
    .updateTable('moments')
    .set({ state: sidecar.revision, state_reason: null })
    .where('clip_id', '=', result.clipId)
    .where('state', '<>', 'withdrawn')
    .execute();
  const data = {
    momentId: sidecar.moment.id,
    revision: sidecar.revision,
    made: sidecar.made,
    proven: sidecar.proven,
    presets: sidecar.renditions.map(({ preset }) => preset),
    sidecarKey: sidecarKey({ channelId, runId, clipId: result.clipId }),
  };
  return [{ kind: 'clip.visible', channelId, runId, subjectId: result.clipId, data }];
}

export async function failClip(
  db: Db,
  cut: { channelId: string; runId: string; clipId: string; stage: CutStage; reason: string },
): Promise<NewEvent[]> {
  const { channelId, runId, clipId, reason, stage } = cut;
  // A moment whose fast revision is there keeps it, with the reason why there is nothing better.
  const failing = db.updateTable('moments').where('clip_id', '=', clipId).where('state', '<>', 'withdrawn');
  await failing.set({ state_reason: reason }).execute();
  if (stage !== 'fast') await failing.set({ state: 'failed' }).where('state', '=', 'found').execute();
  return [{ kind: 'clip.failed', channelId, runId, subjectId: clipId, data: { stage, reason } }];
}

/** Carries out what the director decided, as far as that is writing. */
export async function writeDecision(
  db: Db,
  timeline: Timeline,
  decision: Decision,
  nowMs: number,
): Promise<NewEvent[]> {
  const { channelId, runId } = timeline;
  const about = { channelId, runId };
  const events: NewEvent[] = [];
  for (const { seq, waitedMs } of decision.late) {
    events.push({
      kind: 'segment.late',
      ...about,
      subjectId: segmentId(runId, seq),
      data: { seq, waitedMs },
    });
  }
  for (const { moment, revision, isNew } of decision.moments) {
    const clipId = clipIdOf(moment.id);
    const { id, label, peakMs, inMs, outMs, score } = moment;
    const shown = {
      label,
      peak_ms: peakMs,
      in_ms: inMs,
      out_ms: outMs,
      score,
      reasons: JSON.stringify(moment.reasons),
      revision,
      peak_wall_ms: wallMsOf(timeline, peakMs),
    };
    await db
      .insertInto('moments')
      .values({
        id,
        channel_id: channelId,
        run_id: runId,
        clip_id: clipId,
        ...shown,
        state: 'found',
        state_reason: null,
        decision: 'undecided',
        decided_at_ms: null,
        found_at_ms: nowMs,
      })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(shown))
      .execute();
    // One that comes back after it was withdrawn starts again.
    await db
      .updateTable('moments')
      .set({ state: 'found', state_reason: null })
      .where('id', '=', id)
      .where('state', '=', 'withdrawn')
      .execute();
    const kind = isNew ? 'moment.found' : 'moment.revised';
    events.push({
      kind,
      ...about,
      subjectId: id,
      data: { label, peakMs, inMs, outMs, score, revision, clipId },
    });
  }
  for (const id of decision.withdrawn) {
    const reason = 'later evidence made it part of another moment';
    const done = await db
      .updateTable('moments')
      .set({ state: 'withdrawn', state_reason: reason })
      .where('id', '=', id)
      // Edited in this very moment: it stays.
      .where('edit_version', '=', 0)
      .executeTakeFirst();
    if (done.numUpdatedRows === 0n) continue;
    events.push({ kind: 'moment.withdrawn', ...about, subjectId: id, data: { reason } });
  }
  const hasJobs = decision.fine.length + decision.cuts.length > 0;
  const leadMs = hasJobs ? await priorityLeadMs(db, channelId, nowMs) : 0;
  for (const { record } of decision.fine) {
    const again = await db
      .updateTable('segments')
      .set({ is_fine_sent: true })
      .where('id', '=', record.id)
      .returning('retry_count')
      .executeTakeFirst();
    const retryCount = again?.retry_count ?? 0;
    const neighbours = neighboursOf(timeline, record);
    const { sport } = timeline;
    const job = analyseJobFor(record, { pass: 'fine', sport, retryCount, nowMs, neighbours, leadMs });
    await insertJob(db, job, nowMs);
  }
  for (const cut of decision.cuts) await insertJob(db, cutJobFor(timeline, cut, { nowMs, leadMs }), nowMs);
  for (const { segment, state, reason } of decision.closed) {
    const { id, seq } = segment.record;
    await db
      .updateTable('segments')
      .set({ state, dead_reason: reason ?? null, terminal_at_ms: nowMs })
      .where('id', '=', id)
      .where('terminal_at_ms', 'is', null)
      .execute();
    if (state === 'dead')
      events.push({ kind: 'segment.dead', ...about, subjectId: id, data: { seq, reason } });
  }
  if (decision.isFinished) {
    await db.updateTable('runs').set({ finished_at_ms: nowMs }).where('id', '=', runId).execute();
    events.push({ kind: 'run.finished', ...about, data: {} });
  }
  return events;
}

function cutJobFor(
  timeline: Timeline,
  cut: Decision['cuts'][number],
  { nowMs, leadMs }: { nowMs: number; leadMs: number },
): CutJob {
  const { moment, stage } = cut;
  return {
    kind: 'cut',
    id: cutJobId(cut),
    channelId: timeline.channelId,
    runId: timeline.runId,
    deadlineAtMs: nowMs + deadlineMs[stage] - leadMs,
    queuedAtMs: nowMs,
    clipId: clipIdOf(moment.id),
    revision: stage === 'fast' ? 'fast' : 'exact',
    in90k: ticksFromMs(moment.inMs),
    out90k: Math.min(ticksFromMs(moment.outMs), endOfMedia90k(timeline, moment.outMs)),
    moment,
    segments: segmentsFor(timeline, moment),
    presets: stage === 'whole' ? wholePresets : firstPresets,
  };
}

/** Which of a clip's cuts a job is: read from what it asks for, so that jobs need no further field. */
export function stageOf(job: Pick<CutJob, 'revision' | 'presets'>): CutStage {
  if (job.revision === 'fast') return 'fast';
  return job.presets.length > firstPresets.length ? 'whole' : 'exact';
}

/** What an editor needs in order to decide; the rest takes longer than all of these together. */
const firstPresets: CutJob['presets'] = ['wide', 'thumbnail'];
const wholePresets: CutJob['presets'] = ['wide', 'vertical', 'proxy', 'thumbnail', 'waveform'];
const deadlineMs: Record<CutStage, number> = {
  fast: fastDeadlineMs,
  exact: exactDeadlineMs,
  whole: wholeDeadlineMs,
};

/** A moment's end is a whole ms and may lie a fraction of one behind the last picture. */
function endOfMedia90k(timeline: Timeline, outMs: number): number {
  const last = timeline.segments.at(-1);
  return last && msFromTicks(endOf90k(last.record)) <= outMs ? endOf90k(last.record) : Infinity;
}
