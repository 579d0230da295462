import { countEach } from '../core/count-each.ts';
import type { FleetAction } from './fleet-provider.ts';
import { needOf, powerOfFirst, powerOfPool, scheduledCount, wholeMachines, type Need } from './need.ts';
import type { ScalingPolicy } from './policy.ts';
import type { Machine, MachineState, PastDecision, Pool, Snapshot } from './snapshot.ts';

export interface Decision {
  atMs: number;
  /** What the load called for, in machines of the first pool, before any brake. */
  neededCount: number;
  /** What there shall be: machines of the first pool that work or will, those that drain left out. */
  desiredCount: number;
  /** In the order in which they are to be carried out. */
  actions: readonly FleetAction[];
  /** One sentence for a person. */
  reason: string;
  need: Need;
  /** What held the fleet back from what was needed, or on to what was not. */
  brakes: readonly Brake[];
  /** What was there when it was made; states that no machine is in are absent. */
  machineCounts: Readonly<Partial<Record<MachineState, number>>>;
}

export type Brake =
  | 'count-min'
  | 'count-max'
  | 'cost'
  | 'step'
  | 'stale'
  | 'pinned'
  | 'in-paused'
  | 'out-paused'
  | 'recent-need'
  | 'in-slowly'
  | 'lead'
  | 'no-capacity';

/** How many machines there shall be, and what to do about it. Pure: the same snapshot and policy give the same decision. */
export function decide(snapshot: Snapshot, policy: ScalingPolicy): Decision {
  // A sick one is replaced by its provider: another is on its way. When too many look sick, it is not the machines.
  const staying = snapshot.machines.filter(({ state }) => isStaying[state]);
  const unit = powerOfFirst(snapshot);
  const orderedPower = powerOf(staying, snapshot.pools);
  const orderedCount = wholeMachines(orderedPower / unit);
  const need = needOf(snapshot, policy, orderedPower);
  const brakes = new Set<Brake>();
  const desiredCount = braked({ snapshot, policy, need, orderedCount, brakes });
  const actions = [
    ...terminations(snapshot),
    ...(desiredCount * unit > orderedPower + 1e-9
      ? growth({ snapshot, policy, missingPower: desiredCount * unit - orderedPower, brakes })
      : drains({ snapshot, policy, staying, excessPower: orderedPower - desiredCount * unit })),
  ];
  return {
    atMs: snapshot.atMs,
    neededCount: need.count,
    desiredCount,
    actions,
    reason: reasonOf({ need, actions, stayingCount: staying.length, brakes, snapshot }),
    need,
    brakes: [...brakes],
    machineCounts: countEach(snapshot.machines.map(({ state }) => state)),
  };
}

const isStaying: Readonly<Record<MachineState, boolean>> = {
  pending: true,
  ready: true,
  sick: true,
  draining: false,
  drained: false,
  ending: false,
};

interface Situation {
  snapshot: Snapshot;
  policy: ScalingPolicy;
  need: Need;
  orderedCount: number;
  brakes: Set<Brake>;
}

function braked(situation: Situation): number {
  const { snapshot, policy, brakes, orderedCount } = situation;
  const { atMs, overrides, measuredAtMs } = snapshot;
  const { pin } = overrides;
  const within = (count: number): number => bounded(count, policy, brakes);
  if (pin && atMs < pin.untilMs) {
    brakes.add('pinned');
    return within(pin.count);
  }
  let count = situation.need.count;
  if (atMs - measuredAtMs > policy.staleAfterSeconds * 1000) {
    brakes.add('stale');
    count = Math.max(orderedCount, scheduledCount(snapshot, policy));
  }
  if (count < orderedCount) count = slowIn(situation, count);
  if (count < orderedCount && overrides.isInPaused) {
    brakes.add('in-paused');
    count = orderedCount;
  }
  if (count > orderedCount && overrides.isOutPaused) {
    brakes.add('out-paused');
    count = orderedCount;
  }
  if (count - orderedCount > policy.stepCountMax) {
    brakes.add('step');
    count = orderedCount + policy.stepCountMax;
  }
  return within(count);
}

