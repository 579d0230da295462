import { describe, expect, it } from 'vitest';

import { arrange, columnsFor, neighbourOf } from '../../../web/console/pages/live/wall-order.ts';

const of = (...ids: string[]) => ids.map((channelId) => ({ channelId }));

describe('the order of the wall', () => {
  it('is by need, and whatever is looked at keeps its place while the others go round it', () => {
    const none = new Set<string>();
    expect(arrange([], of('b', 'a'), none)).toEqual(['b', 'a']);
    expect(arrange(['b', 'a', 'c'], of('a', 'b', 'c'), none)).toEqual(['a', 'b', 'c']);
    expect(arrange(['b', 'a', 'c'], of('a', 'c', 'b'), new Set(['b']))).toEqual(['b', 'a', 'c']);
    expect(arrange(['a', 'b', 'c'], of('c', 'b', 'a'), new Set(['c']))).toEqual(['b', 'a', 'c']);
    expect(arrange(['a', 'b', 'c', 'd'], of('d', 'c', 'b', 'a'), new Set(['a', 'd']))).toEqual([
      'a',
      'c',
      'b',
      'd',
    ]);
  });

  it('lets go of what is no longer there, and takes in what is new', () => {
    expect(arrange(['b', 'a'], of('a'), new Set(['b']))).toEqual(['a']);
    expect(arrange(['a', 'b', 'c'], of('c'), new Set(['c']))).toEqual(['c']);
    expect(arrange(['a', 'b'], of('new', 'a', 'b'), new Set(['b']))).toEqual(['new', 'b', 'a']);
    expect(arrange(['a'], of('new', 'a'), new Set(['new']))).toEqual(['new', 'a']);
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
