import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fineWindows, findMoments } from '../../../analytics/moments/find-moments.ts';
import { contextMs, settledUntilMs } from '../../../analytics/moments/settled-until.ts';
import type { Moment } from '../../../core/moment.ts';
import { evidenceOf, resultsOf, segmentMs, shown, soccer, spotOf, type Result, type Scene } from './scene.ts';

const goal: Scene = {
  durationMs: 120_000,
  roars: [{ fromMs: 40_000, untilMs: 47_000 }],
  cutsMs: [12_000, 29_500, 44_000, 45_500, 47_000],
  scores: [
    { fromMs: 0, home: 0, away: 0 },
    { fromMs: 66_000, home: 1, away: 0 },
  ],
};

function inMsOf(cutsMs: number[]): number | undefined {
  return findMoments(evidenceOf(resultsOf({ ...goal, cutsMs })), soccer)[0]?.inMs;
}

function outMsOf(untilMs: number, cutsMs: number[] = []): number | undefined {
  const scene = { ...goal, roars: [{ fromMs: 40_000, untilMs }], cutsMs };
  return findMoments(evidenceOf(resultsOf(scene)), soccer)[0]?.outMs;
}

function countOf(roar: { riseDb?: number; crestDb?: number; untilMs?: number }): number {
  const roars = [{ fromMs: 40_000, untilMs: roar.untilMs ?? 46_000, ...roar }];
  return findMoments(evidenceOf(resultsOf({ durationMs: 90_000, hasBug: false, roars })), soccer).length;
}

