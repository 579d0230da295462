import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { BullmqQueue } from './bullmq-queue.ts';
import { connectPostgres } from './bullmq-postgres.ts';
import type { Queue } from './queue.ts';
import { TroubleLog } from './trouble-log.ts';

/**
 * Opens the queue that `url` names, and says at once when it cannot be used. `postgres://...` is BullMQ on that
 * database, in a schema of its own beside the catalogue.
 *
 * @throws TouchlineError `queue.unavailable`, `queue.newer-schema`, `queue.clock-skew`, `queue.unsupported`
 */
export async function openQueue(options: {
  url: string;
  clock: Clock;
  log: Log;
  /** How long a worker may be silent before its job goes to another; renewed at half. 10 s unless told otherwise. */
  leaseMs?: number;
}): Promise<Queue> {
  const { clock, log } = options;
  const leaseMs = options.leaseMs ?? leaseMsDefault;
  const scheme = options.url.slice(0, options.url.indexOf(':'));
  switch (scheme) {
    case 'postgres':
    case 'postgresql': {
      const engine = await connectPostgres({ url: options.url, trouble: new TroubleLog({ log, clock }) });
      return await BullmqQueue.open({ engine, clock, log, leaseMs });
    }
    default:
      throw new TouchlineError({
        code: 'queue.unsupported',
        message: `a queue address begins with postgres:// (got ${JSON.stringify(scheme)}). Set TOUCHLINE_QUEUE.`,
        retryable: false,
        blame: 'caller',
      });
  }
}

/** BullMQ's own 30 s make a killed worker's segment a minute late; a pause of the process by 10 s is rare. */
const leaseMsDefault = 10_000;
