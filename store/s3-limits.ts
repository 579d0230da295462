import type { RetryPolicy } from '../core/retry.ts';

/** How long a call to S3 may take, and how often it is tried. */
export interface S3Limits {
  /** Of one try that carries no body: the answer to its headers. */
  callMsMax: number;
  /** Of the first try with a body of at most one part, sent or received; each further one has twice as long. */
  bodyMsFirst: number;
  /** What that doubling ends at. */
  bodyMsMax: number;
  /** Without a single byte of a body that is being read. */
  idleMsMax: number;
  policy: RetryPolicy;
}

/**
 * A part (8 MiB) in 60 s is 1.1 Mb/s: slower than that is no link for video. But a body that takes longer than 8 s is more
 * often on a connection that has died than on a slow link, and a live segment behind it waits for that try to end. Seven tries with full jitter wait 6.3 s at
 * the most and 3.2 s on average; when a tenth of all calls fail, one in ten million fails for good.
 */
export const s3Limits: S3Limits = {
  callMsMax: 10_000,
  bodyMsFirst: 8_000,
  bodyMsMax: 60_000,
  idleMsMax: 10_000,
  policy: { delaysMs: [100, 200, 400, 800, 1600, 3200], jitter: 1 },
};

/** How long the `attempt`th try may take, from 1. */
export function tryMsMax(limits: S3Limits, attempt: number, hasBody: boolean): number {
  if (!hasBody) return limits.callMsMax;
  return Math.min(limits.bodyMsMax, limits.bodyMsFirst * 2 ** (attempt - 1));
}
