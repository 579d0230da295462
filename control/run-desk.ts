import type { Kysely } from 'kysely';

import type { Rules } from '../analytics/rules/rules.ts';
import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError, unreachable } from '../core/errors.ts';
import type { AnalyseResult, CutResult, ResultJob } from '../core/jobs.ts';
import type { Log } from '../core/log.ts';
import type { SegmentRecord } from '../core/segment.ts';
import type { EndedRun } from '../ingest/channel.ts';
import type { DeadJob } from '../queue/queue.ts';
import type { Tables } from '../store/schema.ts';
import { applyDecision, decide } from './director.ts';
import { failEditorsCut, isOfEditor, takeEditorsCut } from './edits/editors-cuts.ts';
import type { EventLog, NewEvent } from './event-log.ts';
import {
  analyseJobFor,
  buryJob,
  closeJob,
  endRun,
  failClip,
  insertFindings,
  insertJob,
  insertRun,
  insertLateSegment,
  insertSegment,
  markAnalysed,
  reasonOf,
  showClip,
  writeDecision,
} from './ledger.ts';
import { loadTimeline } from './load-timeline.ts';
import { addSegment, type CutStage, type Timeline } from './timeline.ts';

interface RunDeskOptions {
  db: Kysely<Tables>;
  clock: Clock;
  log: Log;
  events: EventLog;
  rulesOf: (sport: string) => Rules;
  /** New jobs are in the ledger: somebody should put them on the queue. */
  onJobs: () => void;
}

interface Held {
  timeline: Timeline;
  rules: Rules;
  wakeAtMs: number | undefined;
}

type Db = Kysely<Tables>;
/** What a message changes: written through `db`, then taken into the timeline. Undefined = known already. */
type Change = (db: Db, timeline: Timeline) => Promise<NewEvent[] | undefined>;

/** Runs whose evidence is held in memory; a laptop has one or two, a large control process some hundred channels. */
const heldMax = 1000;
const tickMs = 500;

/**
 * The director at work: takes announcements and results one after the other for each run; writes what they say, what
 * follows from it and what is to be told in one transaction; and only then lets the caller acknowledge. A change that
 * could not be written leaves nothing behind: the run is read anew from the ledger.
 */
