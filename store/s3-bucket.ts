import { S3Client } from '@aws-sdk/client-s3';

import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { retry } from '../core/retry.ts';
import { s3Fault, type S3Call } from './s3-fault.ts';
import { tryMsMax, type S3Limits } from './s3-limits.ts';

interface S3BucketOptions {
  bucket: string;
  /** Of who speaks S3 besides AWS; undefined = what the SDK finds. */
  endpoint?: string | undefined;
  clock: Clock;
  random: Random;
  limits: S3Limits;
}

/**
 * One bucket, and calls to it that end: each try within a limit, tried again with full jitter when that can help, and
 * with an error of ours when it cannot. Region and credentials are found by the SDK itself.
 */
export class S3Bucket {
  readonly client: S3Client;
  readonly name: string;
  readonly limits: S3Limits;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ bucket, endpoint, clock, random, limits }: S3BucketOptions) {
    this.name = bucket;
    this.limits = limits;
    this.#clock = clock;
    this.#random = random;
    this.client = new S3Client({
      ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
      // Ours: one policy for all, and what was tried before a conditional put is known.
      maxAttempts: 1,
      // We hand over checksums of what we send, and compare those of what we get.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // It would cost a connection for each put, and 6 s with those who do not know it.
      expectContinueHeader: false,
      requestHandler: {
        connectionTimeout: Math.min(5000, limits.callMsMax),
        httpsAgent: agent,
        httpAgent: agent,
      },
    });
  }

  /** @throws TouchlineError of `s3-fault.ts` */
  async call<T>(
    about: { action: string; name?: string; hasBody?: boolean },
    run: (client: S3Client, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { hasBody = false, ...rest } = about;
    const what: S3Call = { ...rest, bucket: this.name };
    const { policy } = this.limits;
    return await retry(
      async (attempt) => {
        try {
          const msMax = tryMsMax(this.limits, attempt, hasBody);
          return await within(msMax, async (signal) => await run(this.client, signal));
        } catch (thrown) {
          throw s3Fault(thrown, what);
        }
      },
      { policy, clock: this.#clock, random: this.#random },
    );
  }
}

/** More would not be faster: 50 parts at once fill any link. */
const agent = { keepAlive: true, maxSockets: 50 };

/** Not a signal that fires by itself: it would also end a body that is read at leisure after the call. */
async function within<T>(ms: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), ms);
  try {
    return await run(limit.signal);
  } catch (thrown) {
    throw limit.signal.aborted ? new Error(`no answer within ${ms} ms`) : thrown;
  } finally {
    clearTimeout(timer);
  }
}
