import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';

const pauseMs = 1_000;
/** Messages may hold what varies; old ones are forgotten beyond this. */
const messageCountMax = 50;

/** Reports each trouble at once, and then how often it came again, once a second: a server that is away fails us 30 times. */
export class TroubleLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #seen = new Map<string, { reportedAtMs: number; repeats: number }>();

  constructor(options: { log: Log; clock: Clock }) {
    this.#log = options.log;
    this.#clock = options.clock;
  }

  report(thrown: unknown): void {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const nowMs = this.#clock.monotonicMs();
    const seen = this.#seen.get(message);
    if (seen !== undefined && nowMs - seen.reportedAtMs < pauseMs) {
      seen.repeats += 1;
      return;
    }
    if (this.#seen.size >= messageCountMax) this.#seen.clear();
    this.#seen.set(message, { reportedAtMs: nowMs, repeats: 0 });
    this.#log.warn('queue trouble', { error: thrown, repeats: seen?.repeats ?? 0 });
  }
}