describe('findMoments', () => {
  it('finds a goal where the crowd rose and names it by the score that changed 26 s later', () => {
    const [moment, ...others] = findMoments(evidenceOf(resultsOf(goal)), soccer);
    expect(others).toEqual([]);
    expect(moment).toMatchObject({ label: 'goal', peakMs: 40_000, inMs: 29_500 });
    expect(moment?.score).toBeGreaterThan(0.95);
    expect(moment?.reasons.map((reason) => reason.signal)).toEqual(['score', 'crowd', 'cut-burst']);
    expect(moment?.reasons[0]?.text).toBe(
      'The score changed from 0 to 1 at 06:06 on the clock, 26 s after this (INT 1-0 NAP).',
    );
    expect(moment?.reasons[1]?.text).toMatch(/^The crowd rose by \d+ dB and stayed up for 7\.5 s\.$/);
  });

  it('opens at a cut 8 to 15 s before the peak, else 10 s before it', () => {
    expect(inMsOf([25_000])).toBe(25_000);
    expect(inMsOf([24_999])).toBe(30_000);
    expect(inMsOf([32_000])).toBe(32_000);
    expect(inMsOf([32_001])).toBe(30_000);
    expect(inMsOf([26_000, 31_000])).toBe(31_000);
  });

  it('closes when the crowd has calmed down, at the cut just before that', () => {
    expect(outMsOf(42_000)).toBe(46_000);
    expect(outMsOf(47_000)).toBe(49_000);
    expect(outMsOf(47_000, [47_000])).toBe(47_000);
    expect(outMsOf(47_000, [46_999])).toBe(49_000);
    // The level of quiet follows a din that does not end.
    expect(outMsOf(80_000)).toBe(49_500);
  });

  it('makes a goal of a score that changed in silence, 20 s before the change', () => {
    const [moment] = findMoments(evidenceOf(resultsOf({ ...goal, roars: [], cutsMs: [] })), soccer);
    expect(moment).toMatchObject({ label: 'goal', peakMs: 46_000 });
  });

  it.each<[string, Partial<Scene>, number]>([
    [
      '8 s before the replay that was shown meanwhile',
      { bugAway: [{ fromMs: 50_000, untilMs: 62_000 }] },
      42_000,
    ],
    [
      '8 s before the last replay',
      {
        bugAway: [
          { fromMs: 30_000, untilMs: 36_000 },
          { fromMs: 50_000, untilMs: 62_000 },
        ],
      },
      42_000,
    ],
    ['as usual when the bug only flickered', { bugAway: [{ fromMs: 50_000, untilMs: 52_000 }] }, 46_000],
    [
      'as usual when the replay is older than the look-back',
      {
        scores: [
          { fromMs: 0, home: 0, away: 0 },
          { fromMs: 80_000, home: 1, away: 0 },
        ],
        bugAway: [{ fromMs: 18_000, untilMs: 26_000 }],
      },
      60_000,
    ],
    [
      'before the replay although something stirred during it',
      {
        bugAway: [{ fromMs: 50_000, untilMs: 62_000 }],
        roars: [{ fromMs: 54_000, untilMs: 58_000, riseDb: 6 }],
      },
      42_000,
    ],
    [
      'before the replay in a mute feed too, and not where there were three cuts',
      { bugAway: [{ fromMs: 50_000, untilMs: 62_000 }], hasSound: false, cutsMs: [21_000, 24_000, 27_500] },
      42_000,
    ],
    ['where something stirred before', { roars: [{ fromMs: 54_000, untilMs: 58_000, riseDb: 6 }] }, 54_000],
  ])('puts a score that changed in silence %s', (_where, scene, peakMs) => {
    const moments = findMoments(evidenceOf(resultsOf({ ...goal, roars: [], cutsMs: [], ...scene })), soccer);
    expect(moments).toMatchObject([{ label: 'goal', peakMs }]);
  });

  it('takes the score change to the strongest peak since the change before it, never further back', () => {
    const scene: Scene = {
      durationMs: 160_000,
      roars: [
        { fromMs: 40_000, untilMs: 47_000 },
        { fromMs: 80_000, untilMs: 84_000, riseDb: 7 },
      ],
      scores: [
        { fromMs: 0, home: 0, away: 0 },
        { fromMs: 60_000, home: 1, away: 0 },
        { fromMs: 98_000, home: 2, away: 0 },
      ],
    };
    const moments = findMoments(evidenceOf(resultsOf(scene)), soccer);
    expect(moments.map((moment) => [moment.peakMs, moment.label])).toEqual([
      [40_000, 'goal'],
      [80_000, 'goal'],
    ]);
  });

  it('hears a roar, and neither a commentator nor a bang nor a murmur', () => {
    expect(countOf({})).toBe(1);
    expect(countOf({ crestDb: 5.1, riseDb: 8.4 })).toBe(0);
    expect(countOf({ riseDb: 3 })).toBe(0);
    expect(countOf({ untilMs: 41_000 })).toBe(0);
    // From digital silence to a stadium is a plug that was put in.
    expect(countOf({ riseDb: 60 })).toBe(1);
    const muteFirst = evidenceOf(resultsOf({ durationMs: 90_000, hasBug: false }));
    const signals = muteFirst.signals.map((signal) => ({
      ...signal,
      values: signal.values.map((value, index) => ((signal.atMs[index] ?? 0) < 40_000 ? -100 : value)),
    }));
    expect(findMoments({ ...muteFirst, signals }, soccer)).toEqual([]);
  });

  it('finds the goal with less sureness when the sound or the bug is missing, and is never silent', () => {
    const whole = findMoments(evidenceOf(resultsOf(goal)), soccer)[0];
    const mute = findMoments(evidenceOf(resultsOf({ ...goal, hasSound: false })), soccer)[0];
    const bugless = findMoments(evidenceOf(resultsOf({ ...goal, hasBug: false })), soccer)[0];
    expect(mute?.label).toBe('goal');
    expect(bugless?.peakMs).toBe(40_000);
    expect(mute?.score).toBeLessThan(whole?.score ?? 0);
    expect(bugless?.score).toBeLessThan(whole?.score ?? 0);
  });

  it('judges by cuts and a whistle alone where there is neither sound level nor bug', () => {
    const scene: Scene = {
      durationMs: 60_000,
      hasSound: false,
      hasBug: false,
      cutsMs: [30_000, 31_500, 33_000],
      whistlesMs: [31_000],
    };
    expect(findMoments(evidenceOf(resultsOf(scene)), soccer)).toHaveLength(1);
    expect(findMoments(evidenceOf(resultsOf({ ...scene, hasSound: true })), soccer)).toHaveLength(0);
  });

  it('takes a bug that goes away for a replay as a sign for the moment before it', () => {
    const scene: Scene = {
      ...goal,
      scores: [],
      bugAway: [{ fromMs: 54_000, untilMs: 66_000 }],
    };
    const [moment] = findMoments(evidenceOf(resultsOf(scene)), soccer);
    expect(moment?.label).toBe('crowd-roar');
    expect(moment?.reasons.map((reason) => reason.signal)).toContain('replay');
  });

  it('lets a model speak by the label of its spots', () => {
    const scene: Scene = {
      durationMs: 60_000,
      hasBug: false,
      spots: [{ ...spotOf('Red card', 30_000, 0.9), source: 'e2e-spot' }],
    };
    const [moment] = findMoments(evidenceOf(resultsOf(scene)), soccer);
    expect(moment).toMatchObject({ label: 'red-card', peakMs: 30_000 });
    expect(moment?.reasons[0]?.text).toBe('The model e2e-spot saw "Red card" (90 %).');
  });

  it('says how much of the evidence each reason is', () => {
    const [alone] = findMoments(evidenceOf(resultsOf({ ...goal, hasBug: false, cutsMs: [] })), soccer);
    expect(alone?.reasons.map(({ contribution }) => contribution)).toEqual([1]);
    const [together] = findMoments(evidenceOf(resultsOf(goal)), soccer);
    const shares = together?.reasons.map(({ contribution }) => contribution) ?? [];
    expect(shares.length).toBeGreaterThan(1);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 2);
    // Each would nearly do by itself, so none is invisible beside the others.
    expect(together?.reasons[0]?.signal).toBe('score');
    expect(shares.every((share) => share > 0.05)).toBe(true);
  });

  it('keeps a moment that was shown, also when the evidence for it is out of the window', () => {
    const all = resultsOf(goal);
    const before = findMoments(evidenceOf(all), soccer);
    const later = all.filter((result) => result.fromMs >= 60_000);
    const after = findMoments(evidenceOf(later, { fromMs: 60_000, previous: before }), soccer);
    expect(after).toEqual(before);
  });
});

