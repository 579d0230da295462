import type { Clock } from '../core/clock.ts';
import { asTouchlineError } from '../core/errors.ts';
import type { BeatJob } from '../core/jobs.ts';
import type { WorkerView } from '../core/load.ts';
import { isWorthALine, type Log } from '../core/log.ts';

/** Short beside the 30 s after which figures are too old to scale by. */
const beatMs = 5_000;
/** A beat that nobody reads in this time says nothing any more. */
const beatDeadlineMs = 2_000;
const throughputWindowMs = 60_000;

export interface HeartbeatOptions {
  /** Puts it on the queue: workers have no other way to speak. */
  put: (beat: BeatJob) => Promise<void>;
  workerId: string;
  instanceId: string;
  slots: { analyse: number; cut: number };
  isDeviceOk: boolean;
  clock: Clock;
  log: Log;
}

/** Says how a worker is, every few seconds and as soon as its state changes. What cannot be said now is said next time. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #startedAtMs: number;
  /** By request. */
  readonly #jobs = new Map<string, { jobId: string; fromMs: number }>();
  #spans: { fromMs: number; untilMs: number }[] = [];
  #state: WorkerView['state'] = 'working';
  #number = 0;
  #completedCount = 0;
  #lastCompletedAtMs: number | undefined;
  #failureCount = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#startedAtMs = options.clock.nowMs();
  }

  /** Beats until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.beat();
      await this.#options.clock.sleep(beatMs, signal).catch(() => undefined);
    }
  }

  async setState(state: WorkerView['state']): Promise<void> {
    this.#state = state;
    await this.beat();
  }

  begin(requestId: string, jobId: string): void {
    this.#jobs.set(requestId, { jobId, fromMs: this.#options.clock.monotonicMs() });
  }

  /** `isDone`: its result is on the queue. */
  end(requestId: string, isDone: boolean): void {
    const { clock } = this.#options;
    const job = this.#jobs.get(requestId);
    this.#jobs.delete(requestId);
    if (job) this.#spans.push({ fromMs: job.fromMs, untilMs: clock.monotonicMs() });
    if (!isDone) return;
    this.#completedCount += 1;
    this.#lastCompletedAtMs = clock.nowMs();
  }

  async beat(): Promise<void> {
    const { put, log, clock } = this.#options;
    const answered = new AbortController();
    try {
      const late = clock.sleep(beatDeadlineMs, answered.signal).then(() => {
        throw new Error(`the queue did not take it within ${beatDeadlineMs} ms`);
      });
      // A queue that hangs must not hold up the end of a worker.
      await Promise.race([put(this.#say()), late]);
      this.#failureCount = 0;
    } catch (error) {
      this.#failureCount += 1;
      if (isWorthALine(this.#failureCount))
        log.warn('a beat was not heard', {
          failureCount: this.#failureCount,
          error: asTouchlineError(error),
        });
    } finally {
      answered.abort();
    }
  }

  #say(): BeatJob {
    const { workerId, instanceId, slots, isDeviceOk, clock } = this.#options;
    const nowMs = clock.nowMs();
    this.#number += 1;
    return {
      kind: 'beat',
      // While control is away one of each state waits, not one for every five seconds; and a last word is not taken for a
      // repetition of the one before.
      id: `beat-${workerId}-${this.#state}`.toLowerCase(),
      channelId: 'fleet',
      runId: 'fleet',
      deadlineAtMs: nowMs + beatDeadlineMs,
      queuedAtMs: nowMs,
      beat: {
        workerId,
        instanceId,
        number: this.#number,
        sentAtMs: nowMs,
        startedAtMs: this.#startedAtMs,
        slots,
        jobIds: [...this.#jobs.values()].map(({ jobId }) => jobId),
        state: this.#state,
        ...(this.#lastCompletedAtMs === undefined ? {} : { lastCompletedAtMs: this.#lastCompletedAtMs }),
        completedCount: this.#completedCount,
        throughput: this.#throughput(),
        isDeviceOk,
      },
    };
  }

  #throughput(): number {
    const nowMs = this.#options.clock.monotonicMs();
    const sinceMs = nowMs - throughputWindowMs;
    this.#spans = this.#spans.filter(({ untilMs }) => untilMs > sinceMs);
    const running = [...this.#jobs.values()].map(({ fromMs }) => ({ fromMs, untilMs: nowMs }));
    const busyMs = [...this.#spans, ...running].reduce(
      (sum, { fromMs, untilMs }) => sum + untilMs - Math.max(fromMs, sinceMs),
      0,
    );
    return busyMs / throughputWindowMs;
  }
}
