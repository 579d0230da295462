import type { Rules } from '../rules/rules.ts';
import { hasSoundAt, joinSeries, signalNames, type Clue, type Evidence } from './evidence.ts';
import { cluesFor, fuse, type WeighedClue } from './fuse.ts';
import { horizonMs } from './near-clues.ts';

/** A time at which something may have happened, and what speaks for it. */
export interface Candidate {
  atMs: number;
  clues: WeighedClue[];
  score: number;
  /** What its score has to reach: less where there is no sound to judge by. */
  threshold: number;
}

/** Candidates that belong to one event. */
export interface Peak extends Candidate {
  /** Where the event was first noticed: names it for good, while the peak may move on to stronger evidence. */
  firstMs: number;
}

/** S(t) can only rise where a clue begins, so those times are all that has to be looked at. Only settled ones are given. */
export function candidatesOf(clues: readonly Clue[], evidence: Evidence, rules: Rules): Candidate[] {
  const settledMs = evidence.isComplete ? evidence.knownUntilMs : evidence.knownUntilMs - horizonMs(rules);
  const times = [...new Set(clues.map((clue) => clue.atMs))].filter((atMs) => atMs <= settledMs);
  const sound = joinSeries(evidence.signals, signalNames.crowdFloor, evidence.knownUntilMs);
  return times.map((atMs) => {
    const weighed = cluesFor(clues, atMs, rules);
    return {
      atMs,
      clues: weighed,
      score: fuse(weighed),
      threshold: hasSoundAt(sound, atMs) ? rules.threshold : rules.thresholdWithoutSound,
    };
  });
}

/**
 * One peak per event: a candidate within the refractory of the best so far belongs to it. Taken in the order of time, so
 * that what comes later can strengthen a peak but never re-deal the earlier ones; a din without end is cut in pieces
 * of two refractories.
 */
export function pickPeaks(candidates: readonly Candidate[], refractoryMs: number): Peak[] {
  const peaks: Peak[] = [];
  for (const candidate of candidates) {
    if (candidate.score < candidate.threshold) continue;
    const open = peaks.at(-1);
    const isSame =
      open !== undefined &&
      candidate.atMs - open.atMs <= refractoryMs &&
      candidate.atMs - open.firstMs <= 2 * refractoryMs;
    if (!isSame) peaks.push({ ...candidate, firstMs: candidate.atMs });
    else if (candidate.score > open.score) Object.assign(open, candidate);
  }
  return peaks;
}
