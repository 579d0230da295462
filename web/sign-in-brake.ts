import type { Clock } from '../core/clock.ts';
import { callerError } from './problem.ts';

/** Anybody mistypes; nobody mistypes six times in a row. */
const freeCount = 5;
const firstWaitMs = 2_000;
const waitMsMax = 15 * 60_000;
/** Without a failure for this long it is forgotten. */
const forgottenMs = 60 * 60_000;
/** A flood of invented names and addresses costs some hundred kB, no more: the oldest are forgotten. */
const remembered = 5_000;

interface Failures {
  count: number;
  lastAtMs: number;
}

/** Slows down who guesses: each failure of a name, or from an address, beyond the fifth doubles the wait before the next try counts. */
export class SignInBrake {
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long whoever this is has to wait from now; 0 = they may try. */
  waitMs(who: readonly string[]): number {
    const nowMs = this.#clock.monotonicMs();
    return Math.max(0, ...who.map((one) => this.#untilMs(one) - nowMs));
  }

  /** @throws `auth.too-many` */
  require(who: readonly string[]): void {
    const waitMs = this.waitMs(who);
    if (waitMs === 0) return;
    throw callerError(
      'auth.too-many',
      `too many tries that failed: wait ${Math.ceil(waitMs / 1000)} s before the next`,
    );
  }

  failed(who: readonly string[]): void {
    for (const one of who) {
      const lastAtMs = this.#clock.monotonicMs();
      const count = (this.#of(one)?.count ?? 0) + 1;
      // Deleted first, so that the order of the map is that of the last failure.
      this.#failures.delete(one);
      this.#failures.set(one, { count, lastAtMs });
    }
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= remembered) break;
      this.#failures.delete(oldest);
    }
  }

  forget(one: string): void {
    this.#failures.delete(one);
  }

  /** One failure less: it was none. */
  takeBack(one: string): void {
    const known = this.#failures.get(one);
    if (known) known.count -= 1;
  }

  #of(one: string): Failures | undefined {
    const known = this.#failures.get(one);
    return known && this.#clock.monotonicMs() - known.lastAtMs < forgottenMs ? known : undefined;
  }

  #untilMs(one: string): number {
    const known = this.#of(one);
    if (!known || known.count < freeCount) return 0;
    return known.lastAtMs + Math.min(waitMsMax, firstWaitMs * 2 ** (known.count - freeCount));
  }
}
