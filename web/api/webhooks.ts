import type { Context } from 'hono';
import { z } from 'zod';

import type { WebhookDesk } from '../../control/webhook-desk.ts';
import type { Secret } from '../../core/secret.ts';
import { ApiRoutes } from './api-route.ts';
import { id, limit, present } from './parse.ts';
import {
  webhook,
  webhookChange,
  webhookDelivery,
  webhookMade,
  webhookWish,
  type Webhook,
  type WebhookMade,
} from './schemas/webhook.ts';

export type Webhooks = Pick<
  WebhookDesk,
  'list' | 'get' | 'create' | 'change' | 'remove' | 'rotate' | 'test' | 'deliveries' | 'again'
>;

/** Who outside is told what happens here. */
export function webhookRoutes({ webhooks }: { webhooks: Webhooks }): ApiRoutes {
  return new ApiRoutes('webhooks')
    .add(
      {
        method: 'get',
        path: '/',
        scope: 'operate',
        summary: 'All webhooks',
        answer: z.object({ webhooks: z.array(webhook) }),
      },
      async () => ({ webhooks: await webhooks.list() }),
    )
    .add(
      {
        method: 'post',
        path: '/',
        scope: 'operate',
        summary: 'A new webhook; its secret is in this answer and never shown again',
        body: webhookWish,
        answer: webhookMade,
        status: 201,
      },
      async ({ context, principal, body }) => shownOnce(context, await webhooks.create(body, principal)),
    )
    .add(
      {
        method: 'get',
        path: '/{id}',
        scope: 'operate',
        summary: 'One webhook',
        params: byId,
        answer: webhook,
      },
      async ({ params }) => await webhooks.get(params.id),
    )
    .add(
      {
        method: 'patch',
        path: '/{id}',
        scope: 'operate',
        summary: 'Another address, other events, on or off',
        params: byId,
        body: webhookChange,
        answer: webhook,
      },
      async ({ principal, params, body }) => await webhooks.change(params.id, present(body), principal),
    )
    .add(
      {
        method: 'delete',
        path: '/{id}',
        scope: 'operate',
        summary: 'Remove a webhook, what waits for it, and its log',
        params: byId,
      },
      async ({ principal, params }) => await webhooks.remove(params.id, principal),
    )
    .add(
      {
        method: 'post',
        path: '/{id}/rotate',
        scope: 'operate',
        summary: 'A new secret; the one before it signs too, for 24 hours',
        params: byId,
        answer: webhookMade,
        status: 201,
      },
      async ({ context, principal, params }) =>
        shownOnce(context, await webhooks.rotate(params.id, principal)),
    )
    .add(
      {
        method: 'post',
        path: '/{id}/test',
        scope: 'operate',
        summary: 'Send `webhook.test` now and wait for the answer',
        params: byId,
        answer: webhookDelivery,
      },
      async ({ params }) => await webhooks.test(params.id),
    )
    .add(
      {
        method: 'get',
        path: '/{id}/deliveries',
        scope: 'operate',
        summary: 'The log of a webhook, newest first',
        params: byId,
        query: z.strictObject({ limit }),
        answer: z.object({ deliveries: z.array(webhookDelivery) }),
      },
      async ({ params, query }) => ({ deliveries: await webhooks.deliveries(params.id, query.limit) }),
    )
    .add(
      {
        method: 'post',
        path: '/{id}/deliveries/{deliveryId}/again',
        scope: 'operate',
        summary: 'Send the same message again, with the same `webhook-id`',
        params: z.object({ id, deliveryId: id }),
        answer: webhookDelivery,
        status: 202,
      },
      async ({ params }) => await webhooks.again(params.id, params.deliveryId),
    );
}

const byId = z.object({ id });

function shownOnce(context: Context, { webhook, secret }: { webhook: Webhook; secret: Secret }): WebhookMade {
  context.header('cache-control', 'no-store');
  return { webhook, secret: secret.reveal() };
}
