import type { ActionOutcome, FleetAction, FleetProvider, FleetView } from '../fleet-provider.ts';
import type { SimulatedMachine, World } from './world.ts';

/** What refuses to launch is not asked again for so long (Karpenter remembers for 3 min as well). */
const refusalMs = 3 * 60_000;

/** A world behind the port through which the controller sees an Auto Scaling Group. */
export class SimulatedProvider implements FleetProvider {
  readonly name = 'asg';
  readonly capabilities = { canKeep: true };
  readonly #world: World;
  readonly #isThrottled: () => boolean;
  readonly #refusedUntilMs = new Map<string, number>();

  constructor(world: World, isThrottled: () => boolean) {
    this.#world = world;
    this.#isThrottled = isThrottled;
  }

  async observe(): Promise<FleetView> {
    const world = this.#world;
    return {
      machines: [...world.present].map(({ id, pool, life, launchedAtMs, drainOrderedAtMs }) => ({
        instanceId: id,
        pool: pool.name,
        life: life === 'booting' ? 'pending' : 'running',
        launchedAtMs,
        drainOrderedAtMs,
      })),
      pools: world.options.pools.map((pool) => ({
        ...pool,
        orderedCount: world.countOf(pool),
        unavailableUntilMs: this.#refusedUntilMs.get(pool.name),
      })),
    };
  }

  async apply(action: FleetAction): Promise<ActionOutcome> {
    if (this.#isThrottled()) return { kind: 'failed', why: 'Throttling: Rate exceeded', isRetryable: true };
    if (action.kind === 'order') return this.#order(action.pool, action.count);
    const machine = this.#find(action.instanceId);
    if (!machine) return { kind: 'unchanged' };
    switch (action.kind) {
      case 'drain':
        this.#world.drain(machine);
        return { kind: 'done' };
      case 'keep':
        return { kind: this.#world.keep(machine) ? 'done' : 'unchanged' };
      case 'terminate':
      case 'replace':
        this.#world.end(machine);
        return { kind: 'done' };
    }
  }

  async close(): Promise<void> {}

  #order(poolName: string, count: number): ActionOutcome {
    const world = this.#world;
    const pool = world.options.pools.find(({ name }) => name === poolName);
    const missingCount = pool ? count - world.countOf(pool) : 0;
    if (!pool || missingCount <= 0) return { kind: 'unchanged' };
    if (world.launch(pool, missingCount) === missingCount) return { kind: 'done' };
    const untilMs = world.nowMs + refusalMs;
    this.#refusedUntilMs.set(poolName, untilMs);
    return { kind: 'no-capacity', pool: poolName, why: 'InsufficientInstanceCapacity', untilMs };
  }

  #find(instanceId: string): SimulatedMachine | undefined {
    for (const machine of this.#world.present) if (machine.id === instanceId) return machine;
    return undefined;
  }
}
