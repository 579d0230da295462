import type { Random } from '../core/random.ts';

/** What an address of ours ends with that opens something to whoever has it: 128 random bits, in letters that survive a URL. */
export function drawLinkSecret(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('base64url');
}

/** Whether it can be one at all; what cannot is not looked up. */
export function isLinkSecret(text: string): boolean {
  return /^[A-Za-z0-9_-]{22}$/.test(text);
}

/** A page asks every few seconds; that somebody was there is worth a write a minute. */
const usedEveryMs = 60_000;

/** Whether the use of a link is to be written down anew. */
export function isUseNews(lastUsedAtMs: number | null, nowMs: number): boolean {
  return nowMs - (lastUsedAtMs ?? 0) >= usedEveryMs;
}
