import { describe, expect, it } from 'vitest';

import { excitement, excitementReach, lateClues, withClues } from '../../../analytics/moments/excitement.ts';
import { findMoments, momentCounter } from '../../../analytics/moments/find-moments.ts';
import { evidenceOf, resultsOf, soccer, type Scene } from './scene.ts';

const match: Scene = {
  durationMs: 180_000,
  roars: [
    { fromMs: 60_000, untilMs: 68_000 },
    { fromMs: 120_000, untilMs: 122_000, riseDb: 4 },
    { fromMs: 150_000, untilMs: 156_000, riseDb: 4.5 },
  ],
  whistlesMs: [62_000],
  cutsMs: [66_000, 68_000, 70_000],
  scores: [
    { fromMs: 0, home: 0, away: 0 },
    { fromMs: 80_000, home: 1, away: 0 },
  ],
};
const whole = { fromMs: 0, untilMs: match.durationMs };
const evidence = evidenceOf(resultsOf(match));

describe('the excitement curve', () => {
  it('has a point each 500 ms from the first in the range on, and none at its end', () => {
    const points = excitement(evidence, soccer, { fromMs: 60_001, untilMs: 61_500 });
    expect(points.map(({ atMs }) => atMs)).toEqual([60_500, 61_000]);
    expect(excitement(evidence, soccer, { fromMs: 60_000, untilMs: 60_000 })).toEqual([]);
  });

  it('is 0 where nothing happens, and stays up as long as the crowd does', () => {
    const at = new Map(excitement(evidence, soccer, whole).map((point) => [point.atMs, point]));
    expect(at.get(30_000)).toMatchObject({ value: 0, clues: {} });
    expect(at.get(67_000)?.clues['crowd']).toBeGreaterThan(0.5 * soccer.crowd.weight);
    expect(at.get(90_000)?.value).toBe(0);
  });

  it('shows a rise that was too small for a moment', () => {
    const [moment, ...others] = findMoments(evidence, soccer);
    expect([moment?.label, others]).toEqual(['goal', []]);
    const small = excitement(evidence, soccer, { fromMs: 119_000, untilMs: 123_000 });
    const top = Math.max(...small.map(({ value }) => value));
    expect(top).toBeGreaterThan(0.05);
    expect(top).toBeLessThan(soccer.threshold);
  });

  it('is the noisy-or of its clues at every point', () => {
    for (const { value, clues } of excitement(evidence, soccer, whole)) {
      const rest = Object.values(clues).reduce((product, weight) => product * (1 - weight), 1);
      expect(value).toBeCloseTo(1 - rest, 10);
    }
  });

  it('reaches the score of a moment at its peak, once what looked back is added', () => {
    const [moment] = findMoments(evidence, soccer);
    if (!moment) throw new Error('no moment');
    const late = lateClues(moment);
    expect([...late.keys()]).toEqual(['score']);
    const [point] = excitement(evidence, soccer, { fromMs: moment.peakMs, untilMs: moment.peakMs + 1 });
    if (!point) throw new Error('no point');
    expect(point.value).toBeLessThan(moment.score);
    expect(withClues(point, late).value).toBeGreaterThanOrEqual(moment.score - 0.01);
    expect(withClues(point, new Map([['crowd', 0]]))).toEqual(point);
  });

  it('is the same from the evidence around a stretch as from all of it', () => {
    const { beforeMs, afterMs } = excitementReach(soccer);
    const results = resultsOf(match);
    for (let fromMs = 0; fromMs < match.durationMs; fromMs += 12_000) {
      const untilMs = fromMs + 12_000;
      const near = results.filter((one) => one.untilMs > fromMs - beforeMs && one.fromMs < untilMs + afterMs);
      expect(excitement(evidenceOf(near), soccer, { fromMs, untilMs })).toEqual(
        excitement(evidence, soccer, { fromMs, untilMs }),
      );
    }
  });
});

describe('the count of moments by threshold', () => {
  it('is what was found at the threshold of the rules, and falls as it rises', async () => {
    const found = findMoments(evidence, soccer).length;
    let pauseCount = 0;
    const pause = async () => void (pauseCount += 1);
    const counts = [0.05, 0.2, soccer.threshold, 0.9, 1].map(await momentCounter(evidence, soccer, pause));
    expect(pauseCount).toBeGreaterThan(5);
    expect(counts[2]).toBe(found);
    expect(counts).toEqual(counts.toSorted((one, other) => other - one));
    expect(counts[0]).toBeGreaterThan(found);
    expect(counts[4]).toBe(0);
  });

  it('moves the threshold without sound in proportion', async () => {
    const mute = evidenceOf(
      resultsOf({ ...match, hasSound: false, spots: [], cutsMs: [60_000, 61_000, 62_000], scores: [] }),
    );
    const found = findMoments(mute, soccer).length;
    const count = await momentCounter(mute, soccer, async () => undefined);
    expect(count(soccer.threshold)).toBe(found);
    expect(count(0.05)).toBeGreaterThanOrEqual(found);
  });
});
