import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';

/** An answer that took longer says too little about what the time was. */
const roundTripMsMax = 500;
const triesMax = 3;

/**
 * Compares this machine's clock with the server's. A worker whose clock is fast takes jobs away from healthy ones (60 s
 * fast did so within 3 s of a 30 s lock), and one whose clock is slow holds on to jobs that it has lost.
 *
 * @throws TouchlineError `queue.clock-skew`
 */
export async function assertClocksAgree(options: {
  clock: Clock;
  serverTimeMs: () => Promise<number>;
  skewMsMax: number;
}): Promise<void> {
  const skewMs = await measureSkewMs(options);
  if (Math.abs(skewMs) <= options.skewMsMax) return;
  throw new TouchlineError({
    code: 'queue.clock-skew',
    message:
      `this machine's clock is ${Math.abs(Math.round(skewMs))} ms ${skewMs > 0 ? 'ahead of' : 'behind'} the queue's, ` +
      `and may be ${options.skewMsMax} ms off: its jobs would be handed out twice. Set it (NTP), then start again.`,
    retryable: false,
    blame: 'environment',
  });
}

/** Positive: we are ahead. Of a few tries the one with the shortest way counts. */
async function measureSkewMs(options: {
  clock: Clock;
  serverTimeMs: () => Promise<number>;
}): Promise<number> {
  let best = { skewMs: 0, roundTripMs: Number.POSITIVE_INFINITY };
  for (let count = 0; count < triesMax && best.roundTripMs > roundTripMsMax; count += 1) {
    const sentAtMs = options.clock.monotonicMs();
    const serverMs = await options.serverTimeMs();
    const roundTripMs = options.clock.monotonicMs() - sentAtMs;
    const skewMs = options.clock.nowMs() - roundTripMs / 2 - serverMs;
    if (roundTripMs < best.roundTripMs) best = { skewMs, roundTripMs };
  }
  return best.skewMs;
}