describe('fineWindows', () => {
  it('asks for more frames around what is nearly or truly a moment, and nowhere else', () => {
    expect(fineWindows(evidenceOf(resultsOf(goal)), soccer)).toEqual([{ fromMs: 34_000, untilMs: 55_000 }]);
    const quiet = resultsOf({ durationMs: 60_000, whistlesMs: [20_000] });
    expect(fineWindows(evidenceOf(quiet), soccer)).toEqual([]);
  });
});

const times = (count: number) =>
  fc.array(
    fc.integer({ min: 0, max: 1150 }).map((at) => at * 100),
    { maxLength: count },
  );
const scenes: fc.Arbitrary<Scene> = fc.record({
  durationMs: fc.constant(120_000),
  roars: fc.array(
    fc
      .tuple(
        fc.integer({ min: 5, max: 110 }),
        fc.integer({ min: 1, max: 15 }),
        fc.integer({ min: 2, max: 14 }),
        fc.constantFrom(1, 2, 3, 5),
      )
      .map(([from, length, riseDb, crestDb]) => ({
        fromMs: from * 1000,
        untilMs: (from + length) * 1000,
        riseDb,
        crestDb,
      })),
    { maxLength: 4 },
  ),
  whistlesMs: times(5),
  cutsMs: times(15),
  scores: fc
    .array(fc.integer({ min: 5, max: 55 }), { maxLength: 3 })
    .map((at) => [
      { fromMs: 0, home: 0, away: 0 },
      ...at
        .toSorted((one, other) => one - other)
        .map((it, index) => ({ fromMs: it * 2000, home: index + 1, away: 0 })),
    ]),
  bugAway: fc
    .array(fc.tuple(fc.integer({ min: 5, max: 55 }), fc.integer({ min: 1, max: 10 })), { maxLength: 2 })
    .map((list) => list.map(([from, length]) => ({ fromMs: from * 2000, untilMs: (from + length) * 2000 }))),
});