function bounded(count: number, policy: ScalingPolicy, brakes: Set<Brake>): number {
  if (count < policy.countMin) brakes.add('count-min');
  if (count > policy.countMax) brakes.add('count-max');
  return Math.min(policy.countMax, Math.max(policy.countMin, count));
}

/** Fewer than there are: not below a recent need, not faster than the policy, never when a kick-off is near. */
function slowIn({ snapshot, policy, need, orderedCount, brakes }: Situation, wanted: number): number {
  if (need.isInLead) {
    brakes.add('lead');
    return orderedCount;
  }
  const { atMs, history } = snapshot;
  const since = (seconds: number): PastDecision[] =>
    history.filter((past) => past.atMs > atMs - seconds * 1000);
  let count = wanted;
  const recent = Math.max(0, ...since(policy.inWindowSeconds).map(({ neededCount }) => neededCount));
  // Without a memory of the whole window nobody knows what was needed: after a restart the fleet stays for that long.
  const knowsWindow = history.some((past) => past.atMs <= atMs - policy.inWindowSeconds * 1000);
  const floor = knowsWindow ? recent : Math.max(recent, orderedCount);
  if (floor > count) {
    brakes.add('recent-need');
    count = Math.min(floor, orderedCount);
  }
  if (count === 0 && since(policy.zeroAfterSeconds).some(({ neededCount }) => neededCount > 0)) {
    brakes.add('recent-need');
    count = Math.min(1, orderedCount);
  }
  const aMinuteAgo = Math.max(orderedCount, ...since(60).map(({ desiredCount }) => desiredCount));
  // Rounded down: of one or two machines the share would be none.
  const slowest = Math.min(orderedCount, Math.floor(aMinuteAgo * (1 - policy.inShareMaxPerMinute)));
  if (slowest > count) {
    brakes.add('in-slowly');
    count = slowest;
  }
  return count;
}

function terminations({ machines }: Snapshot): FleetAction[] {
  return machines.flatMap(({ id, state }) =>
    state === 'drained' ? [{ kind: 'terminate' as const, instanceId: id }] : [],
  );
}

/** Those that drain are taken back first, the cheapest capacity there is; then the first pool that has machines to give. */
function growth(about: {
  snapshot: Snapshot;
  policy: ScalingPolicy;
  missingPower: number;
  brakes: Set<Brake>;
}): FleetAction[] {
  const { snapshot, policy, brakes } = about;
  const actions: FleetAction[] = [];
  let missing = about.missingPower;
  const drainingHere = snapshot.machines.filter(
    ({ state, isGoing }) => state === 'draining' && isGoing !== true,
  );
  for (const machine of newestFirst(drainingHere)) {
    if (missing <= 1e-9) break;
    actions.push({ kind: 'keep', instanceId: machine.id });
    missing -= powerOfPool(machine.pool, snapshot.pools);
  }
  if (missing <= 1e-9) return actions;
  const pool = snapshot.pools.find(({ unavailableUntilMs = 0 }) => unavailableUntilMs <= snapshot.atMs);
  if (!pool) {
    brakes.add('no-capacity');
    return actions;
  }
  // What is drained is ended before.
  const here = snapshot.machines.filter(({ state }) => state !== 'ending' && state !== 'drained');
  let count = wholeMachines(missing / pool.power);
  const roomCount = policy.countMax - here.length;
  if (count > roomCount) brakes.add('count-max');
  const spent = here.reduce((sum, { pool: name }) => sum + priceOf(name, snapshot.pools), 0);
  const affordable =
    policy.dollarsPerHourMax === undefined || pool.dollarsPerHour === 0
      ? Infinity
      : Math.floor((policy.dollarsPerHourMax - spent) / pool.dollarsPerHour + 1e-9);
  if (count > affordable) brakes.add('cost');
  count = Math.min(count, roomCount, affordable);
  if (count <= 0) return actions;
  const have = here.filter(({ pool: name }) => name === pool.name).length;
  actions.push({ kind: 'order', pool: pool.name, count: have + count });
  return actions;
}

