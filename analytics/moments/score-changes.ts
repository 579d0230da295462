import type { Rules, ScoreStep } from '../rules/rules.ts';
import {
  clockValueMs,
  isClock,
  isTrusted,
  noteSeen,
  placeTokens,
  shareSeen,
  type ScoreCell,
} from './scoreboard-cells.ts';
import type { ScoreboardRead, ScoreToken } from './scoreboard-reads.ts';

/** A believed, legal change of a number on the bug. */
export interface ScoreChange {
  /** First read that shows the new value. */
  atMs: number;
  /** The read that made it believable. */
  acceptedAtMs: number;
  from: number;
  to: number;
  step: ScoreStep;
  confidence: number;
  /** The bug as read, without its clock: "INT 1-0 NAP". */
  board: string;
  /** The match clock at `atMs`, as it stands on the bug. */
  clock: string | undefined;
}

/** A stretch in which the bug was gone although the picture was looked at. */
export interface BugAbsence {
  fromMs: number;
  /** Undefined while it lasts. */
  untilMs: number | undefined;
}

export interface ScoreboardHistory {
  changes: ScoreChange[];
  absences: BugAbsence[];
}

/** A new value has to be confirmed within this, or its time is counted from the next read of it. */
export const pendingMsMax = 30_000;
/** Less of the known bug than this on the picture = the bug is absent: replay, advertisement, full-screen graphic. */
const presentShareMin = 0.4;
/** The bug has to be known this well before its absence says anything. */
const knownReadsMin = 5;
/** An illegal value that stays is what a replay or an advertisement has hidden: believed as a new start, not as a change. */
const resyncCount = 5;

/**
 * Follows the bug through a run: learns where its fields are, which of them is a clock because it moves with time,
 * and when a number changes by a legal step. Looks at the past only, so that more evidence never changes what it said.
 */
export function followScoreboard(reads: readonly ScoreboardRead[], score: Rules['score']): ScoreboardHistory {
  const cells: ScoreCell[] = [];
  const history: ScoreboardHistory = { changes: [], absences: [] };
  let presentReads = 0;
  for (const read of reads) {
    const isKnown = presentReads >= knownReadsMin;
    const placed = placeTokens(cells, read);
    const isPresent = shareSeen(cells, placed) >= presentShareMin;
    notePresence(history.absences, { atMs: read.atMs, isPresent, isKnown });
    if (isPresent) presentReads += 1;
    for (const [cell, token] of placed) {
      const change = noteText(cell, token, {
        atMs: read.atMs,
        // The first fields of a bug vouch for each other; later ones are vouched for by what is known.
        isVouchedFor: shareSeen(cells, placed, cell) >= presentShareMin,
        score,
      });
      if (change)
        history.changes.push({
          ...change,
          board: boardText(placed, cell),
          clock: clockText(placed, change.atMs),
        });
    }
    noteSeen(cells, placed, read.atMs, isPresent);
  }
  return history;
}

function notePresence(
  absences: BugAbsence[],
  read: { atMs: number; isPresent: boolean; isKnown: boolean },
): void {
  const last = absences.at(-1);
  const isOpen = last !== undefined && last.untilMs === undefined;
  if (read.isPresent && isOpen) last.untilMs = read.atMs;
  if (!read.isPresent && !isOpen && read.isKnown) absences.push({ fromMs: read.atMs, untilMs: undefined });
}

function noteText(
  cell: ScoreCell,
  token: ScoreToken,
  context: { atMs: number; isVouchedFor: boolean; score: Rules['score'] },
): Omit<ScoreChange, 'board' | 'clock'> | undefined {
  const { atMs, score } = context;
  if (isClock(cell)) return undefined;
  if (token.text === cell.accepted) {
    cell.pending = undefined;
    return undefined;
  }
  // Something else at this place while the rest of the bug is away is not the bug.
  if (cell.accepted !== undefined && !context.isVouchedFor) return undefined;
  const before = cell.pending;
  const isAgain = before?.text === token.text && atMs - before.sinceMs <= pendingMsMax;
  const pending = isAgain
    ? { ...before, count: before.count + 1, confidence: Math.min(before.confidence, token.confidence) }
    : { text: token.text, sinceMs: atMs, count: 1, confidence: token.confidence };
  cell.pending = pending;

  const isSettled = pending.count >= score.equalReads && atMs - pending.sinceMs >= score.settleMsMin;
  if (!isSettled) return undefined;
  const from = scoreValue(cell.accepted, score);
  const to = scoreValue(pending.text, score);
  const isFirst = cell.accepted === undefined;
  const step =
    from === undefined || to === undefined ? undefined : legalStep(score, { from, to, part: cell.part });
  if (!isFirst && !step && pending.count < resyncCount) return undefined;
  cell.accepted = pending.text;
  cell.pending = undefined;
  if (!step || from === undefined || to === undefined) return undefined;
  return { atMs: pending.sinceMs, acceptedAtMs: atMs, from, to, step, confidence: pending.confidence };
}

/** "07" is a shirt or a part of a clock: bugs do not pad scores. */
function scoreValue(text: string | undefined, score: Rules['score']): number | undefined {
  if (text === undefined || !/^(?:0|[1-9]\d{0,2})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= score.valueMax ? value : undefined;
}

function legalStep(
  score: Rules['score'],
  change: { from: number; to: number; part: ScoreToken['part'] },
): ScoreStep | undefined {
  return score.steps.find(
    (step) =>
      (step.cell === 'any' || step.cell === change.part) &&
      (step.by === undefined
        ? step.from === change.from && step.to === change.to
        : step.by === change.to - change.from),
  );
}

function boardText(placed: ReadonlyMap<ScoreCell, ScoreToken>, changed: ScoreCell): string {
  return [...placed]
    .filter(
      ([cell]) =>
        isTrusted(cell) &&
        !isClock(cell) &&
        // The bug is around the number that changed, not at the other end of the picture.
        Math.abs(cell.y - changed.y) <= 3 * changed.height &&
        Math.abs(cell.x - changed.x) <= 600,
    )
    .toSorted(([one], [other]) =>
      Math.abs(one.y - other.y) > one.height / 2 ? one.y - other.y : one.x - other.x,
    )
    .map(([, token]) => (token.part === 'first' ? `${token.text}-` : `${token.text} `))
    .join('')
    .trim();
}

/** What the clock showed at `atMs`; it has been read a little later. */
function clockText(placed: ReadonlyMap<ScoreCell, ScoreToken>, atMs: number): string | undefined {
  for (const [cell, token] of placed) {
    const valueMs = clockValueMs(token.text);
    const before = cell.clock;
    if (!isClock(cell) || valueMs === undefined || !before) continue;
    const isUp = valueMs >= before.valueMs;
    const thenMs = isUp
      ? Math.max(0, before.valueMs - (before.atMs - atMs))
      : before.valueMs + (before.atMs - atMs);
    const secondsThen = Math.round(thenMs / 1000);
    return `${String(Math.floor(secondsThen / 60)).padStart(2, '0')}:${String(secondsThen % 60).padStart(2, '0')}`;
  }
  return undefined;
}
