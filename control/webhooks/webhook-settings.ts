import { z } from 'zod';

import { Secret } from '../../core/secret.ts';

export const webhookSettings = {
  /** Whether webhooks may go to this machine and to private networks, and without TLS. */
  webhooksPrivate: {
    env: 'TOUCHLINE_WEBHOOKS_PRIVATE',
    path: 'webhooks.private',
    schema: z
      .enum(
        ['refuse', 'allow'],
        'must be refuse (public https:// addresses alone) or allow (this machine and private networks as well)',
      )
      .default('refuse'),
  },
  /** Seals the secrets of webhooks. Undefined = the file `webhook-key` of the home, made at the first start. */
  webhookKey: {
    env: 'TOUCHLINE_WEBHOOK_KEY',
    path: 'webhooks.key',
    isSecret: true,
    schema: z
      .string()
      .min(22, 'must be 22 characters or more, drawn at random: openssl rand -base64 32')
      .transform((text) => new Secret(text))
      .optional(),
  },
};
