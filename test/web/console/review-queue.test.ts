import { describe, expect, it } from 'vitest';

import {
  inOrder,
  laneRowPx,
  momentRowPx,
  nextFocus,
  rangeBetween,
  rowsOf,
  topOf,
  visibleRows,
} from '../../../web/console/pages/review/queue.ts';

type Lane = 'must' | 'likely' | 'maybe';
const one = (id: string, lane: Lane, peakWallMs: number, claimedBy: string | null = null) => ({
  id,
  lane,
  peakWallMs,
  claimedBy,
});
const queue = inOrder([
  one('c', 'maybe', 9),
  one('b', 'must', 1),
  one('a', 'must', 5),
  one('d', 'likely', 7),
]);
const counts = { must: 2, likely: 1, maybe: 1 };

describe('the queue', () => {
  it('is ordered by lane, in it the newest first', () => {
    expect(queue.map(({ id }) => id)).toEqual(['a', 'b', 'd', 'c']);
  });

  it.each([
    ['the next one', ['a'], 'a', 'b'],
    ['behind all that leave', ['a', 'b'], 'a', 'd'],
    ['the one before when it was the last', ['c'], 'c', 'd'],
    ['nothing when all leave', ['a', 'b', 'c', 'd'], 'a', undefined],
  ])('goes on to %s', (_what, leaving, from, to) => {
    expect(nextFocus(queue, new Set(leaving), from)).toBe(to);
  });

  it('passes over what somebody else looks at, unless nothing else is left', () => {
    const order = [one('a', 'must', 3), one('b', 'must', 2, 'Ben'), one('c', 'must', 1)];
    expect(nextFocus(order, new Set(['a']), 'a')).toBe('c');
    expect(nextFocus(order.slice(0, 2), new Set(['a']), 'a')).toBe('b');
  });

  it('marks from one to the other, whichever comes first', () => {
    expect(rangeBetween(queue, 'b', 'c')).toEqual(['b', 'd', 'c']);
    expect(rangeBetween(queue, 'c', 'b')).toEqual(['b', 'd', 'c']);
    expect(rangeBetween(queue, 'b', 'gone')).toEqual([]);
  });
});

describe('the rows of the queue', () => {
  const rows = rowsOf(queue, counts);

  it('are headings and moments; an empty lane has none', () => {
    expect(rows.map((row) => (row.kind === 'lane' ? row.lane : row.id))).toEqual([
      'must',
      'a',
      'b',
      'likely',
      'd',
      'maybe',
      'c',
    ]);
    expect(topOf(rows, 'd')).toBe(2 * laneRowPx + 2 * momentRowPx);
  });

  it('in the page are those in sight, of two thousand some thirty', () => {
    const many = rowsOf(
      inOrder(Array.from({ length: 2_000 }, (_, nth) => one(`m${nth}`, 'likely', nth))),
      counts,
    );
    const seen = visibleRows(many, 50_000, 800);
    expect(seen.to - seen.from).toBeLessThan(30);
    expect(seen.totalPx).toBe(laneRowPx + 2_000 * momentRowPx);
    expect(seen.offsetPx).toBeLessThanOrEqual(50_000);
    const end = visibleRows(many, seen.totalPx - 800, 800);
    expect(end.to).toBe(many.length);
  });

  it.each([
    ['of a window above the list', -5_000, 800, { from: 0, to: 0, offsetPx: 0 }],
    ['of one whose spare 400 px end where d begins, at 220', -180, 0, { from: 0, to: 5, offsetPx: 0 }],
    ['of one whose spare ends just above it', -181, 0, { from: 0, to: 4, offsetPx: 0 }],
    ['of one whose spare begins where the first heading ends', 434, 800, { from: 0, to: 7, offsetPx: 0 }],
    ['of one whose spare begins just below it', 435, 800, { from: 1, to: 7, offsetPx: laneRowPx }],
    ['of a window below the list', 50_000, 800, { from: 7, to: 7, offsetPx: 0 }],
  ])('%s', (_which, topPx, heightPx, seen) => {
    expect(visibleRows(rows, topPx, heightPx)).toEqual({ ...seen, totalPx: 406 });
  });

  it('of an empty list are none', () => {
    expect(visibleRows([], 0, 800)).toEqual({ from: 0, to: 0, offsetPx: 0, totalPx: 0 });
    expect(topOf([], 'a')).toBeUndefined();
  });
});
