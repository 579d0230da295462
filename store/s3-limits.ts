import type { RetryPolicy } from '../core/retry.ts';

/** How long a call to S3 may take, and how often it is tried. */
export interface S3Limits {
  /** Of one try that carries no body: the answer to its headers. */
  callMsMax: number;
  /** Of one try with a body of at most one part, sent or received. */
  bodyMsMax: number;
  /** Without a single byte of a body that is being read. */
  idleMsMax: number;
  policy: RetryPolicy;
}

/**
 * A part (8 MiB) in 60 s is 1.1 Mb/s: slower than that is no link for video. Seven tries with full jitter wait 6.3 s at
 * the most and 3.2 s on average; when a tenth of all calls fail, one in ten million fails for good.
 */
export const s3Limits: S3Limits = {
  callMsMax: 10_000,
  bodyMsMax: 60_000,
  idleMsMax: 10_000,
  policy: { delaysMs: [100, 200, 400, 800, 1600, 3200], jitter: 1 },
};
