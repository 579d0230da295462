import { createHash } from 'node:crypto';

import type { Random } from '../../core/random.ts';

/** What is handed out once has this many random bytes, so a plain hash of it cannot be reversed by guessing. */
const secretBytes = 32;

/** 256 random bits in letters that survive a URL. */
export function drawSecret(random: Random): string {
  return Buffer.from(random.bytes(secretBytes)).toString('base64url');
}

export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
