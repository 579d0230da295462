import { systemClock, type Clock } from '../../core/clock.ts';
import { silentLog, type Log } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { openQueue } from '../../queue/open-queue.ts';
import { queueSettings } from '../../queue/queue-settings.ts';
import type { Queue } from '../../queue/queue.ts';

/** The queue at `at`: what TOUCHLINE_QUEUE may be, or the address of a database. */
export async function openTestQueue(options: {
  at: string;
  leaseMs: number;
  clock?: Clock;
  log?: Log;
}): Promise<Queue> {
  const { at, leaseMs } = options;
  const isDatabase = /^postgres(ql)?:/.test(at);
  return await openQueue({
    setting: isDatabase ? { engine: 'postgres' } : queueSettings.queue.schema.parse(at),
    databaseUrl: isDatabase ? new Secret(at) : undefined,
    clock: options.clock ?? systemClock,
    random: systemRandom,
    log: options.log ?? silentLog,
    leaseMs,
  });
}
