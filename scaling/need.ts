import type { ChannelLoad } from '../core/load.ts';
import type { ScalingPolicy } from './policy.ts';
import type { Pool, Snapshot } from './snapshot.ts';

/** How much power (work seconds per second) the load calls for now, and of what parts. */
export interface Need {
  /** Offered by channels that are live, and by those that the schedule expects within the lead. */
  feedForward: number;
  liveCount: number;
  expectedCount: number;
  /** What came in over the last minute. */
  feedback: number;
  /** To be rid of the backlog in time, beyond what already ordered machines will clear before a new one could help. */
  catchUp: number;
  /** Kept on top of the load: for bunched arrivals, and for a machine that dies. */
  reserve: number;
  power: number;
  /** Machines of the first pool. */
  count: number;
  /** From here on nothing is let go: a kick-off is near. */
  isInLead: boolean;
}

/**
 * Queue length alone swings when a machine takes minutes to boot: the queue grows while machines that were ordered for it boot,
 * so more are ordered, and the late fleet eats the queue and is sent away. So what is live and scheduled is the base, the
 * stream of arrivals its check, and the backlog only a correction that counts what is already on its way.
 *
 * @param orderedPower of all machines that are here or ordered and may stay
 */
export function needOf(snapshot: Snapshot, policy: ScalingPolicy, orderedPower: number): Need {
  const { backlog, channels } = snapshot;
  const live = channels.filter(({ isLive }) => isLive);
  const expected = channels.filter((channel) => isExpected(channel, snapshot, policy));
  const feedForward = sumOf(live) + announced(expected, policy);
  const feedback = backlog.arrivedWorkPerSecond;
  const catchUp = catchUpOf(snapshot, policy);
  const unit = powerOfFirst(snapshot);
  const spareCount = live.length + expected.length > 0 ? policy.spareCount : 0;
  const reserve = reserveFor(Math.max(feedForward, feedback), unit, { ...policy, spareCount });
  const power = Math.max(feedForward, feedback) + catchUp + reserve;
  return {
    feedForward,
    liveCount: live.length,
    expectedCount: expected.length,
    feedback,
    catchUp,
    reserve,
    power,
    count: countFor(power / unit, orderedPower / unit),
    isInLead: expected.some(({ startsAtMs = 0 }) => startsAtMs > snapshot.atMs),
  };
}

/**
 * Power to be rid in time of what waits beyond what is normal, and what machines that are here or on their way will not have
 * done by the time at which one that is ordered now begins to work.
 */
function catchUpOf(snapshot: Snapshot, policy: ScalingPolicy): number {
  const { atMs, backlog, channels, machines, pools, bootMsP95 } = snapshot;
  const { waitingWorkSeconds, inFlightWorkSeconds, arrivedWorkPerSecond, meanServiceSeconds } = backlog;
  const normal = arrivedWorkPerSecond * (policy.targetWaitSeconds + meanServiceSeconds);
  const offered = Math.max(sumOf(channels.filter(({ isLive }) => isLive)), arrivedWorkPerSecond);
  const workMs = machines.reduce((sum, { state, pool, launchedAtMs }) => {
    // One that boots will work for as long of that time as it has been booting already.
    const activeMs =
      state === 'ready' ? bootMsP95 : state === 'pending' ? Math.min(bootMsP95, atMs - launchedAtMs) : 0;
    return sum + activeMs * powerOfPool(pool, pools);
  }, 0);
  const toSpare = Math.max(0, workMs - offered * bootMsP95) / 1000;
  return Math.max(0, waitingWorkSeconds + inFlightWorkSeconds - normal - toSpare) / policy.catchUpSeconds;
}

/** What the schedule alone calls for: it holds also when every figure is old. */
export function scheduledCount(snapshot: Snapshot, policy: ScalingPolicy): number {
  const expected = snapshot.channels.filter((channel) => isExpected(channel, snapshot, policy));
  const unit = powerOfFirst(snapshot);
  if (expected.length === 0) return 0;
  const load = announced(expected, policy);
  return countFor((load + reserveFor(load, unit, policy)) / unit, 0);
}

/** Scheduled, near enough that its machines have to boot now, not live yet, and not so late that nobody believes in it. */
function isExpected(channel: ChannelLoad, { atMs, bootMsP95 }: Snapshot, policy: ScalingPolicy): boolean {
  const { isLive, startsAtMs, endsAtMs = Infinity } = channel;
  if (isLive || startsAtMs === undefined) return false;
  const leadMs = bootMsP95 + policy.leadMarginSeconds * 1000;
  return startsAtMs - leadMs <= atMs && atMs < Math.min(startsAtMs + policy.graceSeconds * 1000, endsAtMs);
}

/** One reserve for all: square-root staffing, machines that are not full, and the spare. Whichever asks for most has the others in it. */
function reserveFor(
  load: number,
  unit: number,
  policy: Pick<ScalingPolicy, 'spareFactor' | 'utilisationMax' | 'spareCount'>,
): number {
  const machines = load / unit;
  return (
    unit *
    Math.max(
      policy.spareFactor * Math.sqrt(machines),
      machines / policy.utilisationMax - machines,
      policy.spareCount,
    )
  );
}

/** The load is an estimate: for less than this part of a machine none is ordered, and none is let go either. */
const machineShareMin = 0.25;

/** Whole machines; between ordering one more and letting one go lies a band in which nothing is done. */
function countFor(machines: number, orderedMachines: number): number {
  const fewest = machines > 1e-9 ? Math.max(1, wholeMachines(machines - machineShareMin)) : 0;
  return Math.min(wholeMachines(machines), Math.max(fewest, wholeMachines(orderedMachines)));
}

/** Who expects to be surprised has room for the channels that come with these, and that nobody has announced. */
function announced(expected: readonly ChannelLoad[], { unannouncedShare }: ScalingPolicy): number {
  return sumOf(expected) / (1 - unannouncedShare);
}

function sumOf(channels: readonly ChannelLoad[]): number {
  return channels.reduce((sum, { workPerMediaSecond }) => sum + workPerMediaSecond, 0);
}

/** Rounded up, but not for what a sum of fractions is off. */
export function wholeMachines(machines: number): number {
  return Math.max(0, Math.ceil(machines - 1e-9));
}

/** There are few pools: looking is quicker than remembering. A pool that is not there any more counts as the first. */
export function powerOfPool(name: string, pools: readonly Pool[]): number {
  return (pools.find((pool) => pool.name === name) ?? pools[0])?.power ?? 1;
}

export function powerOfFirst({ pools }: Pick<Snapshot, 'pools'>): number {
  return pools[0]?.power ?? 1;
}
