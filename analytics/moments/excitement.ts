import type { Moment } from '../../core/moment.ts';
import type { Rules } from '../rules/rules.ts';
import { climaxReachMs } from './climaxes.ts';
import { crowdSeconds } from './crowd-roars.ts';
import type { Evidence } from './evidence.ts';
import { cluesFor, fuse } from './fuse.ts';
import { horizonMs, motionRises, nearClues } from './near-clues.ts';

/** How exciting one half second was, and by what. */
export interface ExcitementPoint {
  atMs: number;
  /** 0 to 1. */
  value: number;
  /** By kind, how high each clue would lift the curve by itself; what says nothing is left out. */
  clues: Readonly<Record<string, number>>;
}

/** The grid of the signals that it is made of. */
export const excitementStepMs = 500;

/**
 * The curve that people look at: E(t) = 1 - prod over kinds k of (1 - e_k(t)), where e_k(t) is
 * - the weight of k in the rules x the strength of its strongest clue whose window holds t: the score S(t) that moments are
 *   picked by. A peak of the curve is therefore never below the score that a moment had from what was heard and seen;
 * - for `crowd` and `motion` at least their weight x what they are at t itself, so that the curve follows a roar while it lasts,
 *   and shows a rise that was too short for one.
 * What looks back from later (`score`, `replay`) is added by `lateClues`, for it is known only of moments.
 *
 * @returns a point each 500 ms in [fromMs, untilMs); evidence has to reach as far around it as `excitementReach` says
 */
export function excitement(
  evidence: Evidence,
  rules: Rules,
  range: { fromMs: number; untilMs: number },
): ExcitementPoint[] {
  const clues = nearClues(evidence, rules);
  const crowd = new Map(crowdSeconds(evidence, rules).map((one) => [one.atMs, one.strength]));
  const motion = new Map(motionRises(evidence, rules).map((one) => [one.atMs, one.strength]));
  const points: ExcitementPoint[] = [];
  const firstMs = Math.ceil(range.fromMs / excitementStepMs) * excitementStepMs;
  for (let atMs = firstMs; atMs < range.untilMs; atMs += excitementStepMs) {
    const weights = new Map(cluesFor(clues, atMs, rules).map((one) => [one.clue.kind, one.weight]));
    raise(weights, 'crowd', rules.crowd.weight * (crowd.get(atMs) ?? 0));
    raise(weights, 'motion', rules.motion.weight * (motion.get(atMs) ?? 0));
    points.push({ atMs, value: noisyOr(weights.values()), clues: Object.fromEntries(weights) });
  }
  return points;
}

/** How much evidence before and behind a stretch decides what its curve is. */
export function excitementReach(rules: Rules): { beforeMs: number; afterMs: number } {
  const windows = [rules.crowd, rules.whistle, rules.cutBurst, rules.motion, rules.climax];
  const before = Math.max(...[...windows, ...Object.values(rules.spots)].map((one) => one.beforeMs));
  const longest = Math.max(rules.crowd.baselineMs, rules.cutBurst.withinMs * 2, climaxReachMs);
  return { beforeMs: before + longest, afterMs: horizonMs(rules) };
}

/** The clues that were given to a moment from later, at its peak: by kind, as `ExcitementPoint.clues`. */
export function lateClues(moment: Pick<Moment, 'score' | 'reasons'>): Map<string, number> {
  const late = moment.reasons.filter(({ signal }) => signal === 'score' || signal === 'replay');
  // `reasonsOf` shares -ln(1 - score) out; this is the way back.
  const rest = 1 - Math.min(moment.score, 0.999);
  return new Map(late.map(({ signal, contribution }) => [signal, 1 - rest ** contribution]));
}

/** A point with more that speaks for it. */
export function withClues(point: ExcitementPoint, more: ReadonlyMap<string, number>): ExcitementPoint {
  const weights = new Map(Object.entries(point.clues));
  for (const [kind, weight] of more) raise(weights, kind, weight);
  return { ...point, value: noisyOr(weights.values()), clues: Object.fromEntries(weights) };
}

function raise(weights: Map<string, number>, kind: string, weight: number): void {
  if (weight > (weights.get(kind) ?? 0)) weights.set(kind, weight);
}

function noisyOr(weights: Iterable<number>): number {
  return fuse([...weights].map((weight) => ({ weight })));
}
