import { z } from 'zod';

import { webhookEventTypes } from '../../../control/webhooks/event-types.ts';
import { actor } from './actor.ts';

/** Shapes of webhooks, as the API gives and takes them. Times are ms since 1970. */

const eventTypes = z.array(z.enum(webhookEventTypes)).min(1).max(webhookEventTypes.length);
/** Anything but control characters: it is printed on terminals too. */
const description = z
  .string()
  .trim()
  .max(120)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'has characters that cannot be seen');
const url = z.string().trim().max(2_000);

export const webhook = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string(),
  eventTypes: z.array(z.enum(webhookEventTypes)),
  isEnabled: z.boolean(),
  /** Why the server turned it off; null when a person did. */
  disabledWhy: z.string().nullable(),
  /** The first of the failures since the last success. */
  failingSinceMs: z.int().nullable(),
  /** Until then the secret before this one signs as well. */
  oldSecretUntilMs: z.int().nullable(),
  waitingCount: z.int(),
  createdAtMs: z.int(),
  /** Null where it was not written down yet. */
  createdBy: actor.nullable(),
  changedBy: actor.nullable(),
  changedAtMs: z.int().nullable(),
});

/** POST /webhooks; without types it is told of everything. */
export const webhookWish = z.strictObject({
  url,
  description: description.default(''),
  eventTypes: eventTypes.default([...webhookEventTypes]),
});
export const webhookChange = z.strictObject({
  url: url.optional(),
  description: description.optional(),
  eventTypes: eventTypes.optional(),
  isEnabled: z.boolean().optional(),
});
/** The only answers that hold the secret. */
export const webhookMade = z.object({ webhook, secret: z.string() });

export const webhookDelivery = z.object({
  /** `webhook-id`: the same at every try. */
  id: z.string(),
  webhookId: z.string(),
  type: z.string(),
  state: z.enum(['waiting', 'delivered', 'failed']),
  tries: z.int(),
  createdAtMs: z.int(),
  nextAtMs: z.int().nullable(),
  lastAtMs: z.int().nullable(),
  /** HTTP status of the last answer; null when none came. */
  status: z.int().nullable(),
  tookMs: z.int().nullable(),
  /** How the last answer began. */
  answer: z.string().nullable(),
  why: z.string().nullable(),
});

export type Webhook = z.infer<typeof webhook>;
export type WebhookMade = z.infer<typeof webhookMade>;
export type WebhookDelivery = z.infer<typeof webhookDelivery>;
