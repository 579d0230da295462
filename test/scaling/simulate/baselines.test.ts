import { describe, expect, it } from 'vitest';

import { allBaselines } from '../../../scaling/simulate/baselines/all-baselines.ts';
import { averageLoad } from '../../../scaling/simulate/baselines/average-load.ts';
import { awsTargetTracking } from '../../../scaling/simulate/baselines/aws-target-tracking.ts';
import type { BaselineSetting, BaselineSight } from '../../../scaling/simulate/baselines/baseline.ts';
import { buildkite } from '../../../scaling/simulate/baselines/buildkite.ts';
import { kedaHpa } from '../../../scaling/simulate/baselines/keda-hpa.ts';
import { scheduleOnly } from '../../../scaling/simulate/baselines/schedule-only.ts';
import { staticPeak } from '../../../scaling/simulate/baselines/static-peak.ts';

const minuteMs = 60_000;

const setting: BaselineSetting = {
  sloSeconds: 20,
  serviceSeconds: 5,
  peakBusyCount: 24,
  bootSecondsMedian: 240,
  countMax: 50,
  fixtures: [
    { startMs: 60 * minuteMs, endMs: 180 * minuteMs },
    { startMs: 60 * minuteMs, endMs: 180 * minuteMs },
    { startMs: 90 * minuteMs, endMs: 200 * minuteMs },
  ],
};

const sight = (changes: Partial<BaselineSight>): BaselineSight => ({
  atMs: 0,
  ageSeconds: 0,
  visibleCount: 0,
  inFlightCount: 0,
  readyCount: 0,
  orderedCount: 0,
  ...changes,
});

describe('a baseline', () => {
  it('says where it is from, and begins anew when it is created anew', () => {
    for (const { source, everySeconds } of allBaselines)
      expect([source.length > 20, everySeconds > 0]).toEqual([true, true]);
    expect(new Set(allBaselines.map(({ name }) => name)).size).toBe(allBaselines.length);
  });

  it('static peak: the peak at 80 %, whatever happens', () => {
    expect(staticPeak.create(setting)(sight({ visibleCount: 1000 }))).toBe(30);
  });

  it('average load: one more above 75 %, one fewer below 30 %, and then five minutes of rest', () => {
    const rule = averageLoad.create(setting);
    const at = (minutes: number, inFlightCount: number): number | undefined =>
      rule(sight({ atMs: minutes * minuteMs, inFlightCount, readyCount: 4, orderedCount: 4 }));
    expect(rule(sight({}))).toBe(1);
    expect([at(0, 3), at(10, 4), at(14.9, 4), at(15, 4), at(30, 2), at(40, 1)]).toEqual([
      undefined,
      5,
      undefined,
      5,
      undefined,
      3,
    ]);
  });

  it('AWS: after three minutes above the target, by what is visible; after fifteen below, a little at a time', () => {
    const rule = awsTargetTracking.create(setting);
    // Target: (20 - 5) / 5 = 3 per machine in service.
    const busy = sight({ visibleCount: 40, readyCount: 4, orderedCount: 4 });
    expect([rule(busy), rule(busy), rule(busy)]).toEqual([undefined, undefined, 14]);
    // What boots is counted as capacity.
    expect(rule({ ...busy, orderedCount: 14 })).toBeUndefined();
    const quiet = sight({ readyCount: 14, orderedCount: 14 });
    const answers = Array.from({ length: 16 }, () => rule(quiet));
    expect(answers).toEqual([...Array.from({ length: 14 }, () => undefined), 13, 13]);
  });

  it('KEDA: what waits and is in hand by the target, at most double, and down only to the most of five minutes', () => {
    const rule = kedaHpa.create(setting);
    // Target: 20 / 5 = 4 per pod.
    const at = (minutes: number, visibleCount: number, orderedCount: number): number | undefined =>
      rule(sight({ atMs: minutes * minuteMs, visibleCount, orderedCount }));
    expect([at(0, 0, 0), at(0, 1, 0), at(1, 100, 1), at(2, 100, 5), at(3, 43, 10)]).toEqual([
      undefined,
      1,
      5,
      10,
      10,
    ]);
    // 25 was wanted at minute 2 and 10 at minute 3: each is forgotten five minutes later.
    expect([at(6.9, 12, 25), at(7.1, 12, 25), at(8.1, 12, 25), at(13, 12, 25)]).toEqual([25, 10, 3, 3]);
    expect([at(18, 0, 3), at(18.1, 0, 3)]).toEqual([0, 0]);
    expect(kedaHpa.create(setting)(sight({ orderedCount: 3, inFlightCount: 1 }))).toBe(1);
  });

  it('buildkite: as many as wait or run, at once; the fleet shrinks by idleness alone', () => {
    const rule = buildkite.create(setting);
    expect(rule(sight({ visibleCount: 30, inFlightCount: 5 }))).toBe(35);
    expect(rule(sight({ visibleCount: 300 }))).toBe(50);
    expect(rule(sight({ visibleCount: 300, ageSeconds: 121 }))).toBeUndefined();
    expect(buildkite.letGo).toEqual({ kind: 'when-idle', seconds: 600 });
  });

  it('schedule only: from a boot and five minutes before the start to a quarter of an hour after the end', () => {
    const rule = scheduleOnly.create(setting);
    const at = (minutes: number): number | undefined => rule(sight({ atMs: minutes * minuteMs }));
    expect([at(50.9), at(51), at(81), at(194.9), at(195), at(215)]).toEqual([0, 3, 4, 4, 2, 0]);
  });
});
