import { describe, expect, it } from 'vitest';

import { scalingPolicy } from '../../../scaling/policy.ts';
import { saturday } from '../../../scaling/simulate/saturday.ts';
import { scenarioOf, simulateDay } from '../../../scaling/simulate/simulate.ts';
import { touchlineScaler } from '../../../scaling/simulate/touchline-scaler.ts';
import { heavyWork } from '../../../scaling/simulate/trace.ts';

const policy = scalingPolicy.parse({});

const saturdayOf = (seed: number) =>
  scenarioOf({ trace: saturday(seed), model: heavyWork, bootSecondsMedian: 240, sloSeconds: 20, seed });

describe('a simulated Saturday', () => {
  it('comes out the same from the same seed, and differently from another', async () => {
    const [one, again, other] = await Promise.all(
      [1, 1, 2].map(async (seed) => (await simulateDay(touchlineScaler(policy), saturdayOf(seed))).outcome),
    );
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('ends every segment once, or it still waits or is in hand', async () => {
    const { world, outcome } = await simulateDay(touchlineScaler(policy), saturdayOf(3));
    const inHand = [...world.present].filter(({ job }) => job).length;
    expect(outcome.segmentCount).toBeGreaterThan(50_000);
    expect(outcome.doneCount + world.line.count + inHand).toBe(outcome.segmentCount);
  });
});
