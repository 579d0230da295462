import { momentId } from '../../core/ids.ts';
import type { Moment } from '../../core/moment.ts';
import type { Rules } from '../rules/rules.ts';
import { climaxReachMs } from './climaxes.ts';
import { clipRange } from './clip-range.ts';
import {
  cutTimes,
  hasSoundAt,
  joinSeries,
  signalNames,
  spotLabels,
  type Clue,
  type Evidence,
} from './evidence.ts';
import { keepIds } from './keep-ids.ts';
import { fuse, reasonsOf, round, type WeighedClue } from './fuse.ts';
import { lookBack, type Event } from './look-back.ts';
import { inOrder, nearClueFinders, nearClues, weightOf } from './near-clues.ts';
import { candidatesOf, pickPeaks, type Candidate } from './peaks.ts';
import { followScoreboard, type ScoreboardHistory } from './score-changes.ts';
import { scoreboardReads } from './scoreboard-reads.ts';
import { contextMs } from './settled-until.ts';

/**
 * What is worth a clip in a window of evidence: ascending by peak, each with its reasons. Pure, and a function of the
 * set of evidence alone: neither order nor repetition nor the steps in which it arrived change the result. A moment is
 * given as soon as its clip can be cut; later evidence revises it under the same id.
 */
export function findMoments(evidence: Evidence, rules: Rules): Moment[] {
  const clues = nearClues(evidence, rules);
  const candidates = candidatesOf(clues, evidence, rules);
  const history = followScoreboard(scoreboardReads(evidence.spots, evidence.knownUntilMs), rules.score);
  const given = clipsOf({ clues, candidates, history }, evidence, rules);
  // Where the window begins in mid-run, its first stretch is judged on too little: what was found there before stands.
  const judgedFromMs = evidence.fromMs > 0 ? evidence.fromMs + contextMs(rules) : -Infinity;
  const found = given
    .filter(({ event }) => event.atMs >= judgedFromMs)
    .map(({ event, range }) => ({ firstMs: event.firstMs, moment: momentOf(event, range, evidence, rules) }));
  const before = evidence.previous.filter((moment) => moment.peakMs < judgedFromMs);
  const open = evidence.previous.filter((moment) => moment.peakMs >= judgedFromMs);
  return [...before, ...keepIds(found, open, rules.refractoryMs)];
}

/**
 * How many moments the same evidence would have given with another threshold. Where there is no sound the threshold moves in
 * proportion, so that what the rules say counts exactly what was found. Looking at the evidence is most of the work, and is done
 * once, in steps of some tens of ms for a match; each count then takes some ms.
 *
 * @param pause between the steps: feeds may come in through the same thread
 */
export async function momentCounter(
  evidence: Evidence,
  rules: Rules,
  pause: () => Promise<void>,
): Promise<(threshold: number) => number> {
  const found: Clue[] = [];
  for (const find of nearClueFinders) {
    found.push(...find(evidence, rules));
    await pause();
  }
  const clues = inOrder(found, rules);
  const candidates = candidatesOf(clues, evidence, rules);
  await pause();
  const reads = scoreboardReads(evidence.spots, evidence.knownUntilMs);
  await pause();
  const history = followScoreboard(reads, rules.score);
  // The count needs no more of it than this, and may be kept for long.
  const rest = {
    ...evidence,
    signals: [],
    spots: evidence.spots.filter((spot) => spot.label === spotLabels.cut),
  };
  return (threshold) => {
    const share = threshold / rules.threshold;
    const moved = candidates.map((one) => ({ ...one, threshold: Math.min(1, one.threshold * share) }));
    return clipsOf({ clues, candidates: moved, history }, rest, { ...rules, threshold }).length;
  };
}

/** What reaches its threshold and can be cut. */
function clipsOf(
  found: { clues: readonly Clue[]; candidates: readonly Candidate[]; history: ScoreboardHistory },
  evidence: Evidence,
  rules: Rules,
): { event: Event; range: { inMs: number; outMs: number } }[] {
  const { clues, candidates, history } = found;
  const peaks = pickPeaks(candidates, rules.refractoryMs);
  const about = {
    cutsMs: cutTimes(evidence),
    roars: clues.filter((clue) => clue.kind === 'crowd'),
    evidence,
  };
  return lookBack({ peaks, candidates, history }, evidence, rules)
    .filter((event) => event.score >= event.threshold)
    .flatMap((event) => {
      const range = clipRange(event, about, rules);
      return range ? [{ event, range }] : [];
    });
}

/** Stretches where looking at more frames may turn a suspicion into a moment. Ascending, apart from each other. */
export function fineWindows(evidence: Evidence, rules: Rules): { fromMs: number; untilMs: number }[] {
  const clues = nearClues(evidence, rules);
  const sound = joinSeries(evidence.signals, signalNames.crowdFloor, evidence.knownUntilMs);
  const windows: { fromMs: number; untilMs: number }[] = [];
  for (const candidate of candidatesOf(clues, evidence, rules)) {
    const isBurst = candidate.clues.some(
      ({ clue }) => clue.kind === 'motion' && clue.atMs === candidate.atMs,
    );
    // Without sound a burst of movement may be a climax, and only its cuts can tell.
    const isSilent = isBurst && rules.climax.weight > 0 && !hasSoundAt(sound, candidate.atMs);
    if (!isSilent && !isPromising(candidate, rules)) continue;
    const beforeMs = Math.max(rules.fine.beforeMs, isSilent ? climaxReachMs : 0);
    const fromMs = Math.max(0, evidence.fromMs, candidate.atMs - beforeMs);
    const untilMs = Math.min(evidence.knownUntilMs, candidate.atMs + rules.fine.afterMs);
    const last = windows.at(-1);
    if (last && fromMs <= last.untilMs) last.untilMs = Math.max(last.untilMs, untilMs);
    else windows.push({ fromMs, untilMs });
  }
  return windows;
}

function isPromising(candidate: Candidate, rules: Rules): boolean {
  return candidate.score >= candidate.threshold * rules.fine.thresholdShare;
}

function momentOf(
  event: Event,
  range: { inMs: number; outMs: number },
  evidence: Evidence,
  rules: Rules,
): Moment {
  return {
    id: momentId(evidence.channelId, evidence.runId, event.firstMs),
    label: event.change?.step.label ?? labelOf(event.clues, rules),
    peakMs: event.atMs,
    ...range,
    score: round(fuse(event.clues)),
    reasons: reasonsOf(event.clues),
  };
}

/** The name that the strongest clue with a name gives it. */
function labelOf(clues: readonly WeighedClue[], rules: Rules): string {
  const named = clues
    .filter(({ clue }) => isNear(clue) && weightOf(clue.kind, rules).label !== undefined)
    .toSorted((one, other) => other.weight - one.weight);
  const strongest = named[0];
  return (strongest && weightOf(strongest.clue.kind, rules).label) ?? rules.label;
}

function isNear(clue: Clue): boolean {
  return clue.kind !== 'score' && clue.kind !== 'replay';
}
