import type { Actor } from '../core/actor.ts';

/** What somebody may do. Each role holds the scopes of the one before it; a token holds those that were chosen for it. */
export const scopes = [
  /** See channels, moments, clips and the figures of the operation. */
  'read',
  /** Decide, trim, title, clip by hand, export. */
  'review',
  /** Create and end channels, issue keys and share links, take in files. */
  'channels',
  /** Retry what died, steer the fleet, keep fixtures and webhooks. */
  'operate',
  /** Accounts, tokens of others. */
  'admin',
] as const;
export type Scope = (typeof scopes)[number];

export const roles = ['viewer', 'editor', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

export const scopesOf: Record<Role, readonly Scope[]> = {
  viewer: ['read'],
  editor: ['read', 'review'],
  operator: ['read', 'review', 'channels', 'operate'],
  admin: scopes,
};

/** Who asks. `server` holds the token of this machine's owner: the command line, and scripts beside it. */
export interface Principal extends Actor {
  scopes: readonly Scope[];
}

/** Who asked, to be written down: what they might do then is nobody's business later. */
export function actorOf({ kind, id, name }: Actor): Actor {
  return { kind, id, name };
}

/** Whoever holds the token in the server's own folder: the command line, and scripts beside it. */
export const serverOwner: Principal = {
  kind: 'server',
  id: 'server',
  name: 'the owner of the server',
  scopes,
};
