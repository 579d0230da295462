import { firstIndex } from '../../core/first-index.ts';
import type { Moment, Signal, Spot } from '../../core/moment.ts';

/** All that is known of a stretch of one run. Everything in it may come in any order and more than once. */
export interface Evidence {
  channelId: string;
  runId: string;
  signals: readonly Signal[];
  spots: readonly Spot[];
  /** Stretches without media or whose analysis is lost. */
  gaps: readonly { fromMs: number; untilMs: number }[];
  /** The evidence begins here; 0 = with the run. Later than 0: keep `contextMs(rules)` before what is not settled. */
  fromMs: number;
  /** All results up to here are in. What lies behind it is not looked at yet. */
  knownUntilMs: number;
  /** The run has ended: nothing comes after `knownUntilMs`. */
  isComplete: boolean;
  /** What was found before, on less evidence. */
  previous: readonly Moment[];
}

/** One thing that speaks for a moment, made of signals or spots by the files beside this one. */
export interface Clue {
  /** What the rules weigh: `crowd`, `whistle`, `cut-burst`, `motion`, `climax`, `spot:<label>`, `score`, `replay`. */
  kind: string;
  atMs: number;
  untilMs: number;
  /** 0 to 1; the rules' weight for the kind is multiplied with it. */
  strength: number;
  /** One sentence for an editor. */
  text: string;
}

export interface Sample {
  atMs: number;
  value: number;
}

/** The times and names below are a contract with the detectors of this folder's neighbours. */
export const signalNames = {
  crowdFloor: 'crowd.floor',
  crowdCrest: 'crowd.crest',
  speech: 'speech.probability',
  motion: 'motion.amount',
} as const;

export const spotLabels = { whistle: 'whistle', cut: 'cut', scoreboard: 'scoreboard' } as const;

/** One series over all segments, ascending in time, one sample a time (the larger, where two segments disagree). */
export function joinSeries(signals: readonly Signal[], name: string, untilMs: number): Sample[] {
  const samples: Sample[] = [];
  let isInOrder = true;
  let lastMs = -Infinity;
  for (const signal of signals) {
    if (signal.name !== name) continue;
    for (const [index, atMs] of signal.atMs.entries()) {
      const value = signal.values[index];
      if (value === undefined || atMs > untilMs) continue;
      isInOrder &&= atMs > lastMs;
      lastMs = atMs;
      samples.push({ atMs, value });
    }
  }
  // As it nearly always is: segments follow each other.
  if (isInOrder) return samples;
  const valueAt = new Map<number, number>();
  for (const { atMs, value } of samples) valueAt.set(atMs, Math.max(valueAt.get(atMs) ?? -Infinity, value));
  return [...valueAt]
    .map(([atMs, value]) => ({ atMs, value }))
    .toSorted((one, other) => one.atMs - other.atMs);
}

/** Spots with this label up to a time, ascending, one a time (the surest). */
export function joinSpots(spots: readonly Spot[], label: string, untilMs: number): Spot[] {
  const spotAt = new Map<number, Spot>();
  for (const spot of spots) {
    if (spot.label.toLowerCase() !== label || spot.atMs > untilMs) continue;
    const known = spotAt.get(spot.atMs);
    if (known === undefined || isSurer(spot, known)) spotAt.set(spot.atMs, spot);
  }
  return [...spotAt.values()].toSorted((one, other) => one.atMs - other.atMs);
}

/** Times of the hard cuts, ascending. */
export function cutTimes(evidence: Evidence): number[] {
  return joinSpots(evidence.spots, spotLabels.cut, evidence.knownUntilMs).map((spot) => spot.atMs);
}

/** Was there anything to hear just before a time: else the picture alone has to do. */
export function hasSoundAt(sound: readonly Sample[], atMs: number): boolean {
  return firstAtOrAfter(sound, atMs - 5000) < firstAtOrAfter(sound, atMs + 1);
}

/** A total order, so that the order of arrival decides nothing. */
function isSurer(spot: Spot, known: Spot): boolean {
  if (spot.confidence !== known.confidence) return spot.confidence > known.confidence;
  if (spot.durationMs !== known.durationMs) return spot.durationMs > known.durationMs;
  return JSON.stringify(spot) > JSON.stringify(known);
}

/** Index of the first sample at or after a time. */
export function firstAtOrAfter(samples: readonly { atMs: number }[], atMs: number): number {
  return firstIndex(samples, (sample) => sample.atMs >= atMs);
}

export function medianOf(values: readonly number[]): number {
  return medianOfSorted(values.toSorted((one, other) => one - other));
}

/** Of ascending values; 0 of none. */
export function medianOfSorted(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** 0 at `none`, 1 at `full`, straight between; either may be the larger. */
export function ramp(value: number, none: number, full: number): number {
  if (none === full) return value >= full ? 1 : 0;
  return Math.min(1, Math.max(0, (value - none) / (full - none)));
}

/** The last gap's end before a time: what lies before a gap says nothing about the level after it. */
export function gapEndBefore(gaps: Evidence['gaps'], atMs: number): number {
  return gaps.reduce(
    (latest, gap) => (gap.untilMs <= atMs ? Math.max(latest, gap.untilMs) : latest),
    -Infinity,
  );
}
