import type { Clock } from './clock.ts';

/** Wakes the one that waits; rung while nobody waits, the next wait is over at once. */
export class Bell {
  #isRung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** Resolves when it rings, or after `ms`. Rejects with the signal's reason. */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const done = new AbortController();
    const rung = new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#isRung) resolve();
    });
    const slept = clock.sleep(ms, AbortSignal.any([signal, done.signal]));
    slept.catch(() => {});
    try {
      await Promise.race([rung, slept]);
    } finally {
      done.abort();
      this.#wake = undefined;
      this.#isRung = false;
    }
  }
}
