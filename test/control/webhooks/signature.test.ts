import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { expect, it } from 'vitest';

import { systemClock } from '../../../core/clock.ts';
import { systemRandom } from '../../../core/random.ts';
import { drawWebhookSecret, signedHeaders } from '../../../control/webhooks/signature.ts';

const body = '{"type":"webhook.test","data":{"text":"é 足 \\u0000"}}';
const message = (): { id: string; atMs: number; body: string } => ({
  id: 'msg_1',
  atMs: systemClock.nowMs(),
  body,
});

it('the library of Standard Webhooks takes what we sign, and neither another body nor another id', () => {
  const secret = drawWebhookSecret(systemRandom);
  expect(secret.reveal()).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const headers = signedHeaders(message(), [secret]);
  const receiver = new Webhook(secret.reveal());
  expect(receiver.verify(body, headers)).toEqual(JSON.parse(body));
  expect(() => receiver.verify(`${body} `, headers)).toThrow(WebhookVerificationError);
  expect(() => receiver.verify(body, { ...headers, 'webhook-id': 'msg_2' })).toThrow(
    WebhookVerificationError,
  );
});

it('two secrets make two signatures, and a receiver that knows either is satisfied', () => {
  const [old, young, other] = [1, 2, 3].map(() => drawWebhookSecret(systemRandom));
  if (!old || !young || !other) throw new Error('three were drawn');
  const headers = signedHeaders(message(), [young, old]);
  for (const secret of [old, young]) {
    expect(new Webhook(secret.reveal()).verify(body, headers)).toBeDefined();
  }
  expect(() => new Webhook(other.reveal()).verify(body, headers)).toThrow(WebhookVerificationError);
});

it('a second is cut, not rounded: a timestamp of the future would be refused by a strict receiver', () => {
  const secret = drawWebhookSecret(systemRandom);
  const headers = signedHeaders({ id: 'msg_1', atMs: 1_700_000_000_999, body }, [secret]);
  expect(headers['webhook-timestamp']).toBe('1700000000');
});
