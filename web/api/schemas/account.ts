import { z } from 'zod';

import { roles, scopes } from '../../../control/principal.ts';

/** Shapes of accounts, sessions and tokens, as the API gives and takes them. Times are ms since 1970. */

const scope = z.enum(scopes);
const role = z.enum(roles);

/** Anything but control characters: names are printed on terminals too. No spaces at the ends. */
const typedName = z
  .string()
  .trim()
  .min(1)
  .max(60)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'has characters that cannot be seen');
/** Long rather than complicated (NIST SP 800-63B §5.1.1.2). */
const password = z.string().min(10).max(200);

/** GET /session: who asks. */
export const me = z.object({
  id: z.string(),
  name: z.string(),
  /** Null for tokens and for the machine's owner. */
  role: role.nullable(),
  scopes: z.array(scope),
});

/** POST /session. */
export const signInWish = z.strictObject({ name: z.string().max(200), password: z.string().max(1000) });

/**
 * POST /session/redeem: the code of a one-time link. Without a password the answer says what is still needed, and the code stays
 * good; `name` is needed for the first account of a server alone.
 */
export const redeemWish = z.strictObject({
  code: z.string().max(200),
  name: typedName.optional(),
  password: password.optional(),
});

export const redeemed = z.discriminatedUnion('state', [
  z.object({ state: z.literal('signed-in') }),
  /** The name of the account that is there already; null: choose one. */
  z.object({ state: z.literal('details-needed'), name: z.string().nullable() }),
]);

/** PUT /session/password. */
export const passwordChange = z.strictObject({ old: z.string().max(1000), password });

export const user = z.object({
  id: z.string(),
  name: z.string(),
  role,
  isDisabled: z.boolean(),
  hasPassword: z.boolean(),
  createdAtMs: z.int(),
  lastSeenAtMs: z.int().nullable(),
});
/** POST /users: the answer has the user and a one-time link, shown once: no password goes through other hands. */
export const userWish = z.strictObject({ name: typedName, role });
export const userChange = z.strictObject({ role: role.optional(), isDisabled: z.boolean().optional() });
export const userMade = z.object({ user, link: z.string() });

/** GET /session/all: where somebody is signed in. */
export const session = z.object({
  id: z.string(),
  isThisOne: z.boolean(),
  createdAtMs: z.int(),
  lastSeenAtMs: z.int(),
  /** As the browser called itself. */
  agent: z.string(),
});

export const token = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(scope),
  createdAtMs: z.int(),
  expiresAtMs: z.int().nullable(),
  lastUsedAtMs: z.int().nullable(),
});
export const tokenWish = z.strictObject({
  name: typedName,
  scopes: z.array(scope).min(1),
  expiresAtMs: z.int().optional(),
});
/** The only answer that holds the secret. */
export const tokenMade = z.object({ token, secret: z.string() });

export type Me = z.infer<typeof me>;
export type Redeemed = z.infer<typeof redeemed>;
export type User = z.infer<typeof user>;
export type UserMade = z.infer<typeof userMade>;
export type Session = z.infer<typeof session>;
export type ApiToken = z.infer<typeof token>;
export type TokenMade = z.infer<typeof tokenMade>;
