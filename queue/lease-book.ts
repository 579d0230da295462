import type { Clock } from '../core/clock.ts';

interface Held {
  lost: AbortController;
  renewedAtMs: number;
}

/**
 * The leases of one consumer, and when they were last renewed. A lease is lost when the engine says so, and also when
 * nothing was heard for its whole length: then the engine is away, and may have given the job to another worker.
 */
export class LeaseBook {
  readonly #held = new Map<string, Held>();
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #closed = new AbortController();

  constructor(options: { clock: Clock; leaseMs: number }) {
    this.#clock = options.clock;
    this.#leaseMs = options.leaseMs;
    void this.#watch();
  }

  /** The returned signal aborts when the lease is lost. */
  take(jobId: string): AbortSignal {
    const lost = new AbortController();
    this.#held.set(jobId, { lost, renewedAtMs: this.#clock.monotonicMs() });
    return lost.signal;
  }

  /** `sinceMs`, monotonic: when it was asked for, where the answer may have been long on its way. */
  renew(jobIds: readonly string[], sinceMs = this.#clock.monotonicMs()): void {
    for (const jobId of jobIds) {
      const held = this.#held.get(jobId);
      if (held) held.renewedAtMs = Math.max(held.renewedAtMs, sinceMs);
    }
  }

  lose(jobIds: readonly string[]): void {
    for (const jobId of jobIds) this.#held.get(jobId)?.lost.abort(new Error('the lease was lost'));
  }

  drop(jobId: string): void {
    this.#held.delete(jobId);
  }

  close(): void {
    this.#closed.abort();
  }

  async #watch(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      await this.#clock.sleep(this.#leaseMs / 10, this.#closed.signal).catch(() => {});
      const oldestMs = this.#clock.monotonicMs() - this.#leaseMs;
      this.lose([...this.#held].filter(([, held]) => held.renewedAtMs <= oldestMs).map(([jobId]) => jobId));
    }
  }
}
