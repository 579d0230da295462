import { request as requestPlain, type IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { isIP } from 'node:net';

import type { Clock } from '../../core/clock.ts';
import { closedAddress, hostOf, isOpenAddress, openLookup } from './open-address.ts';

export type Answer = { tookMs: number } & (
  | { kind: 'answered'; status: number; text: string; retryAfterMs: number | undefined }
  /** Nobody there, or too slow. */
  | { kind: 'unanswered'; why: string }
  /** Not tried: it leads where webhooks do not go. */
  | { kind: 'refused'; why: string }
);

/** Standard Webhooks: 15 to 30 s. */
export const answerMsMax = 15_000;
/** Enough to read what a receiver complains about; the rest is not read at all. */
const textBytesMax = 2_048;
const headerBytesMax = 16 * 1024;

/**
 * One POST, on a connection of its own: a kept one would have been checked against an older answer of the name server. Redirects
 * are an answer like any other.
 *
 * @throws the signal's reason when it aborts
 */
export async function sendWebhook(
  message: { url: string; headers: Record<string, string>; body: string },
  how: { isPrivateAllowed: boolean; clock: Clock; signal: AbortSignal },
): Promise<Answer> {
  const { clock, signal } = how;
  const startedMs = clock.monotonicMs();
  const tookMs = (): number => Math.round(clock.monotonicMs() - startedMs);
  const url = new URL(message.url);
  const host = hostOf(url);
  // A literal address is never looked up.
  if (!how.isPrivateAllowed && isIP(host) !== 0 && !isOpenAddress(host)) {
    return { kind: 'refused', why: closedAddress(host).message, tookMs: tookMs() };
  }
  const limit = new AbortController();
  const over = new AbortController();
  const tooSlow = clock
    .sleep(answerMsMax, over.signal)
    .then(() => limit.abort())
    .catch(() => undefined);
  try {
    const answer = await post(url, message, {
      isPrivateAllowed: how.isPrivateAllowed,
      signal: AbortSignal.any([signal, limit.signal]),
      nowMs: () => clock.nowMs(),
    });
    return { kind: 'answered', ...answer, tookMs: tookMs() };
  } catch (thrown) {
    signal.throwIfAborted();
    if (limit.signal.aborted) {
      return {
        kind: 'unanswered',
        why: `no answer within ${answerMsMax / 1000} s: answer first, work then`,
        tookMs: tookMs(),
      };
    }
    const { code, message: said } = thrown as NodeJS.ErrnoException;
    if (code === 'webhook.closed') return { kind: 'refused', why: said, tookMs: tookMs() };
    return {
      kind: 'unanswered',
      why: `the receiver cannot be reached: ${said || (code ?? 'no connection')}`,
      tookMs: tookMs(),
    };
  } finally {
    over.abort();
    await tooSlow;
  }
}

async function post(
  url: URL,
  message: { headers: Record<string, string>; body: string },
  how: { isPrivateAllowed: boolean; signal: AbortSignal; nowMs: () => number },
): Promise<{ status: number; text: string; retryAfterMs: number | undefined }> {
  const body = Buffer.from(message.body);
  const request = url.protocol === 'https:' ? requestTls : requestPlain;
  return await new Promise((resolve, reject) => {
    const sending = request(
      url,
      {
        method: 'POST',
        agent: false,
        maxHeaderSize: headerBytesMax,
        headers: { ...message.headers, 'content-type': 'application/json', 'content-length': body.length },
        signal: how.signal,
        ...(how.isPrivateAllowed ? {} : { lookup: openLookup() }),
      },
      (response) => {
        readStart(response).then((text) => {
          const { statusCode: status = 0 } = response;
          resolve({ status, text, retryAfterMs: waitMsOf(response.headers['retry-after'], how.nowMs()) });
          // What is left of a long answer is not waited for.
          sending.destroy();
        }, reject);
      },
    );
    sending.on('error', reject);
    sending.end(body);
  });
}

/** The first of the body as text that a database and a page can hold. */
async function readStart(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= textBytesMax) break;
  }
  const text = Buffer.concat(chunks).subarray(0, textBytesMax).toString('utf8');
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, '');
}

/** Seconds from now, or a date (RFC 9110 §10.2.3); what is neither says nothing. How much of it is granted is decided elsewhere. */
function waitMsOf(retryAfter: string | undefined, nowMs: number): number | undefined {
  if (retryAfter === undefined) return undefined;
  if (/^\d{1,12}$/.test(retryAfter)) return Number(retryAfter) * 1000;
  // A date of HTTP begins with the name of a day; `Date.parse` takes much more for one.
  const atMs = /^[A-Z][a-z]{2,8},? /.test(retryAfter) ? Date.parse(retryAfter) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
