import { openTestQueue } from './queue-open.ts';

/** A process that takes result jobs, says which, and holds on to them until it is killed. */
const [at = '', leaseMs = '', slots = ''] = process.argv.slice(2);
const queue = await openTestQueue({ at, leaseMs: Number(leaseMs) });
process.on('disconnect', () => process.exit());
await queue.consume('result', {
  slots: Number(slots),
  signal: new AbortController().signal,
  handle: async (lease) => {
    process.send?.({ id: lease.job.id, attempt: lease.attempt });
    return await new Promise(() => {});
  },
});
