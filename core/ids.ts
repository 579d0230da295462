import { createHash } from 'node:crypto';

import type { Random } from './random.ts';

// Crockford base32 in lower case: no i, l, o, u, so an id survives being read aloud.
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** What an id of each kind starts with. Ids go into object keys, so they hold `[a-z0-9_]` alone. */
type IdPrefix = 'ch' | 'run' | 'ses' | 'ins' | 'wrk' | 'tok' | 'fix' | 'usr' | 'shr' | 'cln' | 'whk' | 'msg';

/** A new random id with 80 bits: `ch_3k9x...` (16 characters behind the prefix). */
export function newId(prefix: IdPrefix, random: Random): string {
  return `${prefix}_${base32(random.bytes(10))}`;
}

/** The id of segment `seq` of a run: the same segment announced twice has the same id. */
export function segmentId(runId: string, seq: number): string {
  return `seg_${runId.replace(/^run_/, '')}_${String(seq).padStart(6, '0')}`;
}

/**
 * The id of a moment first seen at `peakMs` of a run. Derived, not drawn: finding the moment again gives the same id.
 */
export function momentId(channelId: string, runId: string, peakMs: number): string {
  return `mom_${digestId(`${channelId}/${runId}/${peakMs}`)}`;
}

/** A moment has one clip, so the clip's id follows from the moment's. */
export function clipIdOf(momentId: string): string {
  return momentId.replace(/^mom_/, 'clp_');
}

/** 80 bits of SHA-256 in base32. */
export function digestId(text: string): string {
  return base32(createHash('sha256').update(text).digest().subarray(0, 10));
}

function base32(bytes: Uint8Array): string {
  let text = '';
  let carry = 0;
  let carryBits = 0;
  for (const byte of bytes) {
    carry = (carry << 8) | byte;
    carryBits += 8;
    while (carryBits >= 5) {
      carryBits -= 5;
      text += alphabet[(carry >> carryBits) & 31];
    }
    carry &= (1 << carryBits) - 1;
  }
  if (carryBits > 0) text += alphabet[(carry << (5 - carryBits)) & 31];
  return text;
}
