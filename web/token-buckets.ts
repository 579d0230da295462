import type { Clock } from '../core/clock.ts';

/** So many at once, and so many a second for as long as one likes. */
export interface Allowance {
  burst: number;
  perSecond: number;
}

/** A flood of invented addresses costs a few hundred kB; the oldest are forgotten, which fills their bucket. */
const remembered = 5_000;

/** Lets each of many ask so often and no more. */
export class TokenBuckets {
  readonly #clock: Clock;
  readonly #allowance: Allowance;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(clock: Clock, allowance: Allowance) {
    this.#clock = clock;
    this.#allowance = allowance;
  }

  /** False = not now. */
  take(who: string): boolean {
    const { burst, perSecond } = this.#allowance;
    const nowMs = this.#clock.monotonicMs();
    const known = this.#buckets.get(who) ?? { tokens: burst, atMs: nowMs };
    const tokens = Math.min(burst, known.tokens + ((nowMs - known.atMs) / 1000) * perSecond);
    const isAllowed = tokens >= 1;
    this.#buckets.delete(who);
    this.#buckets.set(who, { tokens: isAllowed ? tokens - 1 : tokens, atMs: nowMs });
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= remembered) break;
      this.#buckets.delete(oldest);
    }
    return isAllowed;
  }

  /** Somebody who is not in here has all of their allowance. */
  has(who: string): boolean {
    return this.#buckets.has(who);
  }
}
