import type { Clock } from '../core/clock.ts';
import type { Backlog } from '../core/load.ts';

/** Of all queues of `analyse` and `cut` together, as SQS counts them: nearly, and up to a minute late. */
export interface QueueCounts {
  visibleCount: number;
  /** In the hands of workers. */
  heldCount: number;
  delayedCount: number;
}

/** Growth is looked at over this long: SQS's counts come in steps, and 15 s of them say little. */
const windowMs = 60_000;
/** A round every 15 s. Who has not looked for longer does not know what has gone through the queues meanwhile. */
const gapMsMax = 60_000;

/**
 * What is offered, told from the queues alone. A message in somebody's hands is a busy slot, and a busy slot is a second of work
 * a second; what the queues grow by comes on top, and what they shrink by is not new work but old.
 */
export class QueueLoad {
  readonly #serviceSeconds: number;
  readonly #clock: Clock;
  #samples: { atMs: number; waitingCount: number }[] = [];
  #emptySinceMs: number | undefined;

  constructor(options: { serviceSeconds: number; clock: Clock }) {
    this.#serviceSeconds = options.serviceSeconds;
    this.#clock = options.clock;
  }

  add({ visibleCount, heldCount, delayedCount }: QueueCounts): Backlog {
    const nowMs = this.#clock.nowMs();
    if (nowMs - (this.#samples.at(-1)?.atMs ?? -Infinity) > gapMsMax) {
      this.#samples = [];
      this.#emptySinceMs = undefined;
    }
    const waitingCount = visibleCount + delayedCount;
    this.#samples = this.#samples.filter(({ atMs }) => atMs >= nowMs - windowMs);
    const [first] = this.#samples;
    this.#samples.push({ atMs: nowMs, waitingCount });
    const growthPerSecond =
      first && nowMs > first.atMs ? ((waitingCount - first.waitingCount) * 1000) / (nowMs - first.atMs) : 0;
    this.#emptySinceMs = visibleCount + heldCount > 0 ? undefined : (this.#emptySinceMs ?? nowMs);
    const serviceSeconds = this.#serviceSeconds;
    return {
      waitingCount,
      waitingWorkSeconds: waitingCount * serviceSeconds,
      oldestWaitMs: 0, // SQS tells it to CloudWatch alone, and late.
      inFlightCount: heldCount,
      inFlightWorkSeconds: (heldCount * serviceSeconds) / 2,
      arrivedWorkPerSecond: Math.max(0, heldCount + growthPerSecond * serviceSeconds),
      meanServiceSeconds: waitingCount + heldCount > 0 ? serviceSeconds : 0,
    };
  }

  /** Since when nothing was seen to wait or to be in anybody's hands, without a gap; undefined when something was. */
  get emptySinceMs(): number | undefined {
    return this.#emptySinceMs;
  }
}
