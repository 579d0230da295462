import type { Job, JobKind } from '../core/jobs.ts';

/**
 * Where work waits and who holds it. Delivery is at least once; order is earliest deadline first as far as the engine
 * can (`capabilities`). One contract suite (`test/queue/queue-contract.ts`) runs against every engine.
 */
export interface Queue {
  readonly capabilities: QueueCapabilities;

  /**
   * Durable when it resolves. A job whose id is waiting, running, or dead and not yet handed out, is left as it is where the
   * engine can tell (`dedupesWaiting`); else it is handed out once more.
   *
   * @throws TouchlineError `queue.unavailable`, `queue.too-large`
   */
  put(jobs: readonly Job[]): Promise<void>;

  /**
   * Takes jobs of one kind, at most `slots` at a time, until `signal` aborts; then takes no more, waits for those in
   * hand and returns. Rejects only when the engine is lost for good.
   */
  consume<K extends JobKind>(kind: K, options: ConsumeOptions<K>): Promise<void>;

  /**
   * Jobs that ended without a result: poisoned (their worker died `attemptsMax` times) or given up by `dead`. Each is
   * handed out until `handle` resolves, and then forgotten. Returns when `signal` aborts.
   */
  consumeDead(options: { signal: AbortSignal; handle: (dead: DeadJob) => Promise<void> }): Promise<void>;

  /** Rejects with TouchlineError `queue.unavailable` when the engine does not answer within `timeoutMs`. */
  ping(timeoutMs: number): Promise<void>;

  close(): Promise<void>;
}

export interface ConsumeOptions<K extends JobKind> {
  slots: number;
  signal: AbortSignal;
  handle: (lease: Lease<Extract<Job, { kind: K }>>) => Promise<Outcome>;
}

/** One job in one worker's hands. The engine renews it until `handle` returns. */
export interface Lease<J extends Job = Job> {
  job: J;
  /** 1 for the first delivery. */
  attempt: number;
  /** Aborts when the lease is lost: another worker may have the job already, so nothing more may be written. */
  signal: AbortSignal;
}

/** What became of a job. A handler that throws counts as `retry` with the engine's first delay. */
export type Outcome =
  | { kind: 'done' }
  | { kind: 'retry'; delayMs: number; reason: string }
  /** Gives the job back at once, and unpenalised where the engine can (`countsReleases`): a drain. */
  | { kind: 'release' }
  | { kind: 'dead'; reason: string };

export interface DeadJob {
  jobId: string;
  /** Undefined when the payload is none of `core/jobs.ts`: written by another version, or damaged. */
  job: Job | undefined;
  reason: string;
  attempts: number;
}

/** Differences between engines are data, not surprises. */
export interface QueueCapabilities {
  engine: 'bullmq-postgres' | 'bullmq-redis' | 'sqs' | 'memory';
  /**
   * Earliest deadline first across everything that waits (on Redis what was recovered from a dead worker comes before all
   * else). False = roughly first in, first out within two bands: what is due at once, and what may wait a little.
   */
  ordersByDeadline: boolean;
  /** True: a job that is put while one with its id waits or runs, is not queued again. */
  dedupesWaiting: boolean;
  /** True: a job that is given back counts as tried, so one that was given back `attemptsMax` times in a row is dead. */
  countsReleases: boolean;
  /** How long until the job of a killed worker is handed out again, at the most. */
  recoveryMsMax: number;
  /** A retry that asks for more comes back after this. */
  delayMsMax: number;
}

/** A job whose worker died or that asked for a retry is handed out this often at the most. */
export const attemptsMax = 4;

/** The wait after a handler threw: long enough for a neighbour's restart, short beside a clip's deadline. */
export const thrownRetryDelayMs = 1000;
