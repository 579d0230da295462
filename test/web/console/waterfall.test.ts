import { describe, expect, it } from 'vitest';

import { slowestOf, stretchesOf, wayOf } from '../../../web/console/pages/operations/waterfall.ts';

const way = [
  { step: 'happened', sinceHappenedMs: 0 },
  { step: 'segment-closed', sinceHappenedMs: 2_400 },
  { step: 'queued', sinceHappenedMs: 2_450 },
  { step: 'analysis-started', sinceHappenedMs: 9_000, instanceId: 'i-1' },
  { step: 'analysed', sinceHappenedMs: 9_800, instanceId: 'i-1' },
  { step: 'fast-visible', sinceHappenedMs: 10_300 },
  { step: 'exact-visible', sinceHappenedMs: 30_000 },
];

describe('the waterfall of a clip', () => {
  it('is one stretch for each step after the first, end to end', () => {
    const stretches = stretchesOf(way);
    expect(stretches.map(({ step }) => step)).toEqual(way.slice(1).map(({ step }) => step));
    for (const [nth, { fromMs }] of stretches.entries()) expect(fromMs).toBe(way[nth]?.sinceHappenedMs);
  });

  it('names the longest stretch before the clip was visible, not what came after', () => {
    expect(slowestOf(stretchesOf(way))).toMatchObject({ step: 'analysis-started', instanceId: 'i-1' });
  });

  it('looks at everything while nothing is visible', () => {
    expect(slowestOf(stretchesOf(way.slice(0, 3)))).toMatchObject({ step: 'segment-closed' });
    expect(slowestOf(stretchesOf(way.slice(0, 1)))).toBeUndefined();
  });

  it('has no stretch below zero when the clocks of two machines disagree', () => {
    const skewed = [...way.slice(0, 3), { step: 'analysis-started', sinceHappenedMs: 2_440 }];
    expect(stretchesOf(skewed).every(({ fromMs, toMs }) => toMs >= fromMs)).toBe(true);
  });

  it('of a recording begins when it was taken in, not when it would have been played', () => {
    const early = way.map((step) =>
      step.step === 'happened' || step.step === 'segment-closed'
        ? step
        : { ...step, sinceHappenedMs: step.sinceHappenedMs - 60_000 },
    );
    const { steps, isRecording } = wayOf(early);
    expect(isRecording).toBe(true);
    expect(steps[0]).toMatchObject({ step: 'queued', sinceHappenedMs: 0 });
    expect(stretchesOf(steps).every(({ fromMs, toMs }) => fromMs >= 0 && toMs >= fromMs)).toBe(true);
    expect(wayOf(way)).toEqual({ steps: way, isRecording: false });
  });
});
