import { InvalidArgumentError } from 'commander';

/** A time as an argument, always with its zone: nobody knows which clock "15:00" is of. */
export function instant(text: string): string {
  if (/(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString();
  throw new InvalidArgumentError('must be a time with its zone, such as 2026-11-28T15:00:00Z');
}
