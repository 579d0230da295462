import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type {
  ActionOutcome,
  FleetAction,
  FleetProvider,
  FleetView,
  ProvidedMachine,
} from '../fleet-provider.ts';
import type { PoolSetting } from '../scaling-settings.ts';

export interface DryRunOptions {
  /** Empty: one of machines that cost nothing. */
  pools: readonly PoolSetting[];
  /** How long a machine is on its way, ms. */
  bootMsP95: () => number;
  clock: Clock;
  log: Log;
}

/**
 * A fleet on paper: says what it would do, and does it there. So the decisions of an evening can be read before they cost
 * anything. Nothing works on paper, so what is told to drain has nothing to finish and is gone.
 */
export class DryRunProvider implements FleetProvider {
  readonly name = 'dry-run';
  readonly capabilities = { canKeep: false };
  readonly #options: DryRunOptions;
  readonly #pools: readonly PoolSetting[];
  readonly #machines = new Map<string, { pool: string; launchedAtMs: number }>();
  #count = 0;

  constructor(options: DryRunOptions) {
    this.#options = options;
    this.#pools = options.pools.length > 0 ? options.pools : [{ name: 'paper', power: 1, dollarsPerHour: 0 }];
  }

  async observe(): Promise<FleetView> {
    const { clock, bootMsP95 } = this.#options;
    const nowMs = clock.nowMs();
    const machines = [...this.#machines].map(([instanceId, { pool, launchedAtMs }]): ProvidedMachine => {
      const life = nowMs - launchedAtMs < bootMsP95() ? 'pending' : 'running';
      return { instanceId, pool, life, launchedAtMs };
    });
    const pools = this.#pools.map((pool) => ({ ...pool, orderedCount: this.#countOf(pool.name) }));
    return { machines, pools };
  }

  async apply(action: FleetAction): Promise<ActionOutcome> {
    const outcome = this.#act(action);
    if (outcome.kind === 'done') this.#options.log.info('dry run: this would be done', { action });
    return outcome;
  }

  async close(): Promise<void> {}

  #act(action: FleetAction): ActionOutcome {
    if (action.kind === 'order') {
      const { pool, count } = action;
      if (!this.#pools.some(({ name }) => name === pool))
        return { kind: 'failed', why: `there is no pool ${pool}`, isRetryable: false };
      if (count <= this.#countOf(pool)) return { kind: 'unchanged' };
      while (this.#countOf(pool) < count) this.#launch(pool);
      return { kind: 'done' };
    }
    const machine = this.#machines.get(action.instanceId);
    if (!machine || action.kind === 'keep') return { kind: 'unchanged' };
    this.#machines.delete(action.instanceId);
    if (action.kind === 'replace') this.#launch(machine.pool);
    return { kind: 'done' };
  }

  #launch(pool: string): void {
    this.#count += 1;
    this.#machines.set(`paper-${this.#count}`, { pool, launchedAtMs: this.#options.clock.nowMs() });
  }

  #countOf(pool: string): number {
    return [...this.#machines.values()].filter((machine) => machine.pool === pool).length;
  }
}
