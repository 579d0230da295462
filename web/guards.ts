import { isIP } from 'node:net';

import type { MiddlewareHandler } from 'hono';

import { callerError } from './problem.ts';

/**
 * Refuses requests that a strange page made our user's browser send. A name that an attacker rebinds to 127.0.0.1 shows
 * in `Host`; addresses and `localhost` cannot be rebound. Another site's form or script shows in `Origin`.
 */
export function guardOrigin(options: { hostsAllowed: readonly string[] }): MiddlewareHandler {
  return async (context, next) => {
    const host = context.req.header('host') ?? '';
    const hostname = hostnameOf(host);
    if (!isSafeName(hostname) && !options.hostsAllowed.includes(hostname)) {
      throw callerError(
        'web.forbidden',
        `this server does not answer to the name "${hostname.slice(0, 100)}": use its address or localhost, or add the name to TOUCHLINE_HTTP_HOSTS`,
      );
    }
    const origin = context.req.header('origin');
    const isOurs = origin === undefined || originHost(origin) === host;
    const site = context.req.header('sec-fetch-site') ?? 'none';
    const changesSomething = !['GET', 'HEAD'].includes(context.req.method);
    if (!isOurs || (changesSomething && site !== 'same-origin' && site !== 'none')) {
      throw callerError(
        'web.forbidden',
        'this request comes from another site; open the page of this server',
      );
    }
    await next();
  };
}

/**
 * Every answer: no script but ours, no frame, no guessing of types, no address of ours told to others; media from the store. What says
 * nothing of caches is kept by none: it is somebody's, and a proxy before us cannot know whose.
 */
export function secureHeaders(mediaOrigin?: string): MiddlewareHandler {
  const media = mediaOrigin === undefined ? "'self'" : `'self' ${mediaOrigin}`;
  // `blob:` is how hls.js hands its pieces to the player (Media Source Extensions).
  const contentSecurityPolicy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src ${media}`,
    `media-src ${media} blob:`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return async (context, next) => {
    await next();
    context.header('content-security-policy', contentSecurityPolicy);
    context.header('x-content-type-options', 'nosniff');
    context.header('referrer-policy', 'no-referrer');
    context.header('cross-origin-resource-policy', 'same-origin');
    context.header('cross-origin-opener-policy', 'same-origin');
    if (!context.res.headers.has('cache-control')) context.header('cache-control', 'private, no-store');
  };
}

function hostnameOf(host: string): string {
  return host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
}

function isSafeName(hostname: string): boolean {
  return hostname === 'localhost' || isIP(hostname) !== 0;
}

function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
