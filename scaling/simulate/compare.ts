import type { ScalingPolicy } from '../policy.ts';
import { baselineScaler } from './baseline-scaler.ts';
import { allBaselines } from './baselines/all-baselines.ts';
import type { BaselineSetting } from './baselines/baseline.ts';
import { clairvoyantBound, type ClairvoyantBound } from './clairvoyant.ts';
import { simulateDay, type Day, type Scenario } from './simulate.ts';
import { touchlineScaler } from './touchline-scaler.ts';

export interface Comparison {
  bound: ClairvoyantBound | undefined;
  /** Ours first, then the baselines. */
  days: readonly Day[];
}

/** The same day under everybody. */
export async function compare(scenario: Scenario, policy: ScalingPolicy): Promise<Comparison> {
  const setting = settingOf(scenario);
  const scalers = [
    touchlineScaler(policy),
    ...allBaselines.map((baseline) => baselineScaler(baseline, setting)),
  ];
  const days: Day[] = [];
  for (const scaler of scalers) days.push(await simulateDay(scaler, scenario));
  return { bound: clairvoyantBound(scenario), days };
}

function settingOf(scenario: Scenario): BaselineSetting {
  const { trace, model, pools, sloSeconds, bootSecondsMedian, countMax } = scenario;
  const serviceSeconds = model.workSecondsMean / (pools[0]?.power ?? 1);
  return {
    sloSeconds,
    serviceSeconds,
    bootSecondsMedian,
    countMax,
    peakBusyCount: (peakLiveCount(trace.broadcasts) * serviceSeconds) / model.segmentSeconds,
    fixtures: trace.broadcasts.flatMap(({ scheduled }) => (scheduled ? [scheduled] : [])),
  };
}

function peakLiveCount(broadcasts: Scenario['trace']['broadcasts']): number {
  const changes = broadcasts
    .flatMap(({ startMs, endMs }) => [
      { atMs: startMs, by: 1 },
      { atMs: endMs, by: -1 },
    ])
    .toSorted((one, other) => one.atMs - other.atMs || one.by - other.by);
  let [live, peak] = [0, 0];
  for (const { by } of changes) peak = Math.max(peak, (live += by));
  return peak;
}
