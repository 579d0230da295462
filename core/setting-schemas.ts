import { isIP } from 'node:net';

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

/** Addresses and CIDR blocks, with commas between them. */
export const addressBlocks = list(',').refine(
  (all) => all.every(isAddressBlock),
  'must be addresses or blocks of them, such as 127.0.0.1,10.0.0.0/8',
);

function isAddressBlock(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}
