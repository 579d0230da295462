import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../core/errors.ts';
import type { AnalyseJob, AnalyseResult, CutJob, CutResult, ResultJob } from '../core/jobs.ts';
import type { Log } from '../core/log.ts';
import type { ClipSidecar } from '../core/clip.ts';
import type { SegmentRecord } from '../core/segment.ts';
import { untilAborted } from '../core/until-aborted.ts';
import type { Findings } from '../analytics/detectors/detector.ts';
import type { CutHost } from '../clipper/cut-clip.ts';
import type { Lease, Outcome, Queue } from '../queue/queue.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Heartbeat } from './heartbeat.ts';
import { createCutHost, readSegment } from './media-desk.ts';

export interface WorkerOptions {
  queue: Queue;
  store: ObjectStore;
  analyse: Analyse;
  cut: Cut;
  clock: Clock;
  log: Log;
  /** The machine: EC2 instance id or host name. */
  instanceId: string;
  workerId: string;
  /** Is told what is in hand. */
  heartbeat: Pick<Heartbeat, 'begin' | 'end'>;
  /** Jobs of each kind at once. One analysis keeps a core busy; a cut is wanted at once and shares it. */
  slots?: Slots;
  /** Where the temporary folders of jobs are made. */
  workFolder: string;
  /** How long jobs in hand may go on after the end was asked for. */
  drainMsMax?: number;
}

export type Slots = Record<'analyse' | 'cut', number>;

export const slotsDefault: Slots = { analyse: 1, cut: 1 };

/** @throws TouchlineError; one that is not retryable ends the segment as dead */
export type Analyse = (
  task: Pick<AnalyseJob, 'segment' | 'pass' | 'sport'> & {
    bytes: Uint8Array;
    neighbours: { segment: SegmentRecord; read: () => Promise<Uint8Array> }[];
  },
  signal: AbortSignal,
) => Promise<Findings>;

/** As `cutClip`. */
export type Cut = (
  job: CutJob,
  host: CutHost,
  tools: { log: Log; clock: Clock; signal: AbortSignal },
) => Promise<ClipSidecar>;

/** 25 s is what a supervisor grants (30 s in Kubernetes and here); 5 s of it are for giving back what is not done. */
const drainMsMaxDefault = 20_000;
/** A segment of 6 s takes about a second, a clip of a minute with every rendition some; ten times that is not work any more. */
const jobMsMax: Record<(AnalyseJob | CutJob)['kind'], number> = { analyse: 120_000, cut: 600_000 };
/** What failed may go through later: a store that restarts, a machine short of memory. */
const retryDelaysMs = [1_000, 5_000, 15_000] as const;

/**
 * Runs jobs until `signal` aborts; then takes no more, finishes or gives back what is in hand, and returns. What a job
 * makes is in the store before its result is on the queue, and its result is there before the job is acknowledged. A job
 * whose lease is lost is called off and writes nothing more.
 */
export async function runWorker(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const { queue, clock, log } = options;
  const slots = options.slots ?? slotsDefault;
  const called = new AbortController();
  const done = new AbortController();
  const failed = new AbortController();
  const untilEnd = AbortSignal.any([signal, failed.signal]);
  const limit = untilAborted(untilEnd)
    .then(async () => await clock.sleep(options.drainMsMax ?? drainMsMaxDefault, done.signal))
    .then(
      () => called.abort(new Error('draining')),
      () => undefined,
    );
  log.info('worker started', { slots });
  try {
    const consumers = [
      queue.consume('analyse', {
        slots: slots.analyse,
        signal: untilEnd,
        handle: async (lease) => await handle(lease, options, called.signal, analyse),
      }),
      queue.consume('cut', {
        slots: slots.cut,
        signal: untilEnd,
        handle: async (lease) => await handle(lease, options, called.signal, cut),
      }),
    ];
    // When one cannot go on, the other ends too, and both have ended before the queue is closed under them.
    for (const consumer of consumers) consumer.catch(() => failed.abort());
    await Promise.allSettled(consumers);
    await Promise.all(consumers);
  } finally {
    done.abort();
    if (untilEnd.aborted) await limit;
  }
  log.info('worker stopped');
}

type Work<J> = (job: J, options: WorkerOptions, signal: AbortSignal) => Promise<PartialResult>;
type PartialResult =
  | Pick<AnalyseResult, 'of' | 'pass' | 'segmentId' | 'outcome'>
  | Pick<CutResult, 'of' | 'clipId' | 'revision' | 'outcome'>;

