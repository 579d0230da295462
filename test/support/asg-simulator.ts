/**
 * EC2 Auto Scaling as it behaves, in virtual time: machines take their time to come and to go, pools run dry, hooks are waited
 * for, spot machines are taken away. moto speaks the same protocol and has none of that. `asg-simulator-http.ts` puts it
 * behind the Query protocol for the real SDK client.
 */
export class AsgSimulator {
  nowMs = 1_800_000_000_000;
  readonly groups = new Map<string, SimGroup>();
  /** Machines of a kind that EC2 has to give; not in it: as many as are asked for. */
  readonly capacity = new Map<string, number>();
  readonly activities: SimActivity[] = [];
  #count = 0;
  readonly #times: SimTimes;

  constructor(times: Partial<SimTimes> = {}) {
    this.#times = { ...usualTimes, ...times };
  }

  addGroup(name: string, changes: Partial<SimGroup> = {}): SimGroup {
    const group: SimGroup = {
      name,
      machineType: 'g5.xlarge',
      minSize: 0,
      maxSize: 20,
      desired: 0,
      isProtectingNew: true,
      suspended: new Set(['AZRebalance']),
      tags: new Map(),
      hooks: {},
      instances: [],
      weight: undefined,
      launchNotBeforeMs: 0,
      failuresInARow: 0,
      ...changes,
    };
    this.groups.set(name, group);
    return group;
  }

  /** Second by second. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.nowMs < untilMs) {
      this.nowMs += Math.min(1000, untilMs - this.nowMs);
      for (const group of this.groups.values()) this.#step(group);
    }
  }

  instance(id: string): SimInstance {
    return this.#find(id).instance;
  }

  setDesired(name: string, count: number): void {
    const group = this.group(name);
    if (count > group.maxSize)
      throw invalid(
        `New SetDesiredCapacity value ${count} is above max value ${group.maxSize} for the AutoScalingGroup.`,
      );
    if (count < group.minSize)
      throw invalid(
        `New SetDesiredCapacity value ${count} is below min value ${group.minSize} for the AutoScalingGroup.`,
      );
    if (count !== group.desired) this.#wantSoon(group);
    group.desired = count;
  }

  terminateInGroup(id: string, decrement: boolean): SimActivity {
    const { group, instance } = this.#find(id);
    if (instance.state.startsWith('Terminat'))
      throw invalid(`The instance ${id} is not in InService or Standby or Pending.`);
    if (decrement && group.desired <= group.minSize)
      throw invalid(
        `Currently, desiredSize equals minSize (${group.minSize}). Terminating instance without replacement will violate ` +
          `group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.`,
      );
    if (decrement) group.desired -= 1;
    else this.#wantSoon(group);
    return this.#terminate(group, instance, 'at a user request');
  }

  setHealth(id: string, isHealthy: boolean): void {
    this.#find(id).instance.isHealthy = isHealthy;
  }

  protect(name: string, ids: readonly string[], isProtected: boolean): void {
    if (ids.length > 50) throw invalid('1 validation error: instanceIds has more than 50 members');
    for (const id of ids) {
      const instance = this.group(name).instances.find((one) => one.id === id);
      if (!instance) throw invalid(`The instance ${id} is not part of Auto Scaling group ${name}.`);
      if (instance.state !== 'InService')
        throw invalid(`The instance ${id} is not in InService or EnteringStandby or Standby.`);
      instance.isProtected = isProtected;
    }
  }

  /** What the worker says at the end of its boot, or of its drain. */
  completeHook(id: string, result: 'CONTINUE' | 'ABANDON'): void {
    const { instance } = this.#find(id);
    if (!instance.state.endsWith(':Wait'))
      throw invalid(`No active Lifecycle Action found with instance ID ${id}`);
    instance.hookResult = result;
  }

  beatHook(id: string): void {
    const { group, instance } = this.#find(id);
    const hook = instance.state === 'Pending:Wait' ? group.hooks.launch : group.hooks.terminate;
    if (!hook || !instance.state.endsWith(':Wait'))
      throw invalid(`No active Lifecycle Action found with instance ID ${id}`);
    instance.untilMs = this.nowMs + hook.heartbeatMs;
  }

