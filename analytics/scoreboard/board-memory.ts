import type { Box, Luma } from './pixels.ts';
import type { Word } from './read-text.ts';

/**
 * What was read on the pictures of one run, for as long as its pixels stay. A cache and nothing else: without it the same
 * is read again. Where text was found is not remembered: tried, and a drawn match lost a goal, for a reason not found.
 * Times are ms on the run's timeline.
 */
export class BoardMemory {
  #read: ReadLine[] = [];

  /** What was read there of the same pixels: in this segment, or twice and equal in others. */
  wordsOf(line: Box, seen: Seen): Word[] | undefined {
    const before = this.#find(line, seen);
    if (!before) return undefined;
    const isSure = before.readCount >= 2 && Math.abs(before.atMs - seen.atMs) <= readMsMax;
    return before.segmentId === seen.segmentId || isSure ? before.words : undefined;
  }

  keepWords(line: Box, seen: Seen, words: Word[]): void {
    const { luma, segmentId, atMs } = seen;
    const before = this.#find(line, seen);
    const isEqual = before !== undefined && textOf(before.words) === textOf(words);
    const kept: ReadLine = isEqual
      ? { ...before, segmentId, atMs, readCount: before.readCount + 1 }
      : { line, luma, words, segmentId, atMs, readCount: 1 };
    const others = this.#read.filter((one) => !isSamePlace(one.line, line));
    this.#read = [kept, ...others].slice(0, readCountMax);
  }

  #find(line: Box, { luma }: Seen): ReadLine | undefined {
    return this.#read.find(
      (one) => isSamePlace(one.line, line) && isSameSize(one.luma, luma) && isUnchanged(one.luma, luma, line),
    );
  }
}

/** A word that was misread twice is read anew after that. */
const readMsMax = 30_000;
/** Twelve lines and five guesses, in each of two scenes that take turns. */
const readCountMax = 34;

interface ReadLine {
  line: Box;
  luma: Luma;
  words: Word[];
  atMs: number;
  segmentId: string;
  readCount: number;
}

interface Seen {
  luma: Luma;
  atMs: number;
  segmentId: string;
}

function isSameSize(one: Luma, other: Luma): boolean {
  return one.width === other.width && one.height === other.height;
}

/** The finder places the same line within a pixel or two. */
function isSamePlace(one: Box, other: Box): boolean {
  const off = [
    one.left - other.left,
    one.right - other.right,
    one.top - other.top,
    one.bottom - other.bottom,
  ];
  return off.every((distance) => Math.abs(distance) <= 3);
}

function textOf(words: readonly Word[]): string {
  return words.map((word) => word.text).join(' ');
}

/** A changed digit moves its own pixels by half the contrast; compression moves a still block by 1 to 3. */
const blockDifferenceMax = 8;

/** Compares in blocks as wide as half a digit, so that one digit in a long line is not averaged away. */
function isUnchanged(before: Luma, after: Luma, line: Box): boolean {
  const top = Math.max(0, Math.floor(line.top / after.step));
  const bottom = Math.min(after.height, Math.ceil(line.bottom / after.step));
  const left = Math.max(0, Math.floor(line.left / after.step));
  const right = Math.min(after.width, Math.ceil(line.right / after.step));
  const blockWidth = Math.max(2, Math.round((bottom - top) / 4));
  for (let from = left; from < right; from += blockWidth) {
    const until = Math.min(right, from + blockWidth);
    let difference = 0;
    for (let y = top; y < bottom; y += 1) {
      for (let at = y * after.width + from; at < y * after.width + until; at += 1) {
        difference += Math.abs((after.values[at] ?? 0) - (before.values[at] ?? 0));
      }
    }
    if (difference > blockDifferenceMax * (until - from) * (bottom - top)) return false;
  }
  return true;
}
