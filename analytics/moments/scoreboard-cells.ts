import type { ScoreboardRead, ScoreToken } from './scoreboard-reads.ts';

/** One place on the bug and what has stood there. */
export interface ScoreCell {
  x: number;
  y: number;
  width: number;
  height: number;
  part: ScoreToken['part'];
  /** How many reads found something here. */
  seenCount: number;
  /** How many reads in a row did not, while the rest of the bug was there. */
  missedCount: number;
  /** The believed text. */
  accepted: string | undefined;
  /** What may be replacing it. */
  pending: { text: string; sinceMs: number; count: number; confidence: number } | undefined;
  /** Last time seen as a clock, and how often it has moved with real time. */
  clock: { atMs: number; valueMs: number; progressCount: number } | undefined;
}

/** A cell counts as part of the bug from this many reads on, and the more the longer it has been there, up to a bound. */
export const trustedCountMin = 3;
const weightMax = 30;
/** A bug has few fields; more are advertising boards, and the oldest unseen goes. */
const cellCountMax = 60;
/** So many reads without it, while the rest of the bug is there: the field is gone. */
const missedCountMax = 10;
const progressCountMin = 2;

/** Which token stands in which cell. Tokens in no known place open a cell. Changes `cells`. */
export function placeTokens(cells: ScoreCell[], read: ScoreboardRead): Map<ScoreCell, ScoreToken> {
  const pairs = cells
    .flatMap((cell) => read.tokens.map((token) => ({ cell, token, distance: distanceOf(cell, token) })))
    .filter((it) => it.distance <= 1)
    .toSorted((one, other) => one.distance - other.distance);
  const placed = new Map<ScoreCell, ScoreToken>();
  const used = new Set<ScoreToken>();
  for (const { cell, token } of pairs) {
    if (placed.has(cell) || used.has(token)) continue;
    placed.set(cell, token);
    used.add(token);
  }
  for (const token of read.tokens) {
    if (used.has(token)) continue;
    const cell = newCell(token);
    cells.push(cell);
    placed.set(cell, token);
  }
  return placed;
}

/** Updates what every cell has seen, and forgets places that are no longer part of the bug. Changes `cells`. */
export function noteSeen(
  cells: ScoreCell[],
  placed: Map<ScoreCell, ScoreToken>,
  atMs: number,
  isPresent: boolean,
): void {
  for (const [cell, token] of placed) {
    cell.seenCount += 1;
    cell.missedCount = 0;
    if (token.part !== 'whole') cell.part = token.part;
    noteClock(cell, token.text, atMs);
  }
  if (isPresent) for (const cell of cells) if (!placed.has(cell)) cell.missedCount += 1;
  for (let index = cells.length - 1; index >= 0; index -= 1) {
    const cell = cells[index];
    if (cell && cell.missedCount > missedCountMax) cells.splice(index, 1);
  }
  while (cells.length > cellCountMax) {
    const weakest = cells.reduce((one, other) => (other.seenCount < one.seenCount ? other : one));
    cells.splice(cells.indexOf(weakest), 1);
  }
}

/**
 * Share of the known bug that a read shows, weighed by how long each field has been there: 0 without a known bug.
 * `except` leaves a cell out: does the rest of the bug vouch for it?
 */
export function shareSeen(
  cells: readonly ScoreCell[],
  placed: ReadonlyMap<ScoreCell, ScoreToken>,
  except?: ScoreCell,
): number {
  let known = 0;
  let seen = 0;
  for (const cell of cells) {
    if (cell === except || !isTrusted(cell)) continue;
    const weight = Math.min(cell.seenCount, weightMax);
    known += weight;
    if (placed.has(cell) && (isClock(cell) || placed.get(cell)?.text === cell.accepted)) seen += weight;
  }
  return known === 0 ? 0 : seen / known;
}

export function isTrusted(cell: ScoreCell): boolean {
  return cell.seenCount >= trustedCountMin && (isClock(cell) || cell.accepted !== undefined);
}

export function isClock(cell: ScoreCell): boolean {
  return (cell.clock?.progressCount ?? 0) >= progressCountMin;
}

/** "12:34", "1:02:03", "9.8" as ms; undefined for what cannot be a clock. */
export function clockValueMs(text: string): number | undefined {
  const parts = /^(?:(\d):)?(\d{1,3}):(\d{2})(?:[.,](\d))?$/.exec(text);
  if (!parts) return undefined;
  const [, hours = '0', minutes = '0', secs = '0', tenths = '0'] = parts;
  if (Number(secs) > 59) return undefined;
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(secs)) * 1000 + Number(tenths) * 100;
}

/** A clock is known by moving as fast as time does, up or down; what stands still may be a stopped one, or a score. */
function noteClock(cell: ScoreCell, text: string, atMs: number): void {
  const valueMs = clockValueMs(text);
  if (valueMs === undefined) return;
  const before = cell.clock;
  if (!before) {
    cell.clock = { atMs, valueMs, progressCount: 0 };
    return;
  }
  const passedMs = atMs - before.atMs;
  const movedMs = Math.abs(valueMs - before.valueMs);
  // Both are read to the second; 1.2 s is one second of rounding and a late graphic.
  const isMoving = movedMs > 0 && Math.abs(movedMs - passedMs) <= Math.max(1200, passedMs * 0.1);
  const change = isMoving ? 1 : movedMs === 0 ? 0 : -1;
  cell.clock = {
    atMs,
    valueMs,
    progressCount: Math.min(20, Math.max(0, before.progressCount + change)),
  };
}

/** 1 = just near enough. A number that gains a digit keeps one edge or its centre. */
function distanceOf(cell: ScoreCell, token: ScoreToken): number {
  const height = Math.max(cell.height, token.height);
  const offset = Math.min(
    Math.abs(cell.x - token.x),
    Math.abs(cell.x - cell.width / 2 - (token.x - token.width / 2)),
    Math.abs(cell.x + cell.width / 2 - (token.x + token.width / 2)),
  );
  // Boxes of one line differ by a fifth of its height from read to read; two digits of "0-0" are a height apart.
  return Math.max(offset / (0.45 * height), Math.abs(cell.y - token.y) / (0.5 * height));
}

function newCell(token: ScoreToken): ScoreCell {
  const { x, y, width, height, part } = token;
  return {
    x,
    y,
    width,
    height,
    part,
    seenCount: 0,
    missedCount: 0,
    accepted: undefined,
    pending: undefined,
    clock: undefined,
  };
}
