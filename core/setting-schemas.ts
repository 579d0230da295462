import { z } from 'zod';

/** Schemas that settings of several folders share: each takes the text as it was written. */

export function wholeNumber(range: { min: number; max: number; why: string }) {
  const message = `must be a whole number from ${range.min} to ${range.max}: ${range.why}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= range.min && value <= range.max, message);
}

export const port = wholeNumber({ min: 0, max: 65_535, why: 'a TCP port, 0 for any free one' });

export function list(separator: string) {
  return z
    .string()
    .default('')
    .transform((text) => text.split(separator).flatMap((part) => (part.trim() === '' ? [] : [part.trim()])));
}
