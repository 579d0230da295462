import { z } from 'zod';

import { asTouchlineError } from '../core/errors.ts';
import { parsePolicy, readPolicyFile } from './policy-file.ts';
import type { ScalingPolicy } from './policy.ts';
import { scalingSettings } from './scaling-settings.ts';

const { scalingPools, scalingRegion } = scalingSettings;

/** The environment of the Lambda: the server's own settings, as far as they reach. */
export const lambdaSettings = {
  scalingPools: {
    ...scalingPools,
    schema: scalingPools.schema.refine(
      (pools) => pools.length > 0,
      'must name at least one Auto Scaling group',
    ),
  },
  scalingRegion,
  queue: {
    env: 'TOUCHLINE_QUEUE',
    path: 'queue.url',
    schema: z.string().transform((text, context) => {
      const [, region, prefix] =
        /^sqs:\/\/([a-z]{2,3}(?:-[a-z]+)+-\d)\/([A-Za-z0-9_-]{1,50})$/.exec(text) ?? [];
      if (region !== undefined && prefix !== undefined) return { region, prefix };
      context.addIssue({
        code: 'custom',
        message: 'must be sqs://REGION/PREFIX: the Lambda reads SQS alone',
      });
      return z.NEVER;
    }),
  },
  /** Where orders to drain lie. */
  store: {
    env: 'TOUCHLINE_STORE',
    path: 'store.url',
    schema: z.string().transform((text, context) => {
      const [, bucket, prefix = ''] =
        /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/?$/.exec(text) ?? [];
      if (bucket !== undefined) return { bucket, prefix };
      context.addIssue({
        code: 'custom',
        message: 'must be s3://bucket/prefix, as the servers and workers have it',
      });
      return z.NEVER;
    }),
  },
  /** The policy itself as JSON, or the file that holds it (`/opt/policy.yaml` of a layer). */
  policy: {
    env: 'TOUCHLINE_SCALING_POLICY',
    path: 'scaling.policy',
    schema: z
      .string()
      .optional()
      .transform((text, context): ScalingPolicy => {
        try {
          return text?.trimStart().startsWith('{') === true
            ? parsePolicy(text, 'the policy')
            : readPolicyFile(text);
        } catch (thrown) {
          context.addIssue({
            code: 'custom',
            message: `does not hold a policy: ${asTouchlineError(thrown).message}`,
          });
          return z.NEVER;
        }
      }),
  },
  /** Of one job, seconds: the servers measure it, and the Lambda has to be told. Default: a live segment on a GPU, and the cuts. */
  serviceSeconds: {
    env: 'TOUCHLINE_SCALING_SERVICE_SECONDS',
    path: 'scaling.serviceSeconds',
    schema: z
      .string()
      .default('2')
      .refine(
        (text) => /^\d{1,3}(\.\d{1,3})?$/.test(text) && Number(text) > 0,
        'must be seconds above 0, such as 1.5',
      )
      .transform(Number),
  },
};