/** Live: results come one by one, each call sees what is known so far and what was said before. */
function live(results: readonly Result[], onStep?: (moments: Moment[], settledMs: number) => void): Moment[] {
  let previous: Moment[] = [];
  for (const [index] of results.entries()) {
    const known = results.slice(0, index + 1);
    const evidence = evidenceOf(known, { previous, isComplete: index === results.length - 1 });
    previous = findMoments(evidence, soccer);
    onStep?.(previous, settledUntilMs(evidence, soccer));
  }
  return previous;
}

describe('findMoments, whatever happens', () => {
  it('does not care about order and repetition of the evidence', () => {
    fc.assert(
      fc.property(scenes, fc.integer(), (scene, seed) => {
        const evidence = evidenceOf(resultsOf(scene));
        const mixed = {
          ...evidence,
          signals: shuffled([...evidence.signals, ...evidence.signals.slice(0, 9)], seed),
          spots: shuffled([...evidence.spots, ...evidence.spots.slice(3, 30)], seed + 1),
        };
        expect(findMoments(mixed, soccer)).toEqual(findMoments(evidence, soccer));
      }),
      { numRuns: 15 },
    );
  });

  it('gives the same moments live as from the file', () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const results = resultsOf(scene);
        expect(shown(live(results))).toEqual(shown(findMoments(evidenceOf(results), soccer)));
      }),
      { numRuns: 30 },
    );
  });

  it('gives them the same ids, live as from the file', () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const results = resultsOf(scene);
        expect(live(results).map((moment) => moment.id)).toEqual(
          findMoments(evidenceOf(results), soccer).map((moment) => moment.id),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('never takes a moment back, and neither adds nor changes any in what is settled', () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        let shownIds: string[] = [];
        let settledBefore = { untilMs: 0, moments: [] as Moment[] };
        live(resultsOf({ ...scene, durationMs: 240_000 }), (moments, settledMs) => {
          const ids = moments.map((moment) => moment.id);
          expect(shownIds.filter((id) => !ids.includes(id))).toEqual([]);
          expect(moments.filter((moment) => moment.inMs < settledBefore.untilMs)).toEqual(
            settledBefore.moments,
          );
          shownIds = ids;
          settledBefore = {
            untilMs: settledMs,
            moments: moments.filter((moment) => moment.inMs < settledMs),
          };
        });
      }),
      { numRuns: 15 },
    );
  });

  it('finds the same when all that lies a context before the settled part is forgotten', () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const results = resultsOf(stretched(scene, 3));
        let previous: Moment[] = [];
        let fromMs = 0;
        for (const [index, result] of results.entries()) {
          const evidence = evidenceOf(
            results.slice(0, index + 1).filter((one) => one.untilMs > fromMs),
            { previous, fromMs, isComplete: index === results.length - 1 },
          );
          previous = findMoments(evidence, soccer);
          const neededMs = settledUntilMs(evidence, soccer) - contextMs(soccer);
          if (neededMs > fromMs && neededMs < result.untilMs) fromMs = Math.max(0, neededMs);
        }
        expect(fromMs).toBeGreaterThan(0);
        expect(shown(previous)).toEqual(shown(findMoments(evidenceOf(results), soccer)));
      }),
      { numRuns: 15 },
    );
  });
});

/** The same happenings, further apart. */
function stretched(scene: Scene, factor: number): Scene {
  return {
    ...scene,
    durationMs: scene.durationMs * factor,
    roars: (scene.roars ?? []).map((roar) => ({
      ...roar,
      fromMs: roar.fromMs * factor,
      untilMs: roar.fromMs * factor + roar.untilMs - roar.fromMs,
    })),
    cutsMs: (scene.cutsMs ?? []).map((at) => at * factor),
    whistlesMs: (scene.whistlesMs ?? []).map((at) => at * factor),
    scores: (scene.scores ?? []).map((score) => ({ ...score, fromMs: score.fromMs * factor })),
  };
}

describe('settledUntilMs', () => {
  it('trails by the longest look-back, and not at all once the run has ended', () => {
    const evidence = evidenceOf(resultsOf({ durationMs: 200_000 }));
    expect(settledUntilMs(evidence, soccer)).toBe(200_000);
    const trailing = 200_000 - settledUntilMs({ ...evidence, isComplete: false }, soccer);
    expect(trailing).toBe(115_000);
    expect(trailing % segmentMs).toBeGreaterThan(0);
  });
});

