import { TouchlineError } from '../../core/errors.ts';
import type { ClueWeight, Rules } from '../rules/rules.ts';
import { climaxes, climaxNearMs } from './climaxes.ts';
import { crowdRoars, roarJudgedMs, seconds } from './crowd-roars.ts';
import {
  cutTimes,
  joinSeries,
  joinSpots,
  ramp,
  signalNames,
  spotLabels,
  type Clue,
  type Evidence,
} from './evidence.ts';
import { mediansBefore } from './medians-before.ts';

type FindsClues = (evidence: Evidence, rules: Rules) => Clue[];

/** One for each way to see a clue, dearest first. They know nothing of each other, so who shares a thread can pause between them. */
export const nearClueFinders: readonly FindsClues[] = [
  crowdRoars,
  whistles,
  cutBursts,
  motionBursts,
  climaxes,
  modelSpots,
];

/** Clues that lie beside what they speak for: each is also a candidate for a peak. Ascending in time. */
export function nearClues(evidence: Evidence, rules: Rules): Clue[] {
  return inOrder(
    nearClueFinders.flatMap((find) => find(evidence, rules)),
    rules,
  );
}

/** What all finders have found, as `nearClues` gives it. */
export function inOrder(found: readonly Clue[], rules: Rules): Clue[] {
  return found
    .filter((clue) => weightOf(clue.kind, rules).weight > 0 && clue.strength > 0)
    .toSorted((one, other) => one.atMs - other.atMs || compareText(one.kind, other.kind));
}

/** What the rules say about a kind of clue. */
export function weightOf(kind: string, rules: Rules): ClueWeight {
  switch (kind) {
    case 'crowd':
      return rules.crowd;
    case 'whistle':
      return rules.whistle;
    case 'cut-burst':
      return rules.cutBurst;
    case 'motion':
      return rules.motion;
    case 'climax':
      return rules.climax;
    default: {
      const weight = rules.spots[kind.replace(/^spot:/, '')];
      if (weight) return weight;
      throw new TouchlineError({
        code: 'moments.unknown-clue',
        message: `no rule weighs the clue "${kind}": it should not have been derived`,
        retryable: false,
        blame: 'touchline',
      });
    }
  }
}

/** After a time t, evidence up to t + this decides all that near clues say about t. */
export function horizonMs(rules: Rules): number {
  const spots = Object.values(rules.spots).map((weight) => weight.afterMs);
  return Math.max(
    rules.crowd.afterMs + roarJudgedMs,
    rules.whistle.afterMs,
    rules.cutBurst.afterMs,
    rules.motion.afterMs,
    rules.climax.afterMs + climaxNearMs,
    ...spots,
  );
}

function whistles(evidence: Evidence): Clue[] {
  return joinSpots(evidence.spots, spotLabels.whistle, evidence.knownUntilMs).map((spot) => ({
    kind: 'whistle',
    atMs: spot.atMs,
    untilMs: spot.atMs + spot.durationMs,
    strength: spot.confidence,
    text: `A whistle blew${spot.durationMs > 0 ? ` for ${seconds(spot.durationMs)} s` : ''}.`,
  }));
}

/** Dated at the cut that makes it a burst: what is known then does not change later. */
function cutBursts(evidence: Evidence, rules: Rules): Clue[] {
  const cuts = cutTimes(evidence);
  const { countMin, withinMs } = rules.cutBurst;
  const bursts: Clue[] = [];
  for (let index = countMin - 1; index < cuts.length; index += 1) {
    const atMs = cuts[index] ?? 0;
    const spanMs = atMs - (cuts[index - countMin + 1] ?? -Infinity);
    if (spanMs > withinMs) continue;
    const burst = bursts.at(-1);
    if (burst && atMs - burst.atMs <= withinMs) burst.untilMs = atMs;
    else {
      bursts.push({
        kind: 'cut-burst',
        atMs,
        untilMs: atMs,
        strength: ramp(spanMs, withinMs * 1.5, withinMs * 0.5),
        text: `The picture changed ${countMin} times in ${seconds(spanMs)} s.`,
      });
    }
  }
  return bursts;
}

function motionBursts(evidence: Evidence, rules: Rules): Clue[] {
  const bursts: Clue[] = [];
  for (const { atMs, rise, strength } of motionRises(evidence, rules)) {
    const last = bursts.at(-1);
    if (strength === 0 || (last && atMs - last.atMs < rules.motion.afterMs)) continue;
    bursts.push({
      kind: 'motion',
      atMs,
      untilMs: atMs,
      strength,
      text: `The picture moved ${rise.toFixed(1)} times as much as before.`,
    });
  }
  return bursts;
}

/** Each half second's movement against what was before it. */
export function motionRises(
  evidence: Evidence,
  rules: Rules,
): { atMs: number; rise: number; strength: number }[] {
  const { riseMin, riseFull } = rules.motion;
  const motion = joinSeries(evidence.signals, signalNames.motion, evidence.knownUntilMs);
  const usual = mediansBefore(motion, {
    windowMs: rules.crowd.baselineMs,
    gaps: evidence.gaps,
  });
  return motion.flatMap(({ atMs, value }, index) => {
    const quiet = usual[index] ?? 0;
    if (quiet <= 0) return [];
    return [{ atMs, rise: value / quiet, strength: ramp(value / quiet, riseMin, riseFull) }];
  });
}

function modelSpots(evidence: Evidence, rules: Rules): Clue[] {
  return Object.keys(rules.spots).flatMap((label) =>
    joinSpots(evidence.spots, label, evidence.knownUntilMs).map((spot) => ({
      kind: `spot:${label}`,
      atMs: spot.atMs,
      untilMs: spot.atMs + spot.durationMs,
      strength: spot.confidence,
      text: `The model ${spot.source} saw "${spot.label}" (${Math.round(spot.confidence * 100)} %).`,
    })),
  );
}

export function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
