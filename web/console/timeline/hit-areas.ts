import type { TimelineMoment } from './timeline-data.ts';
import { type TimeView, xOf } from './time-view.ts';

/** A moment of a second in a match of two hours is a fraction of a pixel: it stays visible. */
export const drawnPxMin = 6;
/** WCAG 2.5.8: what is pointed at is this large, however small it is drawn. */
export const hitPxMin = 24;

export interface Box<T> {
  what: T;
  /** As drawn. */
  x0Px: number;
  x1Px: number;
  /** Of those that overlap in time each has a row of its own, from 0. */
  row: number;
}

/** More than three at one time are rare; the fourth shares the last row. */
const rowsMax = 3;

/** By time, not by pixels: nothing changes its row while one zooms. */
export function rowsOf(moments: readonly TimelineMoment[]): { rowOf: Map<string, number>; count: number } {
  const endMs: number[] = [];
  const rowOf = new Map<string, number>();
  for (const { id, inMs, outMs } of moments.toSorted((a, b) => a.inMs - b.inMs || b.outMs - a.outMs)) {
    const free = endMs.findIndex((end) => end <= inMs);
    const row = Math.min(rowsMax - 1, free >= 0 ? free : endMs.length);
    endMs[row] = Math.max(endMs[row] ?? 0, outMs);
    rowOf.set(id, row);
  }
  return { rowOf, count: Math.max(1, endMs.length) };
}

/** Moments in view as drawn, in order. */
export function boxesOf(view: TimeView, moments: readonly TimelineMoment[]): Box<TimelineMoment>[] {
  const { rowOf } = rowsOf(moments);
  return moments.flatMap((what) => {
    const [x0, x1] = [xOf(view, what.inMs), xOf(view, what.outMs)];
    const short = Math.max(0, drawnPxMin - (x1 - x0)) / 2;
    const box = { what, x0Px: x0 - short, x1Px: x1 + short, row: rowOf.get(what.id) ?? 0 };
    return box.x1Px < 0 || box.x0Px > view.widthPx ? [] : [box];
  });
}

/** What is meant by a pointer at `xPx`: of those it touches, the one whose middle is nearest. */
export function hit<T>(boxes: readonly Box<T>[], xPx: number): T | undefined {
  let best: { what: T; offPx: number } | undefined;
  for (const { what, x0Px, x1Px } of boxes) {
    const widen = Math.max(0, hitPxMin - (x1Px - x0Px)) / 2;
    if (xPx < x0Px - widen || xPx > x1Px + widen) continue;
    const offPx = Math.abs(xPx - (x0Px + x1Px) / 2);
    if (!best || offPx < best.offPx) best = { what, offPx };
  }
  return best?.what;
}

/** The next moment to either side of `atMs`; stays at the ends. */
export function stepMoment<T extends { inMs: number }>(
  moments: readonly T[],
  atMs: number,
  direction: 1 | -1,
): T | undefined {
  const inOrder = moments.toSorted((a, b) => a.inMs - b.inMs);
  return direction === 1
    ? inOrder.find(({ inMs }) => inMs > atMs)
    : inOrder.findLast(({ inMs }) => inMs < atMs);
}
