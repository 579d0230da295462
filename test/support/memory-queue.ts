import { EventEmitter, once } from 'node:events';

import type { Clock } from '../../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../../core/errors.ts';
import type { Job, JobKind } from '../../core/jobs.ts';
import {
  attemptsMax,
  thrownRetryDelayMs,
  type ConsumeOptions,
  type DeadJob,
  type Lease,
  type Outcome,
  type Queue,
  type QueueCapabilities,
} from '../../queue/queue.ts';

interface Entry {
  job: Job;
  /** How often it was handed out and not released. */
  attempts: number;
  availableAtMs: number;
  /** Position among equal deadlines. */
  turn: number;
  lease: { holder: MemoryQueue; lost: AbortController } | undefined;
}

/** A queue without an engine: what one process remembers. Several clients of one broker are several processes. */
export class MemoryBroker {
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly entries = new Map<string, Entry>();
  readonly dead = new Map<string, DeadJob>();
  readonly #events = new EventEmitter().setMaxListeners(100);
  #turns = 0;

  constructor(options: { clock: Clock; leaseMs?: number }) {
    this.clock = options.clock;
    this.leaseMs = options.leaseMs ?? 10_000;
  }

  connect(): MemoryQueue {
    return new MemoryQueue(this);
  }

  put(job: Job): void {
    if (this.entries.has(job.id)) return;
    this.entries.set(job.id, {
      job,
      attempts: 0,
      availableAtMs: 0,
      turn: (this.#turns += 1),
      lease: undefined,
    });
  }

  /** The job of that kind with the earliest deadline among those that may run now. */
  claim(kind: JobKind, holder: MemoryQueue): Entry | undefined {
    this.#expireLeases();
    const nowMs = this.clock.nowMs();
    const ready = [...this.entries.values()].filter(
      (entry) => entry.job.kind === kind && entry.lease === undefined && entry.availableAtMs <= nowMs,
    );
    ready.sort((a, b) => a.job.deadlineAtMs - b.job.deadlineAtMs || a.turn - b.turn);
    const [first] = ready;
    if (first === undefined) return undefined;
    first.lease = { holder, lost: new AbortController() };
    first.attempts += 1;
    return first;
  }

  settle(entry: Entry, outcome: Outcome): void {
    entry.lease = undefined;
    switch (outcome.kind) {
      case 'done':
        this.entries.delete(entry.job.id);
        break;
      case 'release':
        entry.attempts -= 1;
        break;
      case 'retry':
        if (entry.attempts >= attemptsMax) this.#bury(entry, outcome.reason);
        else entry.availableAtMs = this.clock.nowMs() + outcome.delayMs;
        break;
      case 'dead':
        this.#bury(entry, outcome.reason);
        break;
    }
    this.wake();
  }

  /** When something becomes due by the passing of time alone, ms from now. */
  nextDueMs(): number {
    const nowMs = this.clock.nowMs();
    const due = [...this.entries.values()].flatMap((entry) => {
      const crashedAtMs = entry.lease?.holder.crashedAtMs;
      if (crashedAtMs !== undefined) return [crashedAtMs + this.leaseMs];
      return entry.lease === undefined && entry.availableAtMs > nowMs ? [entry.availableAtMs] : [];
    });
    return Math.max(0, Math.min(nowMs + 3_600_000, ...due) - nowMs);
  }

  /** Resolves at the next change, when something becomes due, and when `signal` aborts. */
  async change(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const changed = once(this.#events, 'change', { signal: either });
    await Promise.race([changed, this.clock.sleep(this.nextDueMs(), either)]).catch(() => {});
    stop.abort();
    await changed.catch(() => {});
  }

  wake(): void {
    this.#events.emit('change');
  }

  #expireLeases(): void {
    for (const entry of this.entries.values()) {
      const crashedAtMs = entry.lease?.holder.crashedAtMs;
      if (crashedAtMs === undefined || crashedAtMs + this.leaseMs > this.clock.nowMs()) continue;
      entry.lease?.lost.abort();
      entry.lease = undefined;
      if (entry.attempts >= attemptsMax) this.#bury(entry, `its worker died ${entry.attempts} times`);
    }
  }

  #bury(entry: Entry, reason: string): void {
    this.entries.delete(entry.job.id);
    this.dead.set(entry.job.id, { jobId: entry.job.id, job: entry.job, reason, attempts: entry.attempts });
    this.wake();
  }
}

