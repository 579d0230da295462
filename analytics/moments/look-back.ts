import type { Rules } from '../rules/rules.ts';
import { seconds } from './crowd-roars.ts';
import type { Clue, Evidence } from './evidence.ts';
import { fuse, keepStronger, type WeighedClue } from './fuse.ts';
import { horizonMs } from './near-clues.ts';
import type { Candidate, Peak } from './peaks.ts';
import type { BugAbsence, ScoreChange, ScoreboardHistory } from './score-changes.ts';

/** A peak with the clues that came later and look back at it. */
export interface Event extends Peak {
  /** Latest legal change of the score that it explains. */
  change: ScoreChange | undefined;
}

/**
 * Lets late evidence speak for what it is about. A change of the score goes to the strongest peak between the change
 * before it and itself (an operator changes the bug after the celebration), and makes a peak of its own where there is
 * none; a replay goes to the last peak before it, and makes none.
 */
export function lookBack(
  found: { peaks: readonly Peak[]; candidates: readonly Candidate[]; history: ScoreboardHistory },
  evidence: Evidence,
  rules: Rules,
): Event[] {
  const events: Event[] = found.peaks.map((peak) => ({ ...peak, clues: [...peak.clues], change: undefined }));
  for (const [index, change] of found.history.changes.entries()) {
    if (!isDecidable(change, evidence, rules) || change.step.worth === 0) continue;
    const before = found.history.changes
      .slice(0, index)
      .findLast((one) => one.atMs < change.atMs && one.step.worth > 0);
    const sinceMs = before?.atMs ?? -Infinity;
    attachChange(
      events,
      { change, sinceMs, candidates: found.candidates, absences: found.history.absences },
      rules,
    );
  }
  events.sort((one, other) => one.atMs - other.atMs);
  for (const absence of found.history.absences) attachReplay(events, absence, rules);
  return events.map((event) => ({ ...event, score: fuse(event.clues) }));
}

/** Everything that the change could be about has to be settled, or it would go to another peak later. */
function isDecidable(change: ScoreChange, evidence: Evidence, rules: Rules): boolean {
  const settledMs = change.atMs + rules.score.lookAheadMs + horizonMs(rules);
  return (
    change.acceptedAtMs <= evidence.knownUntilMs &&
    (evidence.isComplete || settledMs <= evidence.knownUntilMs)
  );
}

function attachChange(
  events: Event[],
  about: {
    change: ScoreChange;
    sinceMs: number;
    candidates: readonly Candidate[];
    absences: readonly BugAbsence[];
  },
  rules: Rules,
): void {
  const { change, sinceMs, candidates, absences } = about;
  const fromMs = Math.max(change.atMs - rules.score.lookBackMs, sinceMs);
  const untilMs = change.atMs + rules.score.lookAheadMs;
  const isInSpan = (it: { atMs: number }): boolean => it.atMs >= fromMs && it.atMs <= untilMs;

  let event = strongest(events.filter(isInSpan));
  if (!event) {
    const replay = absences.findLast(
      (one) => isReplay(one, rules) && one.fromMs >= fromMs && one.fromMs < change.atMs,
    );
    const lastMs = replay?.fromMs ?? untilMs;
    const candidate = strongest(
      candidates.filter((one) => isInSpan(one) && one.atMs <= lastMs && isTelling(one, rules)),
    );
    const usualMs = replay ? replay.fromMs - rules.replay.lagMs : change.atMs - rules.score.lagMs;
    const atMs = candidate?.atMs ?? Math.max(0, fromMs, usualMs);
    event = {
      atMs,
      firstMs: atMs,
      clues: [...(candidate?.clues ?? [])],
      score: candidate?.score ?? 0,
      threshold: candidate?.threshold ?? rules.threshold,
      change: undefined,
    };
    events.push(event);
  }
  addClue(event, { clue: scoreClue(change, event.atMs), weight: rules.score.weight * strengthOf(change) });
  if (!event.change || change.step.worth >= event.change.step.worth) event.change = change;
}

/**
 * A lone whistle is no better guess than the usual delay of the bug. Measured against the threshold with sound everywhere: the
 * lower one without is there to show something at all, and does not make a handful of cuts a better witness than the bug.
 */
function isTelling(candidate: Candidate, rules: Rules): boolean {
  return candidate.score >= rules.threshold / 2;
}

function attachReplay(events: readonly Event[], absence: BugAbsence, rules: Rules): void {
  if (!isReplay(absence, rules)) return;
  const event = events.findLast(
    (one) => one.atMs <= absence.fromMs && one.atMs >= absence.fromMs - rules.replay.lookBackMs,
  );
  if (!event) return;
  const clue: Clue = {
    kind: 'replay',
    atMs: absence.fromMs,
    untilMs: absence.untilMs,
    strength: 1,
    text: `The score bug went away for ${seconds(absence.untilMs - absence.fromMs)} s, as it does for a replay.`,
  };
  addClue(event, { clue, weight: rules.replay.weight });
}

/** A bug that flickers was misread, one that stays away is in the half-time break. */
function isReplay(absence: BugAbsence, rules: Rules): absence is BugAbsence & { untilMs: number } {
  const lastedMs = (absence.untilMs ?? Infinity) - absence.fromMs;
  return lastedMs >= rules.replay.absentMsMin && lastedMs <= rules.replay.absentMsMax;
}

function addClue(event: Event, one: WeighedClue): void {
  const byKind = new Map(event.clues.map((known) => [known.clue.kind, known]));
  keepStronger(byKind, one);
  event.clues = [...byKind.values()];
}

function scoreClue(change: ScoreChange, peakMs: number): Clue {
  const clock = change.clock === undefined ? '' : ` at ${change.clock} on the clock`;
  const later = change.atMs - peakMs >= 1000 ? `, ${seconds(change.atMs - peakMs)} s after this` : '';
  return {
    kind: 'score',
    atMs: change.atMs,
    untilMs: change.acceptedAtMs,
    strength: strengthOf(change),
    text: `The score changed from ${change.from} to ${change.to}${clock}${later} (${change.board}).`,
  };
}

/** A reader that is half sure of each of several equal reads is surer of the change than of one read. */
function strengthOf(change: ScoreChange): number {
  return change.step.worth * Math.max(0.5, Math.sqrt(change.confidence));
}

/** Highest score; of equals the latest, which is the nearest to the change. */
function strongest<T extends { atMs: number; score: number }>(those: readonly T[]): T | undefined {
  return those.reduce<T | undefined>(
    (best, one) =>
      !best || one.score > best.score || (one.score === best.score && one.atMs > best.atMs) ? one : best,
    undefined,
  );
}
