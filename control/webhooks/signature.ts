import { createHmac } from 'node:crypto';

import type { Random } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';

const prefix = 'whsec_';
/** Standard Webhooks asks for 24 to 64. */
const secretBytes = 32;

/** `whsec_` and 256 random bits in base64, as the libraries of Standard Webhooks take it. */
export function drawWebhookSecret(random: Random): Secret {
  return new Secret(`${prefix}${Buffer.from(random.bytes(secretBytes)).toString('base64')}`);
}

/**
 * The headers that prove where a message comes from (Standard Webhooks 1.0.0, "Signature scheme"): one signature for each secret,
 * so that a receiver can change over while both are good.
 */
export function signedHeaders(
  message: { id: string; atMs: number; body: string },
  secrets: readonly Secret[],
): Record<string, string> {
  const seconds = Math.floor(message.atMs / 1000);
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.reveal().slice(prefix.length), 'base64');
    const signed = createHmac('sha256', key).update(`${message.id}.${seconds}.${message.body}`);
    return `v1,${signed.digest('base64')}`;
  });
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': signatures.join(' '),
  };
}