/** One process's connection to a broker. */
export class MemoryQueue implements Queue {
  readonly capabilities: QueueCapabilities;
  /** Set when this process "died": its leases run out, and nothing it does counts any more. */
  crashedAtMs: number | undefined;
  readonly #broker: MemoryBroker;
  readonly #closed = new AbortController();

  constructor(broker: MemoryBroker) {
    this.#broker = broker;
    this.capabilities = {
      engine: 'memory',
      ordersByDeadline: true,
      dedupesWaiting: true,
      countsReleases: false,
      // The lease runs out, and then a busy machine has to notice.
      recoveryMsMax: broker.leaseMs + 1_000,
      delayMsMax: 86_400_000,
    };
  }

  async put(jobs: readonly Job[]): Promise<void> {
    this.#assertOpen();
    for (const job of jobs) this.#broker.put(job);
    this.#broker.wake();
  }

  async consume<K extends JobKind>(kind: K, options: ConsumeOptions<K>): Promise<void> {
    const signal = AbortSignal.any([options.signal, this.#closed.signal]);
    const inHand = new Set<Promise<void>>();
    while (!signal.aborted) {
      const entry = inHand.size < options.slots ? this.#broker.claim(kind, this) : undefined;
      if (entry === undefined) {
        await this.#broker.change(signal);
        continue;
      }
      const work = this.#run(entry, options).finally(() => {
        inHand.delete(work);
        this.#broker.wake();
      });
      inHand.add(work);
    }
    if (this.crashedAtMs === undefined) await Promise.all(inHand);
  }

  async consumeDead(options: {
    signal: AbortSignal;
    handle: (dead: DeadJob) => Promise<void>;
  }): Promise<void> {
    const signal = AbortSignal.any([options.signal, this.#closed.signal]);
    while (!signal.aborted) {
      let failed = false;
      for (const [id, dead] of this.#broker.dead) {
        try {
          await options.handle(dead);
          this.#broker.dead.delete(id);
        } catch {
          failed = true; // Handed out again: that is the promise.
        }
      }
      if (failed) await this.#broker.clock.sleep(thrownRetryDelayMs, signal).catch(() => {});
      else if (this.#broker.dead.size === 0) await this.#broker.change(signal);
    }
  }

  async ping(): Promise<void> {
    this.#assertOpen();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#broker.wake();
  }

  /** As `kill -9`: takes no more, gives nothing back. */
  crash(): void {
    this.crashedAtMs = this.#broker.clock.nowMs();
    this.#closed.abort();
    this.#broker.wake();
  }

  async #run<K extends JobKind>(entry: Entry, options: ConsumeOptions<K>): Promise<void> {
    const lost = entry.lease?.lost.signal ?? AbortSignal.abort();
    const lease = { job: entry.job, attempt: entry.attempts, signal: lost } as Lease<
      Extract<Job, { kind: K }>
    >;
    const outcome = await options.handle(lease).catch((thrown: unknown): Outcome => ({
      kind: 'retry',
      delayMs: thrownRetryDelayMs,
      reason: asTouchlineError(thrown).message,
    }));
    if (this.crashedAtMs === undefined && !lost.aborted) this.#broker.settle(entry, outcome);
  }

  #assertOpen(): void {
    if (!this.#closed.signal.aborted) return;
    throw new TouchlineError({
      code: 'queue.unavailable',
      message: 'this queue was closed: open another',
      retryable: false,
      blame: 'touchline',
    });
  }
}
