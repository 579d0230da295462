import { firstIndex } from '../../../../core/first-index.ts';
import type { Lane, ReviewMoment } from '../../../api/schemas/review.ts';

/** The order of the queue, and where things are in its list. No DOM in here. */

export const lanes: readonly Lane[] = ['must', 'likely', 'maybe'];

export const laneWords: Record<Lane, string> = { must: 'Must see', likely: 'Likely', maybe: 'Maybe' };

const laneRank: Record<Lane, number> = { must: 0, likely: 1, maybe: 2 };

type Ranked = Pick<ReviewMoment, 'id' | 'lane' | 'peakWallMs'>;

/** By lane, in it the newest first; ties in a fixed order, so that nothing swaps places between two looks. */
export function inOrder<T extends Ranked>(moments: Iterable<T>): T[] {
  return [...moments].toSorted(
    (one, other) =>
      laneRank[one.lane] - laneRank[other.lane] ||
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

/** `topPx`: where it begins in the list. */
export type Row = { topPx: number } & (
  | { kind: 'lane'; lane: Lane; count: number }
  | { kind: 'moment'; id: string }
);

export const laneRowPx = 34;
export const momentRowPx = 76;

/** Lane headings and moments, as one list. */
export function rowsOf(order: readonly Ranked[], counts: Record<Lane, number>): Row[] {
  const rows: Row[] = [];
  let topPx = 0;
  for (const lane of lanes) {
    const own = order.filter((one) => one.lane === lane);
    if (own.length === 0) continue;
    rows.push({ topPx, kind: 'lane', lane, count: Math.max(counts[lane], own.length) });
    topPx += laneRowPx;
    for (const { id } of own) {
      rows.push({ topPx, kind: 'moment', id });
      topPx += momentRowPx;
    }
  }
  return rows;
}

/** Rows that a window of `heightPx` shows from `topPx` on, with some above and below, and where the first one begins. */
export function visibleRows(
  rows: readonly Row[],
  topPx: number,
  heightPx: number,
): { from: number; to: number; offsetPx: number; totalPx: number } {
  const sparePx = 400;
  const from = firstIndex(rows, (row) => endPx(row) >= topPx - sparePx);
  const to = firstIndex(rows, (row) => row.topPx > topPx + heightPx + sparePx);
  const last = rows.at(-1);
  return { from, to, offsetPx: rows[from]?.topPx ?? 0, totalPx: last ? endPx(last) : 0 };
}

function endPx(row: Row): number {
  return row.topPx + (row.kind === 'lane' ? laneRowPx : momentRowPx);
}

/** Where a moment's row begins; undefined when it is not in the list. */
export function topOf(rows: readonly Row[], id: string): number | undefined {
  return rows.find((row) => row.kind === 'moment' && row.id === id)?.topPx;
}

/** From the focused moment to `id`, both included: what Shift marks. */
export function rangeBetween(order: readonly Ranked[], fromId: string, toId: string): string[] {
  const [from, to] = [fromId, toId].map((id) => order.findIndex((one) => one.id === id));
  if (from === undefined || to === undefined || from < 0 || to < 0) return [];
  return order.slice(Math.min(from, to), Math.max(from, to) + 1).map(({ id }) => id);
}
