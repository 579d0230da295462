import { systemClock, type Clock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { Controller, type DecisionRecord, type DecisionRecords } from '../controller.ts';
import type { ScalingPolicy } from '../policy.ts';
import { noOverrides } from '../snapshot.ts';
import type { Scaler } from './scaler.ts';
import { logNormal, seededRandom } from './seeded-random.ts';
import { SimulatedProvider } from './simulated-provider.ts';
import { bootSpread, type World } from './world.ts';

const everySeconds = 10;
/** Boots that the days before have left in the records. */
const knownBootCount = 20;

/** The controller of production with its `decide()`, against a world: only its provider and its records are on paper. */
export function touchlineScaler(policy: ScalingPolicy): Scaler {
  const recordsOf = new WeakMap<World, PaperRecords>();
  return {
    name: 'touchline',
    everySeconds,
    dispatch: 'longest-idle',
    start: (world, view) => {
      const records = recordsOf.get(world) ?? new PaperRecords(world);
      recordsOf.set(world, records);
      const clock: Clock = { ...systemClock, nowMs: () => world.nowMs };
      const controller = new Controller({
        provider: new SimulatedProvider(world, view.isThrottled),
        policy,
        load: async () => view.load(),
        records,
        lease: { hold: async () => true, release: async () => {} },
        // Machines of this world die, and do not fall sick.
        isHealing: false,
        intervalMs: everySeconds * 1000,
        clock,
        random: seededRandom(world.options.seed, 'controller'),
        log: silentLog,
      });
      const { signal } = new AbortController();
      return async () => {
        const before = records.changeCount;
        await controller.round(signal);
        return records.changeCount > before;
      };
    },
  };
}

/** What a database would keep: it outlives a crash of the controller. */
class PaperRecords implements DecisionRecords {
  changeCount = 0;
  readonly #world: World;
  readonly #decisions: DecisionRecord['decision'][] = [];
  readonly #knownBootMs: number[];

  constructor(world: World) {
    this.#world = world;
    const random = seededRandom(world.options.seed, 'boots of the days before');
    const median = world.options.bootSecondsMedian * 1000;
    this.#knownBootMs = Array.from({ length: knownBootCount }, () =>
      logNormal(random, { median, ...bootSpread }),
    );
  }

  async recent(sinceMs: number): Promise<DecisionRecord['decision'][]> {
    return this.#decisions.filter(({ atMs }) => atMs >= sinceMs);
  }

  async noteMachines(): Promise<void> {}

  async overrides(): Promise<typeof noOverrides> {
    return noOverrides;
  }

  async bootMsP95(): Promise<number> {
    const { machines, nowMs } = this.#world;
    const measured = machines
      .filter(({ readyAtMs }) => readyAtMs <= nowMs)
      .map(({ readyAtMs, launchedAtMs }) => readyAtMs - launchedAtMs);
    const all = [...this.#knownBootMs, ...measured].toSorted((one, other) => one - other);
    return all[Math.ceil(all.length * 0.95) - 1] ?? 0;
  }

  async add({ decision, outcomes }: DecisionRecord): Promise<void> {
    this.#decisions.push(decision);
    const isChange = outcomes.some(
      ({ action, outcome }) => outcome.kind === 'done' && action.kind !== 'terminate',
    );
    if (isChange) this.changeCount += 1;
  }
}
