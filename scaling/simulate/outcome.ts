import type { World } from './world.ts';

/** What a day came to. Waits are from a segment in the store to its findings, the service included. */
export interface Outcome {
  name: string;
  gpuHours: number;
  dollars: number;
  segmentCount: number;
  /** Done by the end of the day. */
  doneCount: number;
  /** Of all segments: done later than the SLO, or not at all. */
  missedShare: number;
  waitSecondsP50: number;
  waitSecondsP95: number;
  waitSecondsP99: number;
  waitSecondsMax: number;
  /** Steps that changed the fleet. */
  actionsPerHour: number;
  /** Segments that a machine had in hand when it was ended: they ran again. */
  killedInFlightCount: number;
  machinesMax: number;
  /** Jain's index of the channels' mean waits: 1 when every channel waits as long as the next. */
  fairness: number;
  /** Jain's index of how busy machines were that worked for ten minutes or longer. */
  workFairness: number;
}

/** EC2 charges a minute for a machine that ran for less. */
const paidMsMin = 60_000;
const hourMs = 3_600_000;
const readyMsMin = 600_000;

export function outcomeOf(
  world: World,
  about: { name: string; sloSeconds: number; actionCount: number; machinesMax: number },
): Outcome {
  const { name, sloSeconds, actionCount, machinesMax } = about;
  const { jobs, machines, nowMs, options } = world;
  const waits = Float64Array.from(
    jobs.flatMap(({ doneAtMs, segment }) =>
      doneAtMs === undefined ? [] : [(doneAtMs - segment.atMs) / 1000],
    ),
  ).toSorted();
  const onTimeCount = waits.filter((wait) => wait <= sloSeconds).length;
  // Not done, but not late either: it has come within the last seconds.
  const youngCount = jobs.filter(
    ({ doneAtMs, segment }) => doneAtMs === undefined && nowMs - segment.atMs <= sloSeconds * 1000,
  ).length;
  const paid = machines.map(({ launchedAtMs, endedAtMs = nowMs, pool }) => ({
    hours: Math.max(paidMsMin, endedAtMs - launchedAtMs) / hourMs,
    pool,
  }));
  return {
    name,
    gpuHours: paid.reduce((sum, { hours }) => sum + hours, 0),
    dollars: paid.reduce((sum, { hours, pool }) => sum + hours * pool.dollarsPerHour, 0),
    segmentCount: jobs.length,
    doneCount: waits.length,
    missedShare: jobs.length === 0 ? 0 : 1 - (onTimeCount + youngCount) / jobs.length,
    waitSecondsP50: quantile(waits, 0.5),
    waitSecondsP95: quantile(waits, 0.95),
    waitSecondsP99: quantile(waits, 0.99),
    waitSecondsMax: waits.at(-1) ?? 0,
    actionsPerHour: actionCount / ((options.trace.endMs - options.trace.startMs) / hourMs),
    killedInFlightCount: world.killedInFlightCount,
    machinesMax,
    fairness: jainOf(meanWaits(world)),
    workFairness: jainOf(busyShares(world)),
  };
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

function meanWaits({ jobs }: World): number[] {
  const sums = new Map<string, { seconds: number; count: number }>();
  for (const { channelId, doneAtMs, segment } of jobs) {
    if (doneAtMs === undefined) continue;
    const sum = sums.get(channelId) ?? { seconds: 0, count: 0 };
    sum.seconds += (doneAtMs - segment.atMs) / 1000;
    sum.count += 1;
    sums.set(channelId, sum);
  }
  return [...sums.values()].map(({ seconds, count }) => seconds / count);
}

function busyShares({ machines, nowMs }: World): number[] {
  return machines
    .map(({ readyAtMs, endedAtMs = nowMs, busyMs }) => ({ busyMs, readyMs: endedAtMs - readyAtMs }))
    .filter(({ readyMs }) => readyMs >= readyMsMin)
    .map(({ busyMs, readyMs }) => busyMs / readyMs);
}

function jainOf(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares);
}
