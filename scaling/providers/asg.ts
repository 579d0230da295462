import type { Clock } from '../../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { DrainOrders } from '../drain-orders.ts';
import type {
  ActionOutcome,
  FleetAction,
  FleetProvider,
  FleetView,
  ProvidedMachine,
} from '../fleet-provider.ts';
import type { PoolSetting } from '../scaling-settings.ts';
import type { AsgApi, AsgGroup, AsgLaunch, AsgMachine } from './asg-api.ts';
import { prepareGroup } from './asg-checks.ts';

export interface AsgOptions {
  api: AsgApi;
  /** In the order of preference. */
  pools: readonly PoolSetting[];
  orders: DrainOrders;
  /** From launch to the first finished job, as measured, ms: who has not even appeared by half of it is not coming. */
  bootMsP95: () => number;
  /** Leaves word on the groups that it decides for them (`scaling/lambda.ts` waits for that to grow old). */
  leavesSign?: boolean;
  clock: Clock;
  log: Log;
}

/** A pool that had nothing to give is not asked again for this long, as Karpenter does it. */
const unavailableMs = 180_000;
/** What one round has seen is good for its actions. */
const viewMsMax = 5_000;
/** The Lambda takes over when a sign is 90 s old: a round may be late. */
const signEveryMs = 60_000;
/** Who has not looked for as long may have been stood in for: machines may have new orders. */
const absentMsMin = 60_000;

interface PoolMemory {
  unavailableUntilMs: number;
  /** Since when fewer machines are there than were ordered. */
  missingSinceMs: number | undefined;
  /** Failed launches that have been told of. */
  failureIds: Set<string>;
}

/**
 * EC2 Auto Scaling groups, one for each pool. A group is told how many machines it shall have, never who is to go: machines are
 * protected from scale-in, told to drain one by one, and ended one by one, with the group's desired capacity.
 */
export class AsgProvider implements FleetProvider {
  readonly name = 'asg';
  readonly capabilities = { canKeep: true };
  readonly #options: AsgOptions;
  readonly #memories: ReadonlyMap<string, PoolMemory>;
  #groups = new Map<string, AsgGroup>();
  #seenAtMs = -Infinity;
  /** Of every machine in a group. Auto Scaling does not say it of the machine, but its log of activities does. */
  #launchedAtMs = new Map<string, number>();
  #drains: Map<string, number>;
  #signedAtMs = -Infinity;
  #observedAtMs: number;
  readonly #keptAtMs = new Map<string, number>();

  /** @throws TouchlineError `scaling.missing-group`, `scaling.weighted-group`, `scaling.denied`, ... */
  static async open(options: AsgOptions, signal: AbortSignal): Promise<AsgProvider> {
    const provider = new AsgProvider(options, await options.orders.read());
    await provider.#look(signal);
    for (const group of provider.#groups.values()) {
      await prepareGroup(group, options, signal);
      // So that a missing permission is named now, and not when the first machine does not come.
      await options.api.launches(group.name, signal);
    }
    return provider;
  }

