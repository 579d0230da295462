import type { Scenario } from './simulate.ts';
import { bootSpread } from './world.ts';

/** Paid machine hours that nobody without a late segment can be below. */
export interface ClairvoyantBound {
  gpuHours: number;
  /** At the price of the cheapest pool. */
  dollars: number;
}

const binSeconds = 10;
/** Served work is counted in steps of so many seconds; it divides `binSeconds`. */
const stepSeconds = 2;
const stepsPerBin = binSeconds / stepSeconds;

/**
 * The least machine time that serves the day when everything is known beforehand.
 *
 * In each bin of 10 s there is a whole number of machines n. What they have served by the end of a bin, S, is no more than
 * has come by then (A) and no less than is due by then (D, what came an SLO ago); it grows by 10 s of work per machine at
 * the most. A bin costs 10 s per machine, a start what the quickest boot takes, less the two bins that a machine may only
 * touch. The cheapest way through all bins is found over every (S, n): exact, no heuristic.
 *
 * It is a lower bound, because it forgives everything that real fleets suffer and forbids nothing that they can do: work can
 * be split between machines at will and is never waited for, every boot is the quickest that can be drawn, every machine is
 * of the strongest pool, ending one takes no time, nothing dies. Take the day of any controller with no late segment, and
 * let n be the machines that work at any moment of a bin: it meets A and D (S rounded down to whole steps does, because a
 * bin's service is a whole number of steps), it has at least as many starts, and each machine is paid for its boot and for
 * its bins, of which it may have used the first and the last only in part. So its cost here is no more than it has paid.
 *
 * Undefined when no number of machines up to `countMax` is enough, or when a fleet is too large for a minute of counting.
 */
export function clairvoyantBound(scenario: Scenario): ClairvoyantBound | undefined {
  const { pools, bootSecondsMedian } = scenario;
  const { arrived, due } = serviceCurves(scenario);
  const countMax = Math.min(scenario.countMax, usefulCount(arrived, due));
  const cellCount = arrived.reduce((sum, all, bin) => sum + all - (due[bin] ?? 0) + 1, 0) * (countMax + 1);
  if (cellCount > cellCountMax) return undefined;
  const startCost = bootSecondsMedian * bootSpread.timesMin - 2 * binSeconds;
  // Quicker boots than two bins are worth nothing: what is left is the work itself.
  if (startCost < 0) return boundOf((due.at(-1) ?? 0) * stepSeconds, pools);
  // cost[(S - due) * width + n]: of having served S with n machines in the last bin. Serving less never costs more.
  const width = countMax + 1;
  let cost = new Float64Array(width).fill(Infinity);
  cost[0] = 0;
  let [low, high] = [0, 0];
  for (const [bin, nextHigh] of arrived.entries()) {
    const nextLow = due[bin] ?? 0;
    startAndPay(cost, { width, startCost });
    const next = new Float64Array((nextHigh - nextLow + 1) * width).fill(Infinity);
    for (let count = 0; count < width; count += 1) {
      const served = stepsPerBin * count;
      for (let level = nextLow; level <= Math.min(nextHigh, high + served); level += 1) {
        const from = Math.max(low, level - served);
        next[(level - nextLow) * width + count] = cost[(from - low) * width + count] ?? Infinity;
      }
    }
    cost = next;
    [low, high] = [nextLow, nextHigh];
  }
  const seconds = cost.reduce((least, one) => Math.min(least, one), Infinity);
  return seconds === Infinity ? undefined : boundOf(seconds, pools);
}

function boundOf(seconds: number, pools: Scenario['pools']): ClairvoyantBound {
  const gpuHours = seconds / 3600;
  return { gpuHours, dollars: gpuHours * Math.min(...pools.map(({ dollarsPerHour }) => dollarsPerHour)) };
}

/** About a minute of counting; a Saturday of 43 matches is 60 million. */
const cellCountMax = 5_000_000_000;

/** More machines than this have nothing to do in any bin. */
function usefulCount(arrived: readonly number[], due: readonly number[]): number {
  return arrived.reduce(
    (most, all, bin) => Math.max(most, Math.ceil((all - (due[bin - 1] ?? 0)) / stepsPerBin)),
    0,
  );
}

/** For every S: to fewer machines for nothing, to more for a start each; and then the bin is paid. */
function startAndPay(cost: Float64Array, about: { width: number; startCost: number }): void {
  const { width, startCost } = about;
  for (let row = 0; row < cost.length; row += width) {
    for (let index = row + width - 2; index >= row; index -= 1)
      cost[index] = Math.min(cost[index] ?? Infinity, cost[index + 1] ?? Infinity);
    for (let index = row + 1; index < row + width; index += 1)
      cost[index] = Math.min(cost[index] ?? Infinity, (cost[index - 1] ?? Infinity) + startCost);
    for (let count = 1; count < width; count += 1)
      cost[row + count] = (cost[row + count] ?? Infinity) + binSeconds * count;
  }
}

/** By the end of each bin, in whole steps of the strongest machine's time: what has come, and what has to be done. */
function serviceCurves(scenario: Scenario): { arrived: number[]; due: number[] } {
  const { trace, segments, pools, sloSeconds } = scenario;
  const power = Math.max(...pools.map((pool) => pool.power));
  const binCount = Math.ceil((trace.endMs - trace.startMs) / (binSeconds * 1000));
  const workByBin = (delayMs: number): number[] => {
    const sums = new Float64Array(binCount);
    for (const { atMs, workSeconds } of segments) {
      const bin = Math.ceil((atMs + delayMs - trace.startMs) / (binSeconds * 1000)) - 1;
      if (bin < binCount) sums[Math.max(0, bin)] = (sums[Math.max(0, bin)] ?? 0) + workSeconds / power;
    }
    let total = 0;
    return Array.from(sums, (sum) => Math.floor((total += sum) / stepSeconds));
  };
  return { arrived: workByBin(0), due: workByBin(sloSeconds * 1000) };
}
