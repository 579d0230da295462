import { describe, expect, it } from 'vitest';

import { columnsFor, keepOrder, neighbourOf } from '../../../web/console/pages/live/wall-order.ts';

const of = (...ids: string[]) => ids.map((channelId) => ({ channelId }));

describe('the order of the wall', () => {
  it('stays while others need somebody first, loses what went, and takes in what is new at its place', () => {
    expect(keepOrder([], of('b', 'a'))).toEqual(['b', 'a']);
    expect(keepOrder(['b', 'a'], of('a', 'b'))).toEqual(['b', 'a']);
    expect(keepOrder(['b', 'a'], of('c', 'a', 'b'))).toEqual(['c', 'b', 'a']);
    expect(keepOrder(['b', 'a'], of('a'))).toEqual(['a']);
  });

  it.each([
    [undefined, 'right', 'a'],
    ['a', 'right', 'b'],
    ['a', 'down', 'd'],
    ['e', 'up', 'b'],
    ['a', 'left', undefined],
    ['c', 'down', undefined],
  ] as const)('from %s to the %s is %s', (from, step, to) => {
    expect(neighbourOf(['a', 'b', 'c', 'd', 'e'], from, step, 3)).toBe(to);
  });

  it('has as many columns as make the tiles large', () => {
    expect([0, 1, 2, 4, 5, 9, 10, 50].map(columnsFor)).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
  });
});
