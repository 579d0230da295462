import { describe, expect, it } from 'vitest';

import { cursorOf, pageOf, readCursor } from '../../control/page-cursor.ts';

describe('a cursor', () => {
  it.each([[[0]], [[1]], [[999_999_999_999_999]]])('is read again as the place that it was: %j', (place) => {
    expect(readCursor('moments', cursorOf('moments', place), 1)).toEqual(place);
  });

  it('has as many numbers as its list is sorted by', () => {
    const cursor = cursorOf('review', [2, 7]);
    expect(readCursor('review', cursor, 2)).toEqual([2, 7]);
    expect(() => readCursor('review', cursor, 1)).toThrow(/no cursor of this list/);
    expect(() => readCursor('review', cursorOf('review', [7]), 2)).toThrow(/no cursor of this list/);
  });

  it.each([
    ['an id', 'mom_1'],
    ['nothing', ''],
    ['a number', '12'],
    ["another list's", cursorOf('clips', [12])],
    ['one with a number that is none', Buffer.from('moments/-1').toString('base64url')],
    ['one with too large a number', Buffer.from('moments/1000000000000000').toString('base64url')],
    ['one that was written otherwise', Buffer.from('moments/007').toString('base64url')],
    ['one with something behind it', `${cursorOf('moments', [12])}!`],
    ['a long one', 'x'.repeat(10_000)],
  ])('is refused when it is %s', (_what, cursor) => {
    let thrown: unknown;
    try {
      readCursor('moments', cursor, 1);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'cursor.invalid', blame: 'caller', retryable: false });
    expect((thrown as Error).message).toContain(`"${cursor.slice(0, 80)}" is no cursor of this list`);
  });
});

describe('a page', () => {
  it.each([
    [0, 2, [], null],
    [1, 2, [0], null],
    [2, 2, [0, 1], null],
    [3, 2, [0, 1], 'after 1'],
  ])('of %i rows where %i fit', (count, limit, shown, next) => {
    const rows = Array.from({ length: count }, (_, index) => index);
    expect(pageOf(rows, limit, (last) => `after ${last}`)).toEqual({ rows: shown, next });
  });
});
