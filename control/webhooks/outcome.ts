import { unreachable } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import { retryDelaysMs, type RetryPolicy } from '../../core/retry.ts';
import type { Answer } from './send.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** The schedule that Standard Webhooks gives as its example: ten tries in a little over three days. */
const policy: RetryPolicy = {
  delaysMs: [
    5_000,
    5 * minuteMs,
    30 * minuteMs,
    2 * hourMs,
    5 * hourMs,
    10 * hourMs,
    14 * hourMs,
    20 * hourMs,
    24 * hourMs,
  ],
  jitter: 0.1,
};
/** Who asks for more patience than this is not coming back sooner. */
const retryAfterMsMax = 24 * hourMs;
/** Longer than the way of one delivery, so that a single one that is never taken turns nothing off. */
export const failingMsMax = 5 * 24 * hourMs;

/** What follows from one try. */
export type Outcome =
  | { kind: 'delivered' }
  | { kind: 'again'; atMs: number; why: string }
  /** No more tries of this one. */
  | { kind: 'failed'; why: string }
  /** The receiver says that it is gone: nothing more goes there. */
  | { kind: 'gone'; why: string };

/** `tries` counts this one. */
export function outcomeOf(answer: Answer, tries: number, nowMs: number, random: Random): Outcome {
  const why = whyOf(answer);
  if (why === undefined) return { kind: 'delivered' };
  if (answer.kind === 'answered' && answer.status === 410) return { kind: 'gone', why };
  const delayMs = retryDelaysMs(policy, random)[tries - 1];
  if (delayMs === undefined) return { kind: 'failed', why: `${why}; given up after ${tries} tries` };
  const askedMs = answer.kind === 'answered' ? (answer.retryAfterMs ?? 0) : 0;
  return { kind: 'again', atMs: nowMs + Math.max(delayMs, Math.min(askedMs, retryAfterMsMax)), why };
}

/** For a person; undefined when all is well. */
export function whyOf(answer: Answer): string | undefined {
  switch (answer.kind) {
    case 'answered': {
      const { status } = answer;
      if (status >= 200 && status < 300) return undefined;
      if (status >= 300 && status < 400) {
        return `the receiver redirects (${status}), and redirects are not followed: give the address it leads to`;
      }
      if (status === 410) return 'the receiver says that it is gone for good (410)';
      return `the receiver answered ${status}`;
    }
    case 'unanswered':
    case 'refused':
      return answer.why;
    default:
      return unreachable(answer);
  }
}
