import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { Secret } from '../core/secret.ts';
import type { QueueSetting } from './queue-settings.ts';
import type { Queue } from './queue.ts';
import { TroubleLog } from './trouble-log.ts';

/**
 * Opens the queue that the setting names, and says at once when it cannot be used. `postgres` is BullMQ on `databaseUrl`,
 * in a schema of its own beside the catalogue. Only the libraries of that engine are loaded.
 *
 * @throws TouchlineError `queue.unavailable`, `queue.newer-schema`, `queue.clock-skew`, `queue.evicts`,
 * `queue.missing`, `queue.denied`
 */
export async function openQueue(options: {
  setting: QueueSetting;
  databaseUrl: Secret | undefined;
  clock: Clock;
  random: Random;
  log: Log;
  /** How long a worker may be silent before its job goes to another. Default 10 s, on SQS 20 s. */
  leaseMs?: number;
}): Promise<Queue> {
  const { setting, clock, log, random } = options;
  const trouble = new TroubleLog({ log, clock });
  const leaseMs = options.leaseMs ?? leaseMsDefault;
  switch (setting.engine) {
    case 'postgres': {
      if (!options.databaseUrl) throw noDatabase();
      const { BullmqQueue } = await import('./bullmq-queue.ts');
      const { connectPostgres } = await import('./bullmq-postgres.ts');
      const engine = await connectPostgres({ url: options.databaseUrl.reveal(), trouble });
      return await BullmqQueue.open({ engine, clock, log, leaseMs });
    }
    case 'redis': {
      const { BullmqQueue } = await import('./bullmq-queue.ts');
      const { connectRedis } = await import('./bullmq-redis.ts');
      const engine = await connectRedis({ url: setting.url, log, random, trouble });
      return await BullmqQueue.open({ engine, clock, log, leaseMs });
    }
    case 'sqs': {
      const { SqsQueue } = await import('./sqs-queue.ts');
      return await SqsQueue.open({
        ...setting,
        clock,
        random,
        log,
        leaseMs: options.leaseMs ?? sqsLeaseMsDefault,
      });
    }
  }
}

/** BullMQ's own 30 s make a killed worker's segment a minute late; a pause of the process by 10 s is rare. */
const leaseMsDefault = 10_000;
/** Each renewal is a call that is billed, and that may have to be made again. */
const sqsLeaseMsDefault = 20_000;

function noDatabase(): TouchlineError {
  return new TouchlineError({
    code: 'queue.unavailable',
    message:
      'the queue lies in the database of the catalogue, and there is none: set DATABASE_URL or TOUCHLINE_QUEUE.',
    retryable: false,
    blame: 'caller',
  });
}