function shuffled<T>(items: readonly T[], seed: number): T[] {
  return items
    .map((item, index) => ({ item, order: Math.sin((seed % 1000) + index * 7.13) * 1e4 }))
    .map(({ item, order }) => ({ item, order: order - Math.floor(order) }))
    .toSorted((one, other) => one.order - other.order)
    .map(({ item }) => item);
}

/** A match without a bug and mostly without sound, with `motion` kbit a picture in each half second. */
function silent(options: { cutsMs: number[]; motion: (atMs: number) => number; sound?: boolean }): Result[] {
  const scene = {
    durationMs: 60_000,
    cutsMs: options.cutsMs,
    hasBug: false,
    hasSound: options.sound ?? false,
  };
  return resultsOf(scene).map((result) => {
    const atMs = Array.from(
      { length: (result.untilMs - result.fromMs) / 500 },
      (_, index) => result.fromMs + index * 500,
    );
    const signal = { name: 'motion.amount', unit: 'kbit/picture', atMs, values: atMs.map(options.motion) };
    return { ...result, signals: [...result.signals, signal] };
  });
}

/** Movement that rises in the last 4 s of a shot that ends at 32.5 s, with its height at 31 s. */
function attack(rise: number): (atMs: number) => number {
  return (atMs) => (atMs < 28_500 || atMs >= 32_500 ? 20 : 20 * rise * (atMs === 31_000 ? 1.1 : 1));
}

function found(options: Parameters<typeof silent>[0]): Moment[] {
  return findMoments(evidenceOf(silent(options)), soccer);
}

describe('a match that can only be seen', () => {
  it('still gives a moment where a shot ended at its height, with less confidence and the reason', () => {
    const [moment, ...others] = found({ cutsMs: [20_000, 32_500], motion: attack(1.8) });
    expect(others).toEqual([]);
    expect(moment).toMatchObject({ label: 'highlight', peakMs: 31_000 });
    expect(moment?.score).toBeGreaterThanOrEqual(soccer.thresholdWithoutSound);
    expect(moment?.score).toBeLessThan(soccer.threshold + 0.1);
    expect(moment?.reasons[0]).toMatchObject({
      signal: 'climax',
      text: 'Within one shot the movement rose to 1.8 times what it was, then the picture was cut. There is no sound to confirm it.',
    });
  });

  it.each<[string, Parameters<typeof silent>[0]]>([
    ['that was not cut away from', { cutsMs: [20_000], motion: attack(1.8) }],
    ['whose movement hardly rose', { cutsMs: [20_000, 32_500], motion: attack(1.3) }],
    ['too short to compare with itself', { cutsMs: [25_500, 32_500], motion: attack(1.8) }],
    ['that can be heard, in silence', { cutsMs: [20_000, 32_500], motion: attack(1.8), sound: true }],
    [
      'that moved more than the shot before, but not in itself',
      { cutsMs: [24_400, 32_500], motion: (atMs) => (atMs < 24_400 ? 20 : 36) },
    ],
  ])('gives none for a shot %s', (_what, options) => {
    expect(found(options)).toEqual([]);
  });

  it('gives none over a gap, on whose two sides the movement cannot be compared', () => {
    const results = silent({ cutsMs: [20_000, 32_500], motion: attack(1.8) });
    const gaps = [{ fromMs: 27_000, untilMs: 27_500 }];
    expect(findMoments(evidenceOf(results, { gaps }), soccer)).toEqual([]);
  });

  it('is looked at finely around every burst of movement: its cuts are not known otherwise', () => {
    const options = { cutsMs: [], motion: (atMs: number) => (atMs >= 30_000 && atMs < 31_000 ? 40 : 20) };
    const windows = fineWindows(evidenceOf(silent(options)), soccer);
    expect(windows).toEqual([{ fromMs: 18_000, untilMs: 38_000 }]);
    expect(fineWindows(evidenceOf(silent({ ...options, sound: true })), soccer)).toEqual([]);
  });
});
