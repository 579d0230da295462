import { systemClock } from '../../core/clock.ts';
import { MemoryBroker } from '../support/memory-queue.ts';
import { Collected, queueContract } from './queue-contract.ts';

queueContract(
  { engine: 'memory', ordersByDeadline: true, dedupesWaiting: true, countsReleases: false },
  async () => {
    const broker = new MemoryBroker({ clock: systemClock, leaseMs: 200 });
    return {
      connect: async () => broker.connect(),
      takeAndDie: async (count) => {
        const victim = broker.connect();
        const taken = new Collected<{ id: string; attempt: number }>();
        void victim.consume('result', {
          slots: count,
          signal: new AbortController().signal,
          handle: async (lease) => {
            taken.add({ id: lease.job.id, attempt: lease.attempt });
            return await new Promise(() => {});
          },
        });
        const all = await taken.reach(count);
        victim.crash();
        return all;
      },
      done: async () => {},
    };
  },
);