  /** EC2 takes it two minutes later, whatever it does. */
  giveSpotNotice(id: string): void {
    this.instance(id).takenAtMs = this.nowMs + 120_000;
  }

  /** From outside: a console, a kernel, a disk. The group finds out at its next look. */
  endFromOutside(id: string): void {
    this.instance(id).takenAtMs = this.nowMs;
  }

  group(name: string): SimGroup {
    const group = this.groups.get(name);
    if (group) return group;
    throw invalid(`AutoScalingGroup name not found - AutoScalingGroup ${name} not found`);
  }

  #find(id: string): { group: SimGroup; instance: SimInstance } {
    for (const group of this.groups.values()) {
      const instance = group.instances.find((one) => one.id === id);
      if (instance) return { group, instance };
    }
    throw invalid(`Instance Id not found - No managed instance found for instance ID: ${id}`);
  }

  #step(group: SimGroup): void {
    for (const instance of group.instances) this.#stepInstance(group, instance);
    group.instances = group.instances.filter(({ state }) => state !== 'Terminated');
    const counted = group.instances.filter(({ state }) => isCounted(state));
    if (counted.length < group.desired) this.#launch(group, group.desired - counted.length);
    const surplus = counted.length - group.desired;
    const victims = counted.filter(({ isProtected }) => !isProtected).slice(0, Math.max(0, surplus));
    for (const victim of victims) this.#terminate(group, victim, 'taken out for a lower desired capacity');
  }

  #stepInstance(group: SimGroup, instance: SimInstance): void {
    const isTaken = this.nowMs >= instance.takenAtMs;
    const isDue = this.nowMs >= instance.untilMs;
    if (isTaken && this.nowMs >= instance.takenAtMs + this.#times.healthCheckMs) instance.isHealthy = false;
    switch (instance.state) {
      case 'Pending':
        if (isDue) this.#enter(instance, group.hooks.launch, 'Pending:Wait', 'InService');
        break;
      case 'Pending:Wait':
        if (!instance.hookResult && isDue) instance.hookResult = group.hooks.launch?.defaultResult;
        if (instance.hookResult === 'CONTINUE') this.#enter(instance, undefined, 'Pending:Wait', 'InService');
        if (instance.hookResult === 'ABANDON') this.#terminate(group, instance, 'its launch was abandoned');
        break;
      case 'InService': {
        instance.isProtected ??= group.isProtectingNew;
        const isLooked = this.nowMs - instance.launchedAtMs >= this.#times.healthCheckMs;
        if (!instance.isHealthy && isLooked && !group.suspended.has('ReplaceUnhealthy'))
          this.#terminate(group, instance, 'taken out of service for a failed health check');
        break;
      }
      case 'Terminating':
        if (isDue) {
          const hook = isTaken ? undefined : group.hooks.terminate;
          this.#enter(instance, hook, 'Terminating:Wait', 'Terminated');
        }
        break;
      case 'Terminating:Wait':
        if (instance.hookResult || isDue || isTaken) instance.state = 'Terminated';
        break;
      case 'Terminated':
        break;
    }
    const [launch] = instance.activities;
    if (launch && instance.state === 'InService') launch.status = 'Successful';
  }

  /** Through the hook, where there is one. */
  #enter(instance: SimInstance, hook: SimHook | undefined, wait: SimState, after: SimState): void {
    instance.state = hook ? wait : after;
    instance.untilMs = this.nowMs + (hook?.heartbeatMs ?? 0);
    instance.hookResult = undefined;
  }

  #launch(group: SimGroup, count: number): void {
    if (this.nowMs < group.launchNotBeforeMs || group.suspended.has('Launch')) return;
    const has = [...this.groups.values()]
      .filter(({ machineType }) => machineType === group.machineType)
      .flatMap(({ instances }) => instances).length;
    const left = Math.max(0, (this.capacity.get(group.machineType) ?? Infinity) - has);
    for (let index = 0; index < Math.min(count, left); index += 1) this.#launchOne(group);
    if (count <= left) {
      group.failuresInARow = 0;
      return;
    }
    const zone = `eu-west-1${'ab'[this.#count % 2]}`;
    const message =
      `We currently do not have sufficient ${group.machineType} capacity in the Availability Zone you requested (${zone}). ` +
      'Our system will be working on provisioning additional capacity. Launching EC2 instance failed.';
    this.#say(group, `Launching a new EC2 instance.  Status Reason: ${message}`, 'Failed', message);
    group.failuresInARow += 1;
    // It tries again by itself, ever more rarely.
    group.launchNotBeforeMs = this.nowMs + Math.min(300_000, 15_000 * 2 ** group.failuresInARow);
  }

  #launchOne(group: SimGroup): void {
    this.#count += 1;
    const id = `i-${this.#count.toString(16).padStart(17, '0')}`;
    const activity = this.#say(group, `Launching a new EC2 instance: ${id}`, 'InProgress');
    group.instances.push({
      id,
      state: 'Pending',
      isHealthy: true,
      isProtected: undefined,
      zone: `eu-west-1${'ab'[this.#count % 2]}`,
      launchedAtMs: this.nowMs,
      untilMs: this.nowMs + this.#times.pendingMs,
      takenAtMs: Infinity,
      hookResult: undefined,
      activities: [activity],
    });
  }

  #terminate(group: SimGroup, instance: SimInstance, why: string): SimActivity {
    instance.state = 'Terminating';
    instance.untilMs = this.nowMs + this.#times.terminatingMs;
    const activity = this.#say(group, `Terminating EC2 instance: ${instance.id}`, 'InProgress', why);
    instance.activities.push(activity);
    return activity;
  }

  /** The group acts a moment after it was told to. */
  #wantSoon(group: SimGroup): void {
    group.launchNotBeforeMs = this.nowMs + this.#times.reactMs;
    group.failuresInARow = 0;
  }

  #say(group: SimGroup, description: string, status: SimActivity['status'], message?: string): SimActivity {
    const id = `activity-${this.activities.length}`;
    const activity = { id, group: group.name, description, startedAtMs: this.nowMs, status, message };
    this.activities.push(activity);
    return activity;
  }
}

