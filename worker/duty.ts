import type { Clock } from '../core/clock.ts';
import { asTouchlineError } from '../core/errors.ts';
import type { WorkerView } from '../core/load.ts';
import { isWorthALine, type Log } from '../core/log.ts';

export interface DutyOptions {
  /** Takes jobs until `signal` aborts; returns when nothing is in hand any more. */
  work: (signal: AbortSignal) => Promise<void>;
  /** Has whoever scales the fleet told this machine to drain? */
  isDrainOrdered: () => Promise<boolean>;
  /** Told of every change, and of the first state; what comes next waits for it. */
  onState: (state: WorkerView['state']) => Promise<void>;
  clock: Clock;
  log: Log;
}

/** As often as a machine that was told to drain may take one job too many. */
const orderPollMs = 5_000;

/**
 * A worker's life: it works until the fleet has no need of it, then takes nothing new, finishes or gives back what it has,
 * says that it is empty and waits: to be ended, or to be taken back to work. Returns, drained, when `signal` aborts: SIGTERM,
 * or a notice that the machine goes.
 */
export async function runDuty(options: DutyOptions, signal: AbortSignal): Promise<void> {
  const { work, onState, log } = options;
  while (!signal.aborted) {
    const draining = new AbortController();
    const over = new AbortController();
    await onState('working');
    const working = work(AbortSignal.any([signal, draining.signal]));
    const told = untilOrder(options, true, AbortSignal.any([signal, over.signal])).then(async (isTold) => {
      if (!isTold && !signal.aborted) return;
      log.info('worker drains', { why: isTold ? 'ordered' : 'ending' });
      await onState('draining');
      draining.abort();
    });
    try {
      await working;
    } finally {
      over.abort();
      await told;
    }
    await onState('drained');
    if (!draining.signal.aborted || signal.aborted) return;
    if (await untilOrder(options, false, signal)) log.info('worker is taken back to work');
  }
}

/** True when the order has become `wanted`, false when `signal` aborted first. An order that cannot be read stays as it is. */
async function untilOrder(
  { isDrainOrdered, clock, log }: DutyOptions,
  wanted: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  let failureCount = 0;
  while (!signal.aborted) {
    try {
      if ((await isDrainOrdered()) === wanted) return true;
      failureCount = 0;
    } catch (error) {
      failureCount += 1;
      if (isWorthALine(failureCount))
        log.warn('orders to drain cannot be read', { failureCount, error: asTouchlineError(error) });
    }
    await clock.sleep(orderPollMs, signal).catch(() => undefined);
  }
  return false;
}
