import { createHash } from 'node:crypto';

import type { MiddlewareHandler } from 'hono';

import type { Accounts } from '../control/account-desk.ts';
import { callerError } from './problem.ts';
import type { WebEnv } from './web-env.ts';

/** Answers are a few fields; a larger one is not kept, and its key says so when it comes again. */
const keptCharsMax = 64 * 1024;
/** Longer bodies are calendars, which are idempotent by themselves. */
const hashedBytesMax = 64 * 1024;

/**
 * A POST with an `Idempotency-Key` is done once for whoever asks: the same again gets the same answer. An answer that may be
 * kept by nobody (`no-store`: it holds a secret) is not kept here either; its key then answers 409.
 */
export function doneOnce(keys: Accounts['idempotency']): MiddlewareHandler<WebEnv> {
  return async (context, next) => {
    const key = context.req.header('idempotency-key');
    const declared = Number(context.req.header('content-length') ?? 0);
    if (context.req.method !== 'POST' || key === undefined || declared > hashedBytesMax) return await next();
    if (!/^[\x21-\x7e]{1,120}$/.test(key)) {
      throw callerError('web.invalid', 'Idempotency-Key must be 1 to 120 visible characters');
    }
    const principalId = context.get('principal').id;
    const asked = { principalId, key };
    const body = await bodyOf(context.req.raw.clone());
    if (!body) return await next();
    const { pathname, search } = new URL(context.req.url);
    const requestHash = createHash('sha256').update(`${pathname}${search}\n`).update(body).digest();
    const begun = await keys.begin({ ...asked, requestHash });
    switch (begun.kind) {
      case 'other':
        throw callerError(
          'request.conflict',
          'this Idempotency-Key came before with another request: use a new one',
        );
      case 'in-hand':
        context.header('retry-after', '1');
        throw callerError('request.conflict', 'the same request is being answered at this moment: ask again');
      case 'done':
        if (begun.body === null) {
          throw callerError(
            'request.conflict',
            'this was done already; its answer was shown once and is not kept',
          );
        }
        return new Response(begun.body === '' ? null : begun.body, {
          status: begun.status,
          headers: {
            'content-type': 'application/json',
            'idempotency-replayed': 'true',
          },
        });
      case 'unsure':
        context.set('unsureSinceMs', begun.sinceMs);
        break;
      case 'first':
        break;
    }
    try {
      await next();
    } catch (error) {
      await keys.forget(asked);
      throw error;
    }
    const { res } = context;
    // A fault is not the last word: the same key may try again.
    if (res.status >= 400) return await keys.forget(asked);
    const isKept = res.headers.get('cache-control') !== 'no-store';
    const text = isKept ? await res.clone().text() : '';
    await keys.finish(asked, {
      status: res.status,
      body: isKept && text.length <= keptCharsMax ? text : null,
    });
  };
}

/** The body of a copy; undefined when it is too long. Counted while it comes: a chunked one declares no length. */
async function bodyOf(copy: Request): Promise<Buffer | undefined> {
  const reader = copy.body?.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || !value) return Buffer.concat(chunks);
    bytes += value.length;
    if (bytes > hashedBytesMax) {
      // Not awaited: of a body that two read, the end of one comes with that of the other.
      reader?.cancel().catch(() => {});
      return undefined;
    }
    chunks.push(value);
  }
}
