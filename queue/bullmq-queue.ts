import {
  UnrecoverableError,
  WaitingError,
  type BackendClasses,
  type IQueueBackend,
  type Job as BullJob,
  type JobJson,
} from 'bullmq';

import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../core/errors.ts';
import { job as jobSchema, type Job, type JobKind } from '../core/jobs.ts';
import type { Log } from '../core/log.ts';
import { untilAborted } from '../core/until-aborted.ts';
import { assertClocksAgree } from './clock-skew.ts';
import { LeaseBook } from './lease-book.ts';
import {
  attemptsMax,
  thrownRetryDelayMs,
  type ConsumeOptions,
  type DeadJob,
  type Lease,
  type Outcome,
  type Queue,
  type QueueCapabilities,
} from './queue.ts';
import { TroubleLog } from './trouble-log.ts';

/** What BullMQ runs on. */
export interface BullmqEngine<B extends IQueueBackend, C> {
  name: QueueCapabilities['engine'];
  classes: BackendClasses<B, C>;
  connection: C;
  /** For those who take jobs; they may wait in it for long. */
  workerConnection: C;
  /** Stands before each job's id in the engine. */
  idPrefix: string;
  serverTimeMs(): Promise<number>;
  /** True: a machine whose clock is wrong would take jobs from healthy workers, or never give them back. */
  locksUseOurClock: boolean;
  close(): Promise<void>;
}

/**
 * The queue on BullMQ 6: one BullMQ queue a kind of job, so that no kind waits behind another. What differs from its
 * defaults, and why:
 *
 * - A killed worker's job is handed out again within lock + 2 stall checks: 16 s here, 60-90 s by default.
 * - It may stall as often as any job may be tried; by default the second crash would end it.
 * - The deadline is the priority, so a recovered or retried job keeps its place (on PostgreSQL a recovered job else goes
 *   to the very end: 7.65 s against 4.43 s behind 470 others).
 * - A finished job is removed at once: the ledger remembers it, its id is free again, and the table stays small (BullMQ
 *   scans it to count). Dead jobs go when they have been handled, at the latest after two weeks.
 */
export class BullmqQueue<B extends IQueueBackend, C> implements Queue {
  readonly capabilities: QueueCapabilities;
  readonly #engine: BullmqEngine<B, C>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #trouble: TroubleLog;
  readonly #leaseMs: number;
  #isClosed = false;
  readonly #workers = new Set<{ close(force?: boolean): Promise<void> }>();
  readonly #queues: Record<JobKind, InstanceType<BackendClasses<B, C>['Queue']>>;

