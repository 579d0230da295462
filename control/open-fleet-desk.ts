import type { Catalogue } from '../store/catalogue.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { Queue } from '../queue/queue.ts';
import { LoadReader } from './load-view.ts';
import { ScalingRecords } from './scaling-records.ts';
import { Schedule } from './schedule.ts';
import { WorkerRegistry } from './worker-registry.ts';

/** Who works, what there is to do, what is expected, and what was decided about it. */
export interface FleetDesk {
  registry: Open<WorkerRegistry>;
  load: Open<LoadReader>;
  records: Open<ScalingRecords>;
  schedule: Open<Schedule>;
}

/** What a class shows: its private fields would keep anything else from standing in for it. */
type Open<T> = Pick<T, keyof T>;

/** Beats are small, and one update each. */
const beatSlots = 4;

export function openFleetDesk(options: {
  catalogue: Catalogue;
  queue: Queue;
  clock: Clock;
  random: Random;
}): {
  desk: FleetDesk;
  /** Takes the beats of workers until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
} {
  const { catalogue, queue, clock, random } = options;
  const { db } = catalogue;
  const registry = new WorkerRegistry({ db, clock });
  return {
    desk: {
      registry,
      load: new LoadReader({ db, registry, clock }),
      records: new ScalingRecords({ db, clock }),
      schedule: new Schedule({ db, clock, random }),
    },
    run: async (signal) =>
      await queue.consume('beat', {
        slots: beatSlots,
        signal,
        handle: async ({ job }) => {
          await registry.take(job);
          return { kind: 'done' };
        },
      }),
  };
}