async function handle<J extends AnalyseJob | CutJob>(
  lease: Lease<J>,
  options: WorkerOptions,
  calledOff: AbortSignal,
  work: Work<J>,
): Promise<Outcome> {
  const { clock, log, queue, heartbeat } = options;
  const { job, attempt } = lease;
  const startedAtMs = clock.nowMs();
  const served: Served = { requestId: nextRequestId(options.workerId), startedAtMs };
  let isDone = false;
  heartbeat.begin(served.requestId, job.id);
  const expired = AbortSignal.timeout(jobMsMax[job.kind]);
  const signal = AbortSignal.any([lease.signal, calledOff, expired]);
  try {
    const result = await work(job, options, signal);
    signal.throwIfAborted();
    await queue.put([resultOf(lease, result, options, served)]);
    isDone = true;
    const { id: jobId } = job;
    log.info('job done', {
      jobId,
      requestId: served.requestId,
      attempt,
      durationMs: clock.nowMs() - startedAtMs,
      outcome: result.outcome.kind,
    });
    return { kind: 'done' };
  } catch (thrown) {
    const error = expired.aborted ? tooLong(job) : asTouchlineError(thrown);
    if (signal.aborted && !expired.aborted) {
      const why = lease.signal.aborted ? 'lease lost' : 'draining';
      log.info('job given back', { jobId: job.id, requestId: served.requestId, attempt, why });
      return { kind: 'release' };
    }
    if (!error.retryable) {
      log.warn('job is dead', { jobId: job.id, requestId: served.requestId, attempt, error });
      await queue.put([resultOf(lease, deadResult(job, error), options, served)]);
      isDone = true;
      return { kind: 'done' };
    }
    const delayMs = retryDelaysMs[attempt - 1] ?? retryDelaysMs.at(-1) ?? 0;
    log.warn('job failed', { jobId: job.id, requestId: served.requestId, attempt, delayMs, error });
    return { kind: 'retry', delayMs, reason: `${error.code}: ${error.message}` };
  } finally {
    heartbeat.end(served.requestId, isDone);
  }
}

/** One delivery of a job, as the ledger and the log of this worker both name it. */
interface Served {
  requestId: string;
  startedAtMs: number;
}

let requestCount = 0;

function nextRequestId(workerId: string): string {
  requestCount += 1;
  return `${workerId}.${requestCount}`;
}

function tooLong({ id, kind }: AnalyseJob | CutJob): TouchlineError {
  return new TouchlineError({
    code: 'worker.wall-limit',
    message: `job ${id} was called off after ${jobMsMax[kind] / 1000} s: the limit for ${kind === 'cut' ? 'a cut' : 'an analysis'}`,
    retryable: true,
    blame: 'environment',
  });
}

async function analyse(job: AnalyseJob, options: WorkerOptions, signal: AbortSignal): Promise<PartialResult> {
  const { segment, pass, sport } = job;
  const bytes = await readSegment(options.store, segment);
  signal.throwIfAborted();
  const neighbours = (job.neighbours ?? []).map((one) => ({
    segment: one,
    read: async () => await readSegment(options.store, one),
  }));
  const { signals, spots } = await options.analyse({ segment, pass, sport, bytes, neighbours }, signal);
  return { of: 'analyse', pass, segmentId: segment.id, outcome: { kind: 'found', signals, spots } };
}

async function cut(job: CutJob, options: WorkerOptions, signal: AbortSignal): Promise<PartialResult> {
  const { store, clock, workFolder } = options;
  const log = options.log.child({ clipId: job.clipId, revision: job.revision });
  const host = createCutHost({ store, workFolder, signal });
  try {
    const sidecar = await options.cut(job, host, { log, clock, signal });
    return { of: 'cut', clipId: job.clipId, revision: job.revision, outcome: { kind: 'cut', sidecar } };
  } finally {
    await host.cleanUp();
  }
}

function deadResult(job: AnalyseJob | CutJob, { code, message }: TouchlineError): PartialResult {
  const outcome = { kind: 'dead', fault: { code, message } } as const;
  return job.kind === 'analyse'
    ? { of: 'analyse', pass: job.pass, segmentId: job.segment.id, outcome }
    : { of: 'cut', clipId: job.clipId, revision: job.revision, outcome };
}

function resultOf(
  lease: Lease<AnalyseJob | CutJob>,
  result: PartialResult,
  options: WorkerOptions,
  served: Served,
): ResultJob {
  const { job, attempt } = lease;
  const { instanceId, workerId, clock } = options;
  const nowMs = clock.nowMs();
  const who = { jobId: job.id, attempt, instanceId, workerId, ...served, finishedAtMs: nowMs };
  return {
    kind: 'result',
    id: `result-${job.id}`,
    channelId: job.channelId,
    runId: job.runId,
    deadlineAtMs: job.deadlineAtMs,
    queuedAtMs: nowMs,
    result: { ...who, ...result },
  };
}
