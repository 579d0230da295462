import type { Clock } from '../core/clock.ts';

/** How long each step of a cut took, so that a late clip can be explained. */
export class Laps {
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  readonly #spentMs: Record<string, number> = {};
  #lastMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAtMs = this.#lastMs = clock.monotonicMs();
  }

  end(step: 'readMs' | 'cutMs' | 'proofMs' | 'othersMs' | 'putMs'): void {
    const nowMs = this.#clock.monotonicMs();
    this.#spentMs[step] = Math.round((this.#spentMs[step] ?? 0) + nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }

  all(): Record<string, number> {
    return { elapsedMs: Math.round(this.#lastMs - this.#startedAtMs), ...this.#spentMs };
  }
}
