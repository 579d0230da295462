import type { Rules } from '../rules/rules.ts';
import type { Evidence } from './evidence.ts';
import { horizonMs } from './near-clues.ts';
import { pendingMsMax } from './score-changes.ts';

/**
 * Before this time no moment can appear any more and none that is there can change: a segment that ends before it and
 * lies in no moment's clip needs no clip. It trails by the longest look-back, about two minutes in soccer.
 */
export function settledUntilMs(
  evidence: Pick<Evidence, 'fromMs' | 'knownUntilMs' | 'isComplete'>,
  rules: Rules,
): number {
  if (evidence.isComplete) return evidence.knownUntilMs;
  return Math.max(evidence.fromMs, evidence.knownUntilMs - openMs(rules));
}

/**
 * So much evidence before what is not settled has to be kept for later calls to find the same: the level of quiet, the
 * fields of the bug and its last believed values. A bug that was away for longer starts anew.
 */
export function contextMs(rules: Rules): number {
  return openMs(rules) + rules.crowd.baselineMs;
}

function openMs(rules: Rules): number {
  const horizon = horizonMs(rules);
  const score = rules.score.lookBackMs + Math.max(pendingMsMax, rules.score.lookAheadMs + horizon);
  const replay = rules.replay.lookBackMs + rules.replay.absentMsMax;
  const peak = 2 * rules.refractoryMs + Math.max(horizon, rules.clip.tailMsMax);
  return Math.max(score, replay, peak) + rules.clip.leadMsMax;
}