  /** @throws TouchlineError `queue.unavailable`, `queue.clock-skew` */
  static async open<B extends IQueueBackend, C>(options: {
    engine: BullmqEngine<B, C>;
    clock: Clock;
    log: Log;
    leaseMs: number;
  }): Promise<Queue> {
    const queue = new BullmqQueue(options);
    try {
      await queue.#assertClocksAgree();
      await Promise.all(kinds.map(async (kind) => await queue.#queues[kind].waitUntilReady()));
    } catch (error) {
      await queue.close();
      throw unavailable(error);
    }
    return queue;
  }

  private constructor(options: { engine: BullmqEngine<B, C>; clock: Clock; log: Log; leaseMs: number }) {
    const { engine, leaseMs } = options;
    this.#engine = engine;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#trouble = new TroubleLog(options);
    this.#leaseMs = leaseMs;
    const open = (kind: JobKind): InstanceType<BackendClasses<B, C>['Queue']> => {
      const queue = new engine.classes.Queue(queueName(kind), { connection: engine.connection });
      queue.on('error', (error) => this.#reportUnlessClosed(error));
      return queue;
    };
    this.#queues = {
      analyse: open('analyse'),
      cut: open('cut'),
      result: open('result'),
      beat: open('beat'),
    };
    this.capabilities = {
      engine: engine.name,
      ordersByDeadline: true,
      dedupesWaiting: true,
      countsReleases: false,
      // The lock runs out, then the next stall check sweeps; several workers' checks can make one wait for two
      // intervals. The rest is for taking it up on a busy machine.
      recoveryMsMax: leaseMs + 2 * stallCheckMs(leaseMs) + 2_000,
      delayMsMax: 14 * dayMs,
    };
  }

  async put(jobs: readonly Job[]): Promise<void> {
    this.#assertOpen();
    for (const kind of kinds) {
      const entries = jobs
        .filter((job) => job.kind === kind)
        .map((job) => toEntry(job, this.#engine.idPrefix));
      for (let start = 0; start < entries.length; start += putCountMax) {
        const slice = entries.slice(start, start + putCountMax);
        await this.#queues[kind].backend.addJobs(slice).catch((error: unknown) => {
          throw unavailable(error);
        });
      }
    }
  }

  async consume<K extends JobKind>(kind: K, options: ConsumeOptions<K>): Promise<void> {
    if (options.signal.aborted) return;
    const leases = new LeaseBook({ clock: this.#clock, leaseMs: this.#leaseMs });
    const worker = await this.#readyWorker(kind, { leases, options });
    if (!worker) {
      leases.close();
      return;
    }
    worker.run().catch((error: unknown) => this.#reportUnlessClosed(error));
    const stop = new AbortController();
    try {
      // Ends when the caller has had enough, and rejects when this machine's clock goes wrong.
      await this.#watchClock(AbortSignal.any([options.signal, stop.signal]));
    } finally {
      stop.abort();
      // A server that is gone cannot be told goodbye; its locks run out by themselves.
      await worker.close().catch((error: unknown) => this.#reportUnlessClosed(error));
      this.#workers.delete(worker);
      leases.close();
    }
  }

  /**
   * A BullMQ worker that finds its server away when it is made remembers that answer for ever: it would ask for jobs again
   * at once, in a loop in which no timer fires and no signal is heard. So it runs only once it is ready, and until then
   * another is made. Undefined when `signal` aborted first.
   */
  async #readyWorker<K extends JobKind>(
    kind: K,
    run: { leases: LeaseBook; options: ConsumeOptions<K> },
  ): Promise<InstanceType<BackendClasses<B, C>['Worker']> | undefined> {
    const { signal } = run.options;
    const aborted = untilAborted(signal);
    while (!signal.aborted && !this.#isClosed) {
      const worker = this.#makeWorker(kind, run);
      this.#workers.add(worker);
      try {
        await Promise.race([worker.waitUntilReady(), aborted]);
        if (!signal.aborted && !this.#isClosed) return worker;
      } catch (error) {
        this.#reportUnlessClosed(error);
      }
      await worker.close(true).catch((error: unknown) => this.#reportUnlessClosed(error));
      this.#workers.delete(worker);
      await this.#clock.sleep(readyRetryMs, signal).catch(() => {});
    }
    return undefined;
  }

  #makeWorker<K extends JobKind>(
    kind: K,
    { leases, options }: { leases: LeaseBook; options: ConsumeOptions<K> },
  ): InstanceType<BackendClasses<B, C>['Worker']> {
    const leaseMs = this.#leaseMs;
    const worker = new this.#engine.classes.Worker(
      queueName(kind),
      async (job, token) => await this.#run({ kind, job, token: token ?? '', leases, options }),
      {
        connection: this.#engine.workerConnection,
        autorun: false,
        // What another worker gives back wakes nobody on Redis: found within this. A small query a second costs nothing.
        drainDelay: 1,
        concurrency: options.slots,
        lockDuration: leaseMs,
        stalledInterval: stallCheckMs(leaseMs),
        maxStalledCount: attemptsMax - 1,
        settings: {
          backoffStrategy: (_attempts, _type, error) => (error instanceof Retry ? error.delayMs : 0),
        },
      },
    );
    worker.on('error', (error) => this.#reportUnlessClosed(error));
    worker.on('locksRenewed', ({ jobIds }) => leases.renew(jobIds));
    worker.on('lockRenewalFailed', (jobIds) => leases.lose(jobIds));
    return worker;
  }

  async consumeDead(options: {
    signal: AbortSignal;
    handle: (dead: DeadJob) => Promise<void>;
  }): Promise<void> {
    while (!options.signal.aborted) {
      for (const kind of kinds) {
        try {
          await this.#handOutDead(kind, options);
        } catch (error) {
          this.#trouble.report(error);
        }
      }
      await this.#clock.sleep(deadCheckMs, options.signal).catch(() => {});
    }
  }

  async ping(timeoutMs: number): Promise<void> {
    this.#assertOpen();
    const late = new AbortController();
    const timeout = this.#clock.sleep(timeoutMs, late.signal).then(() => {
      throw new Error(`no answer within ${timeoutMs} ms`);
    });
    timeout.catch(() => {}); // Aborted when the answer is there.
    try {
      await Promise.race([this.#engine.serverTimeMs(), timeout]);
    } catch (error) {
      throw unavailable(error);
    } finally {
      late.abort();
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // A BullMQ worker whose connection is closed under it asks for jobs again at once, for ever, and nothing else in the
    // process gets a turn.
    await Promise.allSettled([...this.#workers].map(async (worker) => await worker.close(true)));
    await Promise.all(kinds.map(async (kind) => await this.#queues[kind].close()));
    await this.#engine.close();
  }

  /** Connections of BullMQ's own outlive `close` by a moment; what they meet then concerns nobody. */
  #reportUnlessClosed(error: unknown): void {
    if (!this.#isClosed) this.#trouble.report(error);
  }

  /** What becomes of the job is told to BullMQ by what is thrown. */
  async #run<K extends JobKind>(input: {
    kind: K;
    job: BullJob;
    token: string;
    leases: LeaseBook;
    options: ConsumeOptions<K>;
  }): Promise<void> {
    const { kind, job: held, token, leases, options } = input;
    const id = held.id ?? '';
    const attempt = held.attemptsMade + held.stalledCounter + 1;
    if (attempt > attemptsMax) throw new UnrecoverableError(stalledReason);
    const parsed = jobSchema.safeParse(held.data);
    if (!parsed.success || parsed.data.kind !== kind) {
      throw new UnrecoverableError(
        `its payload is no ${kind} job of this version (${parsed.error?.message ?? 'kind'})`,
      );
    }
    const signal = leases.take(id);
    try {
      const lease = { job: parsed.data, attempt, signal } as Lease<Extract<Job, { kind: K }>>;
      const outcome = await options.handle(lease).catch(asRetry);
      // Nothing may be told about a job that another worker may have by now. BullMQ asks nothing of a waiting one.
      if (signal.aborted) throw new WaitingError('the lease was lost');
      switch (outcome.kind) {
        case 'done':
          return;
        case 'release':
          await held.moveToWait(token);
          throw new WaitingError('released');
        case 'retry':
          if (attempt >= attemptsMax) throw new UnrecoverableError(outcome.reason);
          throw new Retry(outcome.reason, Math.max(0, Math.round(outcome.delayMs)));
        case 'dead':
          throw new UnrecoverableError(outcome.reason);
      }
    } finally {
      leases.drop(id);
    }
  }

  async #handOutDead(
    kind: JobKind,
    options: { signal: AbortSignal; handle: (dead: DeadJob) => Promise<void> },
  ): Promise<void> {
    // Those that nobody wanted stay at the front, and must not hide the others.
    let kept = 0;
    while (!options.signal.aborted) {
      const page = await this.#queues[kind].getJobs(['failed'], kept, kept + deadCountMax - 1, true);
      for (const held of page) {
        if (options.signal.aborted) return;
        try {
          await options.handle(toDead(held, this.#engine.idPrefix));
          await held.remove();
        } catch (error) {
          kept += 1;
          this.#log.warn('a dead job was not taken', { kind, jobId: held.id, error });
        }
      }
      if (page.length < deadCountMax) return;
    }
  }

  async #watchClock(signal: AbortSignal): Promise<void> {
    const aborted = untilAborted(signal);
    while (!signal.aborted) {
      await this.#clock.sleep(clockCheckMs, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        // The end is not kept waiting by a server that does not answer.
        await Promise.race([this.#assertClocksAgree(), aborted]);
      } catch (error) {
        if (asTouchlineError(error).code === 'queue.clock-skew') throw error;
        this.#trouble.report(error); // It does not answer now; BullMQ comes back by itself.
      }
    }
  }

  /** BullMQ answers nothing, not even with an error, once it is closed. */
  #assertOpen(): void {
    if (this.#isClosed) throw unavailable(new Error('it was closed'));
  }

  async #assertClocksAgree(): Promise<void> {
    if (!this.#engine.locksUseOurClock) return;
    await assertClocksAgree({
      clock: this.#clock,
      serverTimeMs: async () => await this.#engine.serverTimeMs(),
      skewMsMax: this.#leaseMs / 4,
    });
  }
}

const kinds = ['analyse', 'cut', 'result', 'beat'] as const satisfies readonly JobKind[];
const dayMs = 86_400_000;
/** One INSERT for so many; their payloads are some KB each. */
const putCountMax = 500;
const deadCountMax = 50;
/** A dead segment is shown to people; half a second more does not matter, and three small queries cost nothing. */
const deadCheckMs = 500;
const clockCheckMs = 60_000;
const readyRetryMs = 1_000;
const stalledReason = 'its worker died each time';

/** 3 s for a lease of 10 s. */
function stallCheckMs(leaseMs: number): number {
  return Math.round(leaseMs * 0.3);
}

function queueName(kind: JobKind): string {
  return `touchline-${kind}`;
}

/** Carries the delay to BullMQ's back-off. */
class Retry extends Error {
  readonly delayMs: number;

  constructor(reason: string, delayMs: number) {
    super(reason);
    this.delayMs = delayMs;
  }
}

function asRetry(thrown: unknown): Outcome {
  return { kind: 'retry', delayMs: thrownRetryDelayMs, reason: asTouchlineError(thrown).message };
}

/**
 * Half seconds since 2025, from 1: the range of PostgreSQL's integer lasts until 2059. `Queue.add` would stop us at 2^21,
 * a limit that comes from Redis' sorted sets; so the entry goes to the backend itself, as `Queue.addBulk` does it.
 */
function priorityOf(deadlineAtMs: number): number {
  const ticks = Math.floor((deadlineAtMs - 1_735_689_600_000) / 500);
  return Math.min(Math.max(ticks, 1), 2 ** 31 - 1);
}

function toEntry(job: Job, idPrefix: string): { job: JobJson; jobId: string } {
  const priority = priorityOf(job.deadlineAtMs);
  const id = `${idPrefix}${job.id}`;
  return {
    jobId: id,
    job: {
      id,
      name: job.kind,
      data: JSON.stringify(job, storable),
      opts: {
        attempts: attemptsMax,
        backoff: { type: 'custom' },
        priority,
        removeOnComplete: true,
        removeOnFail: { age: (14 * dayMs) / 1000 },
        stackTraceLimit: 0,
      },
      priority,
      timestamp: job.queuedAtMs,
      progress: 0,
      attemptsMade: 0,
      attemptsStarted: 0,
      failedReason: '',
      returnvalue: '',
      stalledCounter: 0,
    },
  };
}

/** jsonb takes neither NUL nor half a surrogate pair, and both come along in what ffmpeg prints. */
function storable(_key: string, value: unknown): unknown {
  if (typeof value !== 'string' || !/[\0\ud800-\udfff]/.test(value)) return value;
  return Buffer.from(value.replaceAll('\0', '\ufffd')).toString();
}

function toDead(held: BullJob, idPrefix: string): DeadJob {
  const parsed = jobSchema.safeParse(held.data);
  const hasStalledOut = held.failedReason?.startsWith('job stalled more') ?? false;
  return {
    jobId: (held.id ?? '').replace(idPrefix, ''),
    job: parsed.success ? parsed.data : undefined,
    reason: hasStalledOut ? stalledReason : (held.failedReason ?? 'unknown'),
    attempts: Math.min(held.attemptsMade + held.stalledCounter, attemptsMax),
  };
}

function unavailable(thrown: unknown): TouchlineError {
  if (thrown instanceof TouchlineError) return thrown;
  return new TouchlineError({
    code: 'queue.unavailable',
    message: `the queue does not answer (${(thrown as Error).message}): check that its server runs, and TOUCHLINE_QUEUE.`,
    retryable: true,
    blame: 'environment',
    cause: thrown,
  });
}
