import type { Lane, ReviewMoment } from '../../../api/schemas/review.ts';

/** The order of the queue, and where things are in its list. No DOM in here. */

export const lanes: readonly Lane[] = ['must', 'likely', 'maybe'];

export const laneWords: Record<Lane, string> = { must: 'Must see', likely: 'Likely', maybe: 'Maybe' };

type Ranked = Pick<ReviewMoment, 'id' | 'lane' | 'peakWallMs'>;

/** By lane, in it the newest first; ties in a fixed order, so that nothing swaps places between two looks. */
export function inOrder<T extends Ranked>(moments: Iterable<T>): T[] {
  return [...moments].toSorted(
    (one, other) =>
      lanes.indexOf(one.lane) - lanes.indexOf(other.lane) ||
      other.peakWallMs - one.peakWallMs ||
      (one.id < other.id ? -1 : 1),
  );
}

/**
 * Where the eye goes when the moments `leaving` are decided: the next one behind the last of them that nobody else looks at; else
 * the nearest before. Undefined when nothing is left.
 */
export function nextFocus(
  order: readonly (Ranked & Pick<ReviewMoment, 'claimedBy'>)[],
  leaving: ReadonlySet<string>,
  focusId: string | undefined,
): string | undefined {
  const from = order.findIndex(({ id }) => id === focusId);
  const isFree = (one: Ranked & Pick<ReviewMoment, 'claimedBy'>): boolean =>
    !leaving.has(one.id) && one.claimedBy === null;
  const behind = order.slice(from + 1).find(isFree);
  const before = order.slice(0, Math.max(0, from)).findLast(isFree);
  // Rather one that somebody looks at than none.
  return (behind ?? before ?? order.find(({ id }) => !leaving.has(id)))?.id;
}

export type Row = { kind: 'lane'; lane: Lane; count: number } | { kind: 'moment'; id: string };

export const laneRowPx = 34;
export const momentRowPx = 76;

/** Lane headings and moments, as one list. */
export function rowsOf(order: readonly Ranked[], counts: Record<Lane, number>): Row[] {
  return lanes.flatMap((lane): Row[] => {
    const own = order.filter((one) => one.lane === lane);
    if (own.length === 0) return [];
    const heading = { kind: 'lane' as const, lane, count: Math.max(counts[lane], own.length) };
    return [heading, ...own.map(({ id }) => ({ kind: 'moment' as const, id }))];
  });
}

export function rowPx(row: Row): number {
  return row.kind === 'lane' ? laneRowPx : momentRowPx;
}

/** Rows that a window of `heightPx` shows from `topPx` on, with some above and below, and where the first one begins. */
export function visibleRows(
  rows: readonly Row[],
  topPx: number,
  heightPx: number,
): { from: number; to: number; offsetPx: number; totalPx: number } {
  const sparePx = 400;
  let at = 0;
  let from = rows.length;
  let to = rows.length;
  let offsetPx = 0;
  for (const [nth, row] of rows.entries()) {
    const end = at + rowPx(row);
    if (end >= topPx - sparePx && nth < from) {
      from = nth;
      offsetPx = at;
    }
    if (at > topPx + heightPx + sparePx && nth < to) to = nth;
    at = end;
  }
  return { from: Math.min(from, to), to, offsetPx, totalPx: at };
}

/** Where a moment's row begins; undefined when it is not in the list. */
export function topOf(rows: readonly Row[], id: string): number | undefined {
  let at = 0;
  for (const row of rows) {
    if (row.kind === 'moment' && row.id === id) return at;
    at += rowPx(row);
  }
  return undefined;
}

/** From the focused moment to `id`, both included: what Shift marks. */
export function rangeBetween(order: readonly Ranked[], fromId: string, toId: string): string[] {
  const [from, to] = [fromId, toId].map((id) => order.findIndex((one) => one.id === id));
  if (from === undefined || to === undefined || from < 0 || to < 0) return [];
  return order.slice(Math.min(from, to), Math.max(from, to) + 1).map(({ id }) => id);
}
