import type { Baseline } from './baseline.ts';

const high = 0.75;
const low = 0.3;
const cooldownMs = 300_000;
/** Of CloudWatch with detailed monitoring. */
const periodMs = 60_000;

/** The rule this product began with: one machine more above 75 % average load, one fewer below 30 %, then 5 min of rest. */
export const averageLoad: Baseline = {
  name: 'average load',
  source: 'the original rule of the customer: 75 % and 30 % of average load, one at a time, 300 s cooldown',
  everySeconds: 10,
  letGo: { kind: 'kill' },
  create: ({ countMax }) => {
    let samples: { atMs: number; load: number }[] = [];
    let restsUntilMs = 0;
    return ({ atMs, ageSeconds, readyCount, inFlightCount, orderedCount }) => {
      // No machine has no load: the group never goes below one.
      if (orderedCount === 0) return 1;
      if (ageSeconds * 1000 > periodMs || readyCount === 0) return undefined;
      samples = [
        ...samples.filter((one) => one.atMs > atMs - periodMs),
        { atMs, load: inFlightCount / readyCount },
      ];
      if (atMs < restsUntilMs) return undefined;
      const mean = samples.reduce((sum, { load }) => sum + load, 0) / samples.length;
      const change = mean > high ? 1 : mean < low ? -1 : 0;
      const count = Math.min(countMax, Math.max(1, orderedCount + change));
      if (count === orderedCount) return undefined;
      restsUntilMs = atMs + cooldownMs;
      return count;
    };
  },
};