export class RunDesk {
  readonly #options: RunDeskOptions;
  readonly #held = new Map<string, Held>();
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: RunDeskOptions) {
    this.#options = options;
  }

  /** Wakes runs that wait for a late segment, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    await this.#resume();
    while (!signal.aborted) {
      const nowMs = clock.nowMs();
      const due = [...this.#held].filter(([, { wakeAtMs }]) => wakeAtMs !== undefined && wakeAtMs <= nowMs);
      for (const [runId] of due) {
        await this.#step(runId, async () => []).catch((error: unknown) =>
          log.warn('late segments could not be passed over', { runId, error }),
        );
      }
      await clock.sleep(tickMs, signal).catch(() => undefined);
    }
    await Promise.allSettled(this.#turns.values());
  }

  async onRunStarted(run: { channelId: string; runId: string; startWallMs: number }): Promise<void> {
    const { db, events } = this.#options;
    await db.transaction().execute(async (db) => {
      const channel = await db
        .selectFrom('channels')
        .select('sport')
        .where('id', '=', run.channelId)
        .executeTakeFirst();
      const isNew = await insertRun(db, { ...run, sport: channel?.sport ?? 'generic' });
      const { channelId, runId, startWallMs } = run;
      if (isNew) await events.append(db, [{ kind: 'run.started', channelId, runId, data: { startWallMs } }]);
    });
    events.tell();
  }

  async onSegment(record: SegmentRecord): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    await this.#step(record.runId, async (db, timeline) => {
      if (!(await insertSegment(db, record, { sport: timeline.sport, nowMs }))) return undefined;
      await db.updateTable('runs').set({ finished_at_ms: null }).where('id', '=', record.runId).execute();
      addSegment(timeline, record);
      const { id, seq, channelId, runId } = record;
      return [
        { kind: 'segment.stored', channelId, runId, subjectId: id, data: { seq, bytes: record.bytes } },
      ];
    });
  }

  /** It came when the run had gone past it: written down with its reason, never looked at, never cut from. */
  async onSegmentLate(record: SegmentRecord, reason: string): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    await this.#step(record.runId, async (db, timeline) => {
      if (!(await insertLateSegment(db, record, { reason, nowMs }))) return undefined;
      addSegment(timeline, record, { deadReason: reason });
      const { id, seq, channelId, runId } = record;
      return [{ kind: 'segment.dead', channelId, runId, subjectId: id, data: { seq, reason } }];
    });
  }

  async onRunEnded(run: EndedRun): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    await this.#step(run.runId, async (db, timeline) => {
      if (!(await endRun(db, run, nowMs))) return undefined;
      timeline.end = { segmentCount: run.segmentCount, atMs: nowMs };
      const { channelId, runId, segmentCount, why, notes = [] } = run;
      return [{ kind: 'run.ended', channelId, runId, data: { segmentCount, why, notes } }];
    });
  }

  /** A worker's answer. Resolves when it is in the ledger with all that follows from it. */
  async onResult(job: Pick<ResultJob, 'runId' | 'result'>): Promise<void> {
    const { result, runId } = job;
    switch (result.of) {
      case 'analyse':
        return await this.#step(runId, (db, timeline) => this.#takeAnalysis(db, timeline, result));
      case 'cut':
        return await this.#step(runId, (db, timeline) => this.#takeCut(db, timeline, result));
      default:
        return unreachable(result);
    }
  }

  /** A job that the queue has given up: its worker died with it time and again, or it is a result we could not take in. */
  async onDead(dead: DeadJob): Promise<void> {
    const { db, log, clock } = this.#options;
    if (dead.job?.kind === 'result') {
      const { runId, result } = dead.job;
      try {
        return await this.onResult(dead.job);
      } catch (thrown) {
        log.error('a result cannot be taken in', { jobId: dead.jobId, error: thrown });
        const reason = `result: ${asTouchlineError(thrown).message}`;
        return await this.#bury(runId, { jobId: result.jobId, reason, attempts: result.attempt });
      }
    }
    // Of a result that no version here can read, the name still says which job waits for it (`worker/worker.ts`).
    const jobId = dead.jobId.replace(/^result-/, '');
    const row = await db.selectFrom('jobs').select('run_id').where('id', '=', jobId).executeTakeFirst();
    if (!row) {
      log.warn('the queue gave up a job that the ledger does not know', {
        jobId: dead.jobId,
        reason: dead.reason,
      });
      return;
    }
    log.error('the queue gave up a job', { jobId, reason: dead.reason, atMs: clock.nowMs() });
    const reason = `given-up: ${dead.reason}`;
    await this.#bury(row.run_id, { jobId, reason, attempts: dead.attempts });
  }

  /** Another chance for what is dead, by a person's wish. @throws `segment.not-found`, `segment.taken`, `segment.late` */
  async retrySegment(segmentId: string): Promise<void> {
    const { db, clock } = this.#options;
    const row = await db.selectFrom('segments').selectAll().where('id', '=', segmentId).executeTakeFirst();
    if (!row) throw callerError('segment.not-found', `there is no segment "${segmentId}"`);
    if (row.state !== 'dead') {
      throw callerError(
        'segment.taken',
        `segment "${segmentId}" is ${row.state}: only a dead one can be tried again`,
      );
    }
    if (row.record.duration90k === 0) {
      throw callerError(
        'segment.late',
        `segment "${segmentId}" has no place in its run (${row.dead_reason}): its media lies under ${row.record.key}`,
      );
    }
    const nowMs = clock.nowMs();
    await this.#exclusive(row.run_id, async () => {
      await db.transaction().execute(async (db) => {
        const retryCount = row.retry_count + 1;
        const wasSeen = row.analysed_at_ms !== null;
        await db
          .updateTable('segments')
          .set({
            state: wasSeen ? 'analysed' : 'stored',
            dead_reason: null,
            terminal_at_ms: null,
            retry_count: retryCount,
          })
          .where('id', '=', segmentId)
          .execute();
        await db.updateTable('runs').set({ finished_at_ms: null }).where('id', '=', row.run_id).execute();
        if (!wasSeen) {
          const { sport } = await db
            .selectFrom('runs')
            .select('sport')
            .where('id', '=', row.run_id)
            .executeTakeFirstOrThrow();
          const job = analyseJobFor(row.record, { pass: 'coarse', sport, retryCount, nowMs });
          await insertJob(db, job, nowMs);
          return;
        }
        // It was seen, but its clips could not be cut: forgetting what failed lets the director cut again.
        await db
          .updateTable('jobs')
          .set({ payload: null })
          .where('run_id', '=', row.run_id)
          .where('kind', '=', 'cut')
          .where('state', '=', 'dead')
          .execute();
      });
      this.#held.delete(row.run_id);
    });
    await this.#step(row.run_id, async () => []);
  }

  /** Somebody has written to the ledger of this run beside us: what is held in memory is read anew. */
  async forget(runId: string): Promise<void> {
    await this.#exclusive(runId, async () => {
      this.#held.delete(runId);
    });
  }

  async #takeAnalysis(db: Db, timeline: Timeline, result: AnalyseResult): Promise<NewEvent[] | undefined> {
    if (!(await closeJob(db, result))) return undefined;
    const nowMs = this.#options.clock.nowMs();
    await insertFindings(db, timeline.runId, result);
    const segment = timeline.segments.find(({ record }) => record.id === result.segmentId);
    if (!segment) return [];
    const { channelId, runId } = timeline;
    const about = { channelId, runId, subjectId: result.segmentId };
    const { outcome, pass } = result;
    if (outcome.kind === 'found') {
      segment.signals = [...segment.signals, ...outcome.signals];
      segment.spots = [...segment.spots, ...outcome.spots];
    }
    if (pass === 'fine') {
      // Lost, it leaves the coarse findings as they are; it is a second look, not the first.
      segment.fine = 'over';
      return [];
    }
    segment.resolvedAtMs = nowMs;
    if (outcome.kind === 'dead') {
      segment.coarse = { kind: 'dead', reason: reasonOf(outcome.fault) };
      return [];
    }
    segment.coarse = { kind: 'found' };
    await markAnalysed(db, segment.record, nowMs);
    const data = { seq: segment.record.seq, spotCount: outcome.spots.length, instanceId: result.instanceId };
    return [{ kind: 'segment.analysed', ...about, data }];
  }

  async #takeCut(db: Db, timeline: Timeline, result: CutResult): Promise<NewEvent[] | undefined> {
    if (!(await closeJob(db, result))) return undefined;
    const nowMs = this.#options.clock.nowMs();
    const { channelId, runId } = timeline;
    if (isOfEditor(result)) return await takeEditorsCut(db, { channelId, runId, result }, nowMs);
    const known = timeline.moments.find((one) => one.cut?.jobId === result.jobId);
    const cut = known?.cut;
    if (known) known.cut = undefined;
    if (result.outcome.kind === 'cut') {
      if (known && cut) known.made = { stage: cut.stage, of: cut.of };
      return await showClip(db, { channelId, runId, result }, nowMs);
    }
    const reason = reasonOf(result.outcome.fault);
    if (known && cut) known.failure = { stage: cut.stage, of: cut.of, reason };
    const stage = cut?.stage ?? result.revision;
    return await failClip(db, { channelId, runId, clipId: result.clipId, stage, reason });
  }

  /** Takes a job's death in as if a worker had reported it. */
  async #bury(runId: string, dead: { jobId: string; reason: string; attempts: number }): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    await this.#step(runId, async (db, timeline) => {
      if (!(await buryJob(db, dead, nowMs))) return undefined;
      const job = await db
        .selectFrom('jobs')
        .selectAll()
        .where('id', '=', dead.jobId)
        .executeTakeFirstOrThrow();
      if (job.kind === 'analyse') {
        const segment = timeline.segments.find(({ record }) => record.id === job.subject_id);
        if (!segment) return [];
        if (job.variant === 'fine') segment.fine = 'over';
        else Object.assign(segment, { coarse: { kind: 'dead', reason: dead.reason }, resolvedAtMs: nowMs });
        return [];
      }
      const { channelId } = timeline;
      const about = { channelId, runId, clipId: job.subject_id };
      if (isOfEditor({ jobId: job.id, clipId: job.subject_id })) {
        return await failEditorsCut(db, { ...about, jobId: job.id, reason: dead.reason });
      }
      const known = timeline.moments.find((one) => one.cut?.jobId === dead.jobId);
      const stage = job.variant as CutStage;
      if (known?.cut) known.failure = { stage, of: known.cut.of, reason: dead.reason };
      if (known) known.cut = undefined;
      return await failClip(db, { ...about, stage, reason: dead.reason });
    });
  }

  async #step(runId: string, change: Change): Promise<void> {
    const { db, clock, events, log } = this.#options;
    await this.#exclusive(runId, async () => {
      const held = await this.#hold(runId);
      if (!held) {
        log.warn('news of a run that the ledger does not know', { runId });
        return;
      }
      const { timeline, rules } = held;
      let hasJobs = false;
      try {
        await db.transaction().execute(async (db) => {
          const changed = await change(db, timeline);
          if (changed === undefined) return;
          const nowMs = clock.nowMs();
          const decision = decide(timeline, rules, nowMs);
          const followed = await writeDecision(db, timeline, decision, nowMs);
          await events.append(db, [...changed, ...followed]);
          applyDecision(timeline, decision, rules);
          held.wakeAtMs = decision.wakeAtMs;
          hasJobs = true;
          if (decision.isFinished) this.#held.delete(runId);
        });
      } catch (thrown) {
        // What is in memory may say more than the ledger does now.
        this.#held.delete(runId);
        throw thrown;
      }
      if (!hasJobs) return;
      this.#options.onJobs();
      events.tell();
    });
  }

  async #hold(runId: string): Promise<Held | undefined> {
    const known = this.#held.get(runId);
    if (known) return known;
    const { db, rulesOf } = this.#options;
    const timeline = await loadTimeline(db, runId, rulesOf);
    if (!timeline) return undefined;
    const held: Held = { timeline, rules: rulesOf(timeline.sport), wakeAtMs: undefined };
    const oldest = this.#held.keys().next().value;
    if (this.#held.size >= heldMax && oldest !== undefined) this.#held.delete(oldest);
    this.#held.set(runId, held);
    return held;
  }

  /** One after the other within a run; runs do not wait for each other. */
  async #exclusive(runId: string, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(runId) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(work);
    this.#turns.set(runId, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(runId) === turn) this.#turns.delete(runId);
    }
  }

  /** After a restart: every run that is not finished is looked at once, so that nothing waits for the next message. */
  async #resume(): Promise<void> {
    const rows = await this.#options.db
      .selectFrom('runs')
      .select('id')
      .where('finished_at_ms', 'is', null)
      .limit(heldMax)
      .execute();
    for (const { id } of rows) await this.#step(id, async () => []);
  }
}

function callerError(code: string, message: string): TouchlineError {
  return new TouchlineError({ code, message, retryable: false, blame: 'caller' });
}