function drains(about: {
  snapshot: Snapshot;
  policy: ScalingPolicy;
  staying: readonly Machine[];
  excessPower: number;
}): FleetAction[] {
  const { snapshot, policy, staying } = about;
  const actions: FleetAction[] = [];
  let excess = about.excessPower;
  const paid = staying.filter(
    ({ state, launchedAtMs }) =>
      state !== 'sick' && snapshot.atMs - launchedAtMs >= policy.paidSecondsMin * 1000,
  );
  for (const machine of victimsFirst(paid)) {
    const power = powerOfPool(machine.pool, snapshot.pools);
    if (power > excess + 1e-9) continue;
    actions.push({ kind: 'drain', instanceId: machine.id });
    excess -= power;
  }
  return actions;
}

/** What has not begun, then what is idle, then what is oldest: it has had its work's worth. */
function victimsFirst(machines: readonly Machine[]): Machine[] {
  return machines.toSorted(
    (one, other) =>
      Number(one.state === 'ready') - Number(other.state === 'ready') ||
      one.jobsInHand - other.jobsInHand ||
      one.launchedAtMs - other.launchedAtMs ||
      (one.id < other.id ? -1 : 1),
  );
}

function newestFirst(machines: readonly Machine[]): Machine[] {
  return machines.toSorted(
    (one, other) => other.launchedAtMs - one.launchedAtMs || (one.id < other.id ? -1 : 1),
  );
}

function powerOf(machines: readonly Machine[], pools: readonly Pool[]): number {
  return machines.reduce((sum, { pool }) => sum + powerOfPool(pool, pools), 0);
}

function priceOf(name: string, pools: readonly Pool[]): number {
  return pools.find((pool) => pool.name === name)?.dollarsPerHour ?? 0;
}

function reasonOf(about: {
  need: Need;
  actions: readonly FleetAction[];
  stayingCount: number;
  brakes: ReadonlySet<Brake>;
  snapshot: Snapshot;
}): string {
  const { need, actions, stayingCount, brakes, snapshot } = about;
  // In machines as they are, for a person counts them; what is wanted is counted in machines of the first pool.
  const added = actions.reduce((sum, action) => sum + addedBy(action, snapshot), 0);
  const change = added === 0 ? `Stays at ${stayingCount}` : `From ${stayingCount} to ${stayingCount + added}`;
  const parts = [
    `${need.liveCount} live and ${need.expectedCount} expected channels offer ${round(need.feedForward)}`,
    `${round(need.feedback)} came in over the last minute`,
    ...(need.reserve > 0 ? [`a reserve of ${round(need.reserve)} comes on top`] : []),
    ...(need.catchUp > 0
      ? [
          `a backlog of ${round(snapshot.backlog.waitingWorkSeconds)} s of work asks for ${round(need.catchUp)} more`,
        ]
      : []),
  ];
  const why = [...brakes].map((brake) => brakeSentences[brake]);
  const held = why.length > 0 ? `; ${why.join(', ')}` : '';
  return `${change}: ${parts.join(', ')}, so ${need.count} ${need.count === 1 ? 'is' : 'are'} needed${held}.`;
}

function addedBy(action: FleetAction, { machines }: Snapshot): number {
  switch (action.kind) {
    case 'order':
      return (
        action.count -
        machines.filter(
          ({ pool, state }) => pool === action.pool && state !== 'ending' && state !== 'drained',
        ).length
      );
    case 'keep':
      return 1;
    case 'drain':
      return -1;
    case 'terminate':
    case 'replace':
      return 0;
  }
}

export const brakeSentences: Readonly<Record<Brake, string>> = {
  'count-min': 'the policy wants no fewer',
  'count-max': 'the policy allows no more',
  cost: 'more would cost more than the policy allows',
  step: 'one decision orders no more at once',
  stale: 'the figures are too old to act upon, except by the schedule',
  pinned: 'an operator has pinned the count',
  'in-paused': 'an operator has paused letting go',
  'out-paused': 'an operator has paused ordering',
  'recent-need': 'a recent need was higher',
  'in-slowly': 'machines go slowly',
  lead: 'a kick-off is near',
  'no-capacity': 'no pool has machines to give now',
};

function round(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0);
}
