import { z } from 'zod';

import { Secret } from '../core/secret.ts';

/** Which engine the queue runs on, and where. */
export type QueueSetting =
  /** The PostgreSQL of the catalogue. */
  | { engine: 'postgres' }
  | { engine: 'redis'; url: Secret }
  /** The SDK finds credentials and endpoint by itself (`AWS_ENDPOINT_URL_SQS` for another than AWS). */
  | { engine: 'sqs'; region: string; prefix: string };

export const queueSettings = {
  queue: {
    env: 'TOUCHLINE_QUEUE',
    path: 'queue.url',
    isSecret: true, // A Redis address may hold a password.
    shownAs: showQueue,
    schema: z.string().default('postgres').transform(parseQueue),
  },
};

function parseQueue(text: string, context: z.RefinementCtx): QueueSetting {
  const sqs = /^sqs:\/\/([a-z]{2,3}(?:-[a-z]+)+-\d)\/([A-Za-z0-9_-]{1,50})$/.exec(text);
  if (text === 'postgres') return { engine: 'postgres' };
  if (sqs) return { engine: 'sqs', region: sqs[1] ?? '', prefix: sqs[2] ?? '' };
  if (/^rediss?:\/\/[^/\s]+/.test(text) && URL.canParse(text))
    return { engine: 'redis', url: new Secret(text) };
  context.addIssue({
    code: 'custom',
    message:
      'must be postgres (on the database of the catalogue), redis://HOST:6379, rediss://USER:PASSWORD@HOST:6379 (TLS), ' +
      'or sqs://REGION/PREFIX such as sqs://eu-west-1/touchline',
  });
  return z.NEVER;
}

function showQueue(setting: QueueSetting): string {
  switch (setting.engine) {
    case 'postgres':
      return 'postgres';
    case 'redis': {
      const url = new URL(setting.url.reveal());
      if (url.password !== '') url.password = '***';
      return url.href;
    }
    case 'sqs':
      return `sqs://${setting.region}/${setting.prefix}`;
  }
}
