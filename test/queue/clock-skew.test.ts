import { describe, expect, it } from 'vitest';

import type { Clock } from '../../core/clock.ts';
import { assertClocksAgree } from '../../queue/clock-skew.ts';

/** Two clocks, and a server whose answers take as long as told. */
async function compare(aheadMs: number, roundTripsMs: number[]): Promise<string> {
  let trueMs = 1_000_000;
  const clock: Clock = {
    nowMs: () => trueMs + aheadMs,
    monotonicMs: () => trueMs,
    sleep: async () => {},
  };
  const left = [...roundTripsMs];
  const serverTimeMs = async (): Promise<number> => {
    const roundTripMs = left.shift() ?? 0;
    trueMs += roundTripMs * 0.1;
    const answer = trueMs;
    trueMs += roundTripMs * 0.9; // Slow on the way back, the worst case for a measurement.
    return answer;
  };
  return await assertClocksAgree({ clock, serverTimeMs, skewMsMax: 2_500 }).then(
    () => 'agree',
    (error: Error) => error.message,
  );
}

describe('the clocks of a worker and its queue', () => {
  it.each([
    { aheadMs: 0, roundTripsMs: [1], expected: /^agree$/ },
    { aheadMs: 2_500, roundTripsMs: [0], expected: /^agree$/ },
    { aheadMs: 2_501, roundTripsMs: [0], expected: /2501 ms ahead of .* 2500 ms/ },
    { aheadMs: -2_501, roundTripsMs: [0], expected: /2501 ms behind/ },
    { aheadMs: 60_000, roundTripsMs: [10], expected: /ahead/ },
    // One slow answer is no wrong clock: it is asked again.
    { aheadMs: 0, roundTripsMs: [20_000, 10], expected: /^agree$/ },
    { aheadMs: 60_000, roundTripsMs: [20_000, 20_000, 20_000], expected: /ahead/ },
  ])('$aheadMs ms apart, answered after $roundTripsMs ms', async ({ aheadMs, roundTripsMs, expected }) => {
    expect(await compare(aheadMs, roundTripsMs)).toMatch(expected);
  });
});
