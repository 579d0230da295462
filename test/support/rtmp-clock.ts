import { setImmediate } from 'node:timers/promises';

import type { Clock } from '../../core/clock.ts';

/** A clock that stands until it is moved. Everything that sleeps on it wakes in order, and has had its turn, on the way. */
export class HandClock implements Clock {
  #ms = 1_000_000;
  readonly #sleepers = new Set<{ dueMs: number; wake: () => void }>();

  nowMs(): number {
    return 1_700_000_000_000 + this.#ms;
  }

  monotonicMs(): number {
    return this.#ms;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason as Error);
      };
      const wake = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const sleeper = { dueMs: this.#ms + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#ms + ms;
    for (;;) {
      const [next] = [...this.#sleepers].toSorted((a, b) => a.dueMs - b.dueMs);
      if (!next || next.dueMs > untilMs) break;
      this.#ms = Math.max(this.#ms, next.dueMs);
      this.#sleepers.delete(next);
      next.wake();
      await setImmediate();
    }
    this.#ms = untilMs;
    await setImmediate();
  }
}