interface SimTimes {
  /** From the order to the launch. */
  reactMs: number;
  /** From the launch to InService, or to the hook. */
  pendingMs: number;
  terminatingMs: number;
  healthCheckMs: number;
}

const usualTimes: SimTimes = {
  reactMs: 4_000,
  pendingMs: 30_000,
  terminatingMs: 20_000,
  healthCheckMs: 15_000,
};

interface SimHook {
  heartbeatMs: number;
  defaultResult: 'CONTINUE' | 'ABANDON';
}

export interface SimGroup {
  name: string;
  machineType: string;
  minSize: number;
  maxSize: number;
  desired: number;
  isProtectingNew: boolean;
  suspended: Set<string>;
  tags: Map<string, string>;
  hooks: { launch?: SimHook; terminate?: SimHook };
  instances: SimInstance[];
  weight: string | undefined;
  launchNotBeforeMs: number;
  failuresInARow: number;
}

type SimState = 'Pending' | 'Pending:Wait' | 'InService' | 'Terminating' | 'Terminating:Wait' | 'Terminated';

export interface SimInstance {
  id: string;
  state: SimState;
  isHealthy: boolean;
  /** Undefined until it is in service. */
  isProtected: boolean | undefined;
  zone: string;
  launchedAtMs: number;
  /** When its state ends by itself. */
  untilMs: number;
  /** When EC2 takes it away, or has. */
  takenAtMs: number;
  hookResult: 'CONTINUE' | 'ABANDON' | undefined;
  activities: SimActivity[];
}

export interface SimActivity {
  id: string;
  group: string;
  description: string;
  startedAtMs: number;
  status: 'InProgress' | 'Successful' | 'Failed';
  message: string | undefined;
}

function isCounted(state: SimState): boolean {
  return state === 'Pending' || state === 'Pending:Wait' || state === 'InService';
}

/** What Auto Scaling answers instead of doing it. */
export class SimRefusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

function invalid(message: string): SimRefusal {
  return new SimRefusal('ValidationError', 400, message);
}
