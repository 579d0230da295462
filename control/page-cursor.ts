import { TouchlineError } from '../core/errors.ts';

/** The lists that are read by pages. A cursor belongs to one of them. */
export type PagedList = 'moments' | 'clips' | 'runs' | 'dead' | 'decisions' | 'review';

/** Of one that is none, so much is repeated to its caller. */
const shownCharsMax = 80;

/**
 * Where a page ended, as the caller hands it back. It holds the sort key of the last row and no offset: what comes in meanwhile
 * neither moves the next page nor repeats a row. Callers are not to look into it, so that the order may change one day.
 */
export function cursorOf(list: PagedList, place: readonly (number | string)[]): string {
  return Buffer.from([list, ...place].join('/')).toString('base64url');
}

/** @throws `cursor.invalid` unless it is a cursor of this list, with so many numbers */
export function readCursor(list: PagedList, cursor: string, count: number): number[] {
  const place = placeIn(list, cursor);
  if (place?.length === count && place.every((part) => number.test(part))) return place.map(Number);
  throw invalid(cursor);
}

/**
 * Of a list that is sorted by a time and, where that is the same, by the id of the row.
 *
 * @throws `cursor.invalid` unless it is a cursor of this list
 */
export function readTimeCursor(list: PagedList, cursor: string): { atMs: number; id: string } {
  const [atMs = '', id = '', ...more] = placeIn(list, cursor) ?? [];
  if (number.test(atMs) && /^[\w-]+$/.test(id) && more.length === 0) return { atMs: Number(atMs), id };
  throw invalid(cursor);
}

/** As `cursorOf` writes it, without a leading zero. */
const number = /^(0|[1-9]\d{0,14})$/;

function placeIn(list: PagedList, cursor: string): string[] | undefined {
  const [name, ...place] = Buffer.from(cursor, 'base64url').toString().split('/');
  // base64 is read leniently; what reads the same but was written otherwise is none of ours either.
  return name === list && cursorOf(list, place) === cursor ? place : undefined;
}

function invalid(cursor: string): TouchlineError {
  return new TouchlineError({
    code: 'cursor.invalid',
    message: `"${cursor.slice(0, shownCharsMax)}" is no cursor of this list: give back "next" of an answer as it is, or begin without one`,
    retryable: false,
    blame: 'caller',
  });
}

/** One row more than the page was read: whether there is a next page is known, and the last one is never empty. */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  cursor: (last: Row) => string,
): { rows: Row[]; next: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown, next: rows.length > limit && last !== undefined ? cursor(last) : null };
}
