import type { Clock } from './clock.ts';
import { asTouchlineError } from './errors.ts';
import type { Random } from './random.ts';

/** Policy as data: how long to wait before try 2, 3, ... The number of delays bounds the number of tries. */
export interface RetryPolicy {
  delaysMs: readonly number[];
  /** Share of each delay that is drawn at random, 0 to 1, so that many callers do not come back together. */
  jitter: number;
}

/** The waits of one policy, drawn. */
export function retryDelaysMs(policy: RetryPolicy, random: Random): number[] {
  return policy.delaysMs.map((delayMs) => Math.round(delayMs * (1 - policy.jitter * random.unit())));
}

/** Calls until it goes through, the error is not retryable, or the policy is used up; then throws the last error. */
export async function retry<T>(
  call: (attempt: number) => Promise<T>,
  options: { policy: RetryPolicy; clock: Clock; random: Random; signal?: AbortSignal },
): Promise<T> {
  const delaysMs = retryDelaysMs(options.policy, options.random);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call(attempt);
    } catch (thrown) {
      const error = asTouchlineError(thrown);
      const delayMs = delaysMs[attempt - 1];
      if (!error.retryable || delayMs === undefined || options.signal?.aborted) throw error;
      await options.clock.sleep(delayMs, options.signal);
    }
  }
}
