import { describe, expect, it } from 'vitest';

import { attention } from '../../../control/watch/live-wall.ts';

const live = {
  state: 'live' as const,
  stateReason: null,
  advice: undefined,
  isRunOpen: true,
  lagMs: 6000,
  segmentMs: 4000,
};

describe('where a channel stands on the wall', () => {
  it('goes by how much it needs somebody', () => {
    const order = [
      { ...live, state: 'failed' as const, stateReason: 'the port is taken' },
      { ...live, state: 'degraded' as const, stateReason: 'keyframes every 9 s' },
      { ...live, state: 'waiting' as const },
      { ...live, lagMs: 15_001 },
      live,
      { ...live, state: 'waiting' as const, isRunOpen: false },
      { ...live, state: 'idle' as const, isRunOpen: false },
    ].map((one) => attention(one).rank);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it.each([
    [15_000, 4000, 4],
    [15_001, 4000, 3],
    [18_000, 6000, 4],
    [18_001, 6000, 3],
  ])('%i ms behind with segments of %i ms: rank %i', (lagMs, segmentMs, rank) => {
    expect(attention({ ...live, lagMs, segmentMs }).rank).toBe(rank);
  });

  it("says the state's own reason first, then the advice, then nothing", () => {
    const degraded = { ...live, state: 'degraded' as const, advice: 'stalled' };
    expect(attention({ ...degraded, stateReason: 'keyframes' }).reason).toBe('keyframes');
    expect(attention(degraded).reason).toBe('stalled');
    expect(attention(live).reason).toBeNull();
    expect(attention({ ...live, lagMs: 20_400 }).reason).toBe('20 s behind: nothing new is in the store');
  });
});
