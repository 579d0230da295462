import type { Clock } from '../../core/clock.ts';

/** A clock that goes when it is told to; sleepers wake in order. */
export class HandClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #sleepers: { untilMs: number; wake: () => void }[] = [];

  constructor(wallMs = 1_800_000_000_000) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** What an operator or NTP does to the host. */
  stepWallMs(byMs: number): void {
    this.#wallMs += byMs;
  }

  advance(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
    const due = this.#sleepers.filter((sleeper) => sleeper.untilMs <= this.#monotonicMs);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.untilMs > this.#monotonicMs);
    for (const sleeper of due.toSorted((one, other) => one.untilMs - other.untilMs)) sleeper.wake();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper = {
        untilMs: this.#monotonicMs + ms,
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

/**
 * Lets time go by, fifty times as fast as it does, until `condition` holds: what waits for a retry is woken, and what waits
 * for the real disk has as long as it needs.
 */
export async function pass(clock: HandClock, condition: () => boolean, pace = 50): Promise<void> {
  const startedAt = performance.now();
  for (let last = startedAt; !condition();) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    if (now - startedAt > 10_000) throw new Error('it never came to hold');
    clock.advance((now - last) * pace);
    last = now;
  }
}

/**
 * The result of `work`, while time goes by. Slower than `pass`: closing a run gives up after 15 s without progress, and a
 * busy disk takes a third of a second for one write.
 */
export async function finish<T>(clock: HandClock, work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  done.catch(() => {});
  await pass(clock, () => isDone, 10);
  return await done;
}