  private constructor(options: AsgOptions, drains: Map<string, number>) {
    this.#options = options;
    this.#drains = drains;
    this.#observedAtMs = options.clock.nowMs();
    this.#memories = new Map(
      options.pools.map(({ name }) => [
        name,
        { unavailableUntilMs: 0, missingSinceMs: undefined, failureIds: new Set() },
      ]),
    );
  }

  /** Notices, too, what a group cannot give: that order is taken back, so that it does not come on top of another pool's. */
  async observe(signal: AbortSignal): Promise<FleetView> {
    const { clock, orders } = this.#options;
    const isBack = clock.nowMs() - this.#observedAtMs > absentMsMin;
    try {
      await this.#look(signal);
      await this.#leaveSign(signal);
      if (isBack) this.#drains = await orders.read();
      for (const group of this.#groups.values()) await this.#watch(group, signal);
    } catch (thrown) {
      const error = asTouchlineError(thrown);
      // A policy is mended while we run, and the fleet has to follow then.
      if (error.code !== 'scaling.denied') throw error;
      const { code, message, blame } = error;
      throw new TouchlineError({ code, message, blame, retryable: true, cause: error });
    }
    await this.#forgetGone();
    this.#observedAtMs = clock.nowMs();
    return {
      machines: [...this.#groups.values()].flatMap((group) => this.#machinesOf(group)),
      pools: this.#options.pools.map(({ name, power, dollarsPerHour }) => ({
        name,
        power,
        dollarsPerHour,
        orderedCount: this.#groups.get(name)?.desired ?? 0,
        unavailableUntilMs: this.#memory(name).unavailableUntilMs,
      })),
    };
  }

  async apply(action: FleetAction, signal: AbortSignal): Promise<ActionOutcome> {
    try {
      if (this.#options.clock.nowMs() - this.#seenAtMs > viewMsMax) await this.#look(signal);
      return await this.#act(action, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asTouchlineError(thrown);
      if (error.code === 'scaling.missing-group') throw error;
      // Nobody knows what has become of it: it is looked at before anything else is done.
      this.#seenAtMs = -Infinity;
      return {
        kind: 'failed',
        why: error.message,
        isRetryable: error.retryable,
      };
    }
  }

  async close(): Promise<void> {
    this.#options.api.close();
  }

  async #act(action: FleetAction, signal: AbortSignal): Promise<ActionOutcome> {
    const { orders, api, clock } = this.#options;
    if (action.kind === 'order') return await this.#order(action, signal);
    const { instanceId } = action;
    if (action.kind === 'keep') {
      if (!this.#drains.has(instanceId)) return { kind: 'unchanged' };
      await orders.order(instanceId, false);
      this.#drains.delete(instanceId);
      this.#keptAtMs.set(instanceId, clock.nowMs());
      return { kind: 'done' };
    }
    const found = this.#find(instanceId);
    if (!found) return { kind: 'unchanged' };
    switch (action.kind) {
      case 'drain': {
        if (this.#drains.has(instanceId)) return { kind: 'unchanged' };
        // It would be drained for nothing: the group refuses to let it go.
        const drainingCount = found.group.machines.filter((machine) =>
          this.#drains.has(machine.instanceId),
        ).length;
        if (found.group.desired - drainingCount <= found.group.minSize) return atMinSize(found.group);
        await orders.order(instanceId, true);
        this.#drains.set(instanceId, clock.nowMs());
        return { kind: 'done' };
      }
      case 'terminate':
        return await this.#terminate(found, signal);
      case 'replace':
        await api.setUnhealthy(instanceId, signal);
        found.machine.isHealthy = false;
        return { kind: 'done' };
    }
  }

  async #order(
    { pool, count }: { pool: string; count: number },
    signal: AbortSignal,
  ): Promise<ActionOutcome> {
    const { api, clock } = this.#options;
    const group = this.#groups.get(pool);
    if (!group)
      return {
        kind: 'failed',
        why: `there is no pool ${pool} in TOUCHLINE_SCALING_POOLS`,
        isRetryable: false,
      };
    const memory = this.#memory(pool);
    if (count <= group.desired) return { kind: 'unchanged' };
    if (clock.nowMs() < memory.unavailableUntilMs)
      return noCapacity(group, 'it had none a moment ago', memory.unavailableUntilMs);
    const possible = Math.min(count, group.maxSize);
    if (possible > group.desired) {
      await api.setDesired(pool, possible, signal);
      group.desired = possible;
      memory.missingSinceMs ??= clock.nowMs();
    }
    if (possible === count) return { kind: 'done' };
    memory.unavailableUntilMs = clock.nowMs() + unavailableMs;
    return noCapacity(
      group,
      `its MaxSize is ${group.maxSize}, and ${count} were ordered`,
      memory.unavailableUntilMs,
    );
  }

  async #terminate(
    { group, machine }: { group: AsgGroup; machine: AsgMachine },
    signal: AbortSignal,
  ): Promise<ActionOutcome> {
    const { instanceId } = machine;
    const { orders, clock } = this.#options;
    if (group.desired <= group.minSize) return atMinSize(group);
    if (!this.#drains.has(instanceId)) {
      // It drained by itself, or its drain was taken back and it has not said yet that it works again.
      await orders.order(instanceId, true);
      this.#drains.set(instanceId, clock.nowMs());
      const why = `${instanceId} had no order to drain, and has one now: the next round ends it when it is still empty`;
      return { kind: 'failed', why, isRetryable: true };
    }
    try {
      await this.#options.api.terminate(instanceId, signal);
    } catch (thrown) {
      const { code } = asTouchlineError(thrown);
      if (code === 'scaling.missing-machine') {
        this.#seenAtMs = -Infinity;
        return { kind: 'unchanged' };
      }
      if (code !== 'scaling.unavailable') throw thrown;
      // The answer was lost, and a second one would count down once more: it is asked for again only where it did not happen.
      await this.#look(signal);
      if (this.#find(instanceId)) throw thrown;
      return { kind: 'done' };
    }
    machine.state = 'Terminating';
    group.desired -= 1;
    return { kind: 'done' };
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { api, pools, clock } = this.#options;
    this.#groups = await api.allGroups(
      pools.map(({ name }) => name),
      signal,
    );
    this.#seenAtMs = clock.nowMs();
  }

  async #leaveSign(signal: AbortSignal): Promise<void> {
    const { leavesSign = false, api, pools, clock, log } = this.#options;
    const nowMs = clock.nowMs();
    if (!leavesSign || nowMs - this.#signedAtMs < signEveryMs) return;
    // Also when it fails: no more than once a minute.
    this.#signedAtMs = nowMs;
    const names = pools.map(({ name }) => name);
    try {
      await api.sign(names, signal);
    } catch (error) {
      signal.throwIfAborted();
      const consequence = 'where the Lambda of scaling runs, it may decide beside this server';
      log.warn('no sign of life could be left on the Auto Scaling groups', { consequence, error });
    }
  }

  /** Reads the launches of a group where there is a question that they answer. */
  async #watch(group: AsgGroup, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const memory = this.#memory(group.name);
    const presentCount = group.machines.filter(({ state }) => isCounted(state)).length;
    if (presentCount >= group.desired) memory.missingSinceMs = undefined;
    else memory.missingSinceMs ??= clock.nowMs();
    const unknown = group.machines.filter(({ instanceId }) => !this.#launchedAtMs.has(instanceId));
    if (memory.missingSinceMs === undefined && unknown.length === 0) return;
    const log = await this.#launchesOf(group, signal);
    for (const { instanceId } of log ? unknown : []) {
      const own = log?.launches.find((launch) => launch.instanceId === instanceId);
      // Older than what was read of the log; or, where that was all of it, so new that it is not in it yet.
      this.#launchedAtMs.set(instanceId, own?.startedAtMs ?? log?.sinceMs ?? clock.nowMs());
    }
    if (memory.missingSinceMs === undefined) return;
    const why = this.#shortage(group, presentCount, log?.launches ?? []);
    if (why !== undefined) await this.#takeBack(group, { presentCount, why }, signal);
  }

  /** Undefined when it cannot be read now: that alone must not keep the fleet from being sized. */
  async #launchesOf(
    { name }: AsgGroup,
    signal: AbortSignal,
  ): Promise<Awaited<ReturnType<AsgApi['launches']>> | undefined> {
    try {
      return await this.#options.api.launches(name, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#options.log.warn('the log of an Auto Scaling group cannot be read now', { pool: name, error });
      return undefined;
    }
  }

  /** Why machines that were ordered do not come; undefined while they may. */
  #shortage(group: AsgGroup, presentCount: number, launches: readonly AsgLaunch[]): string | undefined {
    const { clock, bootMsP95 } = this.#options;
    const memory = this.#memory(group.name);
    const nowMs = clock.nowMs();
    const failures = launches.filter(
      ({ id, failure, startedAtMs }) =>
        failure !== undefined && nowMs - startedAtMs < unavailableMs && !memory.failureIds.has(id),
    );
    memory.failureIds = new Set(launches.flatMap(({ id, failure }) => (failure === undefined ? [] : [id])));
    if (failures[0]) return failures[0].failure;
    const waitedMs = nowMs - (memory.missingSinceMs ?? nowMs);
    if (waitedMs <= bootMsP95() / 2) return undefined;
    return `${presentCount} of ${group.desired} machines are there ${Math.round(waitedMs / 1000)} s after they were ordered`;
  }

  async #takeBack(
    group: AsgGroup,
    about: { presentCount: number; why: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log, api } = this.#options;
    const memory = this.#memory(group.name);
    const { presentCount, why } = about;
    memory.unavailableUntilMs = clock.nowMs() + unavailableMs;
    memory.missingSinceMs = undefined;
    log.warn('a pool has no machines to give now', {
      pool: group.name,
      why,
      untilMs: memory.unavailableUntilMs,
    });
    // Were one more to come at this moment, the group would have one too many: then it may choose none that is at work.
    const isSafe = group.machines.every(({ state, isProtected }) => state !== 'InService' || isProtected);
    const count = Math.max(group.minSize, presentCount);
    if (!isSafe || count >= group.desired) return;
    try {
      await api.setDesired(group.name, count, signal);
      group.desired = count;
    } catch (error) {
      signal.throwIfAborted();
      log.warn('an order that a pool cannot fill could not be taken back', { pool: group.name, error });
    }
  }

  /** Instance ids never come again, so neither does what is known of them. */
  async #forgetGone(): Promise<void> {
    const { orders, log } = this.#options;
    const here = new Set([...this.#groups.values()].flatMap(({ machines }) => machines.map(idOf)));
    for (const instanceId of [...this.#launchedAtMs.keys()].filter((id) => !here.has(id))) {
      this.#launchedAtMs.delete(instanceId);
      this.#keptAtMs.delete(instanceId);
      if (!this.#drains.delete(instanceId)) continue;
      await orders.order(instanceId, false).catch((error: unknown) => {
        log.warn('the order to drain of a machine that is gone stays behind', { instanceId, error });
      });
    }
  }

  #machinesOf(group: AsgGroup): ProvidedMachine[] {
    return group.machines.flatMap((machine): ProvidedMachine[] => {
      const life = lifeOf(machine);
      if (life === undefined) return [];
      const { instanceId } = machine;
      return [
        {
          instanceId,
          pool: group.name,
          life,
          launchedAtMs: this.#launchedAtMs.get(instanceId) ?? this.#options.clock.nowMs(),
          drainOrderedAtMs: this.#drains.get(instanceId),
          keptAtMs: this.#keptAtMs.get(instanceId),
        },
      ];
    });
  }

  /** A machine of the fleet that is not ending. */
  #find(instanceId: string): { group: AsgGroup; machine: AsgMachine } | undefined {
    for (const group of this.#groups.values()) {
      const machine = group.machines.find((one) => one.instanceId === instanceId);
      const life = machine && lifeOf(machine);
      if (machine && life !== undefined && life !== 'ending') return { group, machine };
    }
    return undefined;
  }

  #memory(pool: string): PoolMemory {
    const memory = this.#memories.get(pool);
    if (memory) return memory;
    throw new TouchlineError({
      code: 'scaling.no-pool',
      message: `there is no pool ${pool}`,
      retryable: false,
      blame: 'touchline',
    });
  }
}

function idOf({ instanceId }: AsgMachine): string {
  return instanceId;
}

/** Undefined for what does not count for the group: in standby, detached, or asleep in a warm pool. */
function lifeOf({ state, isHealthy }: AsgMachine): ProvidedMachine['life'] | undefined {
  if (/^(Standby|EnteringStandby|Detach|Warmed)/.test(state)) return undefined;
  if (/^(Terminat|Quarantined)/.test(state) || !isHealthy) return 'ending';
  return state === 'InService' ? 'running' : 'pending';
}

/** As the group counts against its desired capacity. */
function isCounted(state: string): boolean {
  return !/^(Standby|EnteringStandby|Detach|Warmed|Terminat|Quarantined)/.test(state);
}

function atMinSize({ name, minSize }: AsgGroup): ActionOutcome {
  const why = `the Auto Scaling group ${name} keeps ${minSize} machines (MinSize): lower it for the fleet to follow the load`;
  return { kind: 'failed', why, isRetryable: false };
}

function noCapacity({ name }: AsgGroup, why: string, untilMs: number): ActionOutcome {
  return {
    kind: 'no-capacity',
    pool: name,
    why: `the Auto Scaling group ${name} has no machine to give: ${why}`,
    untilMs,
  };
}
