import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { openQueue } from '../../queue/open-queue.ts';

/** A process that takes result jobs, says which, and holds on to them until it is killed. */
const [url = '', leaseMs = '', slots = ''] = process.argv.slice(2);
const queue = await openQueue({ url, clock: systemClock, log: silentLog, leaseMs: Number(leaseMs) });
process.on('disconnect', () => process.exit());
await queue.consume('result', {
  slots: Number(slots),
  signal: new AbortController().signal,
  handle: async (lease) => {
    process.send?.({ id: lease.job.id, attempt: lease.attempt });
    return await new Promise(() => {});
  },
});
