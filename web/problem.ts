import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

import { asTouchlineError, TouchlineError, unreachable, type Blame } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** Any error as `application/problem+json` (RFC 9457); `code` is what programs look at, `detail` is for people. */
export function problem(context: Context, thrown: unknown, log: Log): Response {
  const error = asTouchlineError(thrown);
  const status = statusOf(error);
  if (status >= 500) log.error('request failed', { path: withoutSecrets(context.req.path), error });
  // What was not foreseen may hold anything: it goes to the log, not to the caller.
  const isForeseen = error.code !== 'unknown';
  return context.json(
    {
      type: 'about:blank',
      title: titles[status] ?? 'Error',
      status,
      code: error.code,
      detail: isForeseen ? error.message : 'something unforeseen happened; the log of the server says what',
      retryable: error.retryable,
    },
    status,
    { 'content-type': 'application/problem+json' },
  );
}

/** The address of a contributor's page is its secret, and so is that of a clip that is shown to anybody. */
export function withoutSecrets(path: string): string {
  return path.replace(/\/(share|c|p)\/[^/]+/, '/$1/***');
}

export function notFound(what: string): TouchlineError {
  return callerError('web.not-found', `there is no ${what}`);
}

export function callerError(code: string, message: string): TouchlineError {
  return new TouchlineError({ code, message, retryable: false, blame: 'caller' });
}

const titles: Partial<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not signed in',
  403: 'Forbidden',
  404: 'Not found',
  409: 'Conflict',
  412: 'Precondition failed',
  413: 'Too large',
  416: 'Range not satisfiable',
  428: 'Precondition required',
  429: 'Too many',
  500: 'Internal error',
  503: 'Unavailable',
};

/** By the end of the code, which is what the desk and the store promise; the first match decides. */
const rules: readonly (readonly [RegExp, ContentfulStatusCode])[] = [
  [/\.forbidden$/, 403],
  [/\.too-many$/, 429],
  [/^auth\.unavailable$/, 503],
  [/^auth\./, 401],
  [/\.not-found$|^store\.bad-key$/, 404],
  [/^edit\.conflict$/, 412],
  [/^edit\.unconditional$/, 428],
  [/\.too-large$/, 413],
  [/\.no-such-range$/, 416],
  [/\.(taken|conflict|not-ready)$/, 409],
  [/\.invalid$/, 400],
  [/\.unavailable$|^store\.full$|^aborted$/, 503],
];

function statusOf(error: TouchlineError): ContentfulStatusCode {
  return rules.find(([pattern]) => pattern.test(error.code))?.[1] ?? byBlame(error.blame);
}

function byBlame(blame: Blame): ContentfulStatusCode {
  switch (blame) {
    case 'caller':
    case 'input':
      return 400;
    case 'environment':
      return 503;
    case 'touchline':
      return 500;
    default:
      return unreachable(blame);
  }
}
