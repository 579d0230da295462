import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

import { systemClock } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { s3Limits } from '../../store/s3-limits.ts';
import type { S3StoreOptions } from '../../store/s3-store.ts';

/** What the SDK finds in the environment of a machine that may do everything. Any value does for moto. */
export const awsEnvironment = {
  AWS_ACCESS_KEY_ID: 'test-key-id',
  AWS_SECRET_ACCESS_KEY: 'test-secret',
  AWS_REGION: 'eu-west-1',
} as const;

/** Of this process, until it ends. */
export function becomeAwsUser(): void {
  Object.assign(process.env, awsEnvironment);
}

export async function makeBucket(endpoint: string, bucket: string): Promise<S3Client> {
  const client = new S3Client({ endpoint, forcePathStyle: true });
  const where = { LocationConstraint: awsEnvironment.AWS_REGION };
  await client.send(new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration: where }));
  return client;
}

/** Short waits, for tests in which calls fail. */
export function s3Options(options: Pick<S3StoreOptions, 'bucket'> & Partial<S3StoreOptions>): S3StoreOptions {
  return {
    prefix: '',
    clock: systemClock,
    random: systemRandom,
    limits: { ...s3Limits, policy: { delaysMs: [1, 2, 4, 8, 16, 32], jitter: 1 } },
    ...options,
  };
}
