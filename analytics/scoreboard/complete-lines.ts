import type { Box } from './pixels.ts';

/** Each guess costs a read of 7 ms once a segment. */
const guessCountMax = 5;

/**
 * Where more text should be, judging by the text that was found: text detectors overlook single digits, and scores are
 * single digits. Guesses are (1) the gap between two neighbours of one row ("RMA ? SEV"), (2) the place that
 * completes a pair of pairs: when one of two aligned fields has a partner and the other has none ("BAR 1 / RMA ?").
 */
export function missingLines(lines: readonly Box[]): Box[] {
  const guesses: Box[] = [];
  const offer = (guess: Box): void => {
    if (guesses.length < guessCountMax && ![...lines, ...guesses].some((line) => overlaps(line, guess))) {
      guesses.push(guess);
    }
  };
  for (const gap of gapsBetween(lines)) offer(gap);
  for (const line of lines) {
    for (const twin of lines) {
      if (twin === line || !areAligned(line, twin)) continue;
      for (const partner of lines) {
        if (partner === line || partner === twin || !isBeside(twin, partner)) continue;
        offer(moved(partner, centreX(line) - centreX(twin), centreY(line) - centreY(twin)));
      }
    }
  }
  return guesses;
}

function gapsBetween(lines: readonly Box[]): Box[] {
  const gaps: Box[] = [];
  for (const left of lines) {
    const right = lines
      .filter((one) => one.left >= left.right && isSameRow(one, left))
      .toSorted((one, other) => one.left - other.left)[0];
    if (!right) continue;
    const height = heightOf(left);
    const width = right.left - left.right;
    if (width < 0.8 * height || width > 6 * height) continue;
    gaps.push({
      left: left.right,
      right: right.left,
      top: Math.min(left.top, right.top),
      bottom: Math.max(left.bottom, right.bottom),
    });
  }
  return gaps;
}

/** Two labels of one row, or two names of one column. */
function areAligned(one: Box, other: Box): boolean {
  if (!isSameHeight(one, other)) return false;
  const isColumn =
    Math.min(Math.abs(one.left - other.left), Math.abs(one.right - other.right)) < 0.5 * heightOf(one) &&
    Math.abs(centreY(one) - centreY(other)) < 3 * heightOf(one);
  return isColumn || (isSameRow(one, other) && Math.abs(centreX(one) - centreX(other)) < 12 * heightOf(one));
}

/** A name and its number: side by side, or one above the other. */
function isBeside(one: Box, other: Box): boolean {
  const reach = 3 * heightOf(one);
  const across = Math.max(one.left, other.left) - Math.min(one.right, other.right);
  const down = Math.max(one.top, other.top) - Math.min(one.bottom, other.bottom);
  return (isSameRow(one, other) && across < reach) || (across < 0 && down < 0.8 * reach);
}

function isSameRow(one: Box, other: Box): boolean {
  return (
    isSameHeight(one, other) &&
    Math.abs(centreY(one) - centreY(other)) < 0.35 * Math.min(heightOf(one), heightOf(other))
  );
}

function isSameHeight(one: Box, other: Box): boolean {
  const ratio = heightOf(one) / heightOf(other);
  return ratio > 0.6 && ratio < 1.7;
}

function overlaps(one: Box, other: Box): boolean {
  const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  return (
    across > 0.1 * Math.min(one.right - one.left, other.right - other.left) && down > 0.3 * heightOf(other)
  );
}

function moved(box: Box, across: number, down: number): Box {
  return {
    left: box.left + across,
    right: box.right + across,
    top: box.top + down,
    bottom: box.bottom + down,
  };
}

function centreX(box: Box): number {
  return (box.left + box.right) / 2;
}

function centreY(box: Box): number {
  return (box.top + box.bottom) / 2;
}

function heightOf(box: Box): number {
  return Math.max(1, box.bottom - box.top);
}
