import { z } from 'zod';

import { actor } from './actor.ts';

/** Addresses that play one clip for people without an account: `/p/<secret>`. */

/** POST /clips/:id/links. */
export const clipLinkWish = z.strictObject({
  /** From now; a week when left out, a year at most. */
  expiresInMs: z.int().min(60_000).max(31_536_000_000).default(604_800_000),
});

export const clipLink = z.object({
  id: z.string(),
  /** Who made it; typed by somebody: shown as text. */
  by: z.string(),
  madeBy: actor,
  revokedBy: actor.nullable(),
  createdAtMs: z.int(),
  expiresAtMs: z.int(),
  revokedAtMs: z.int().nullable(),
  /** To the minute; null: nobody came yet. */
  lastUsedAtMs: z.int().nullable(),
});

/** GET /clips/:id/links, newest first. */
export const clipLinks = z.object({ links: z.array(clipLink) });

/** The only answer that holds the address. `path` begins with `/p/`; whoever passes it on adds the origin. */
export const clipLinkMade = z.object({ link: clipLink, path: z.string() });

export type ClipLink = z.infer<typeof clipLink>;
export type ClipLinkMade = z.infer<typeof clipLinkMade>;
