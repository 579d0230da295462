import { setTimeout as sleepFor } from 'node:timers/promises';

/** The only source of time in the house; tests hand in one that they move by hand. */
export interface Clock {
  /** Wall clock, ms since 1970-01-01 UTC. May step when the host's clock is set. */
  nowMs(): number;
  /** Monotonic, ms with fractions, since an arbitrary start. Never steps: durations are measured with this one. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleepFor(ms, undefined, signal ? { signal } : undefined);
  },
};
