import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';

import type { Context, MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

import type { Secret } from '../core/secret.ts';
import { scopes, type Principal, type Scope } from '../control/principal.ts';
import { callerError } from './problem.ts';
import type { WebEnv } from './web-env.ts';

/** A month: an editor opens the link once. The token behind it can be changed at any time. */
const cookieAgeS = 30 * 24 * 60 * 60;

const owner: Principal = { kind: 'server', id: 'server', name: 'the owner of the server', scopes };

/** Refuses with 403 whoever may not do this; with 401 whoever is nobody. */
export function needs(scope: Scope): MiddlewareHandler<WebEnv> {
  return async (context, next) => {
    const principal = context.get('principal') as Principal | undefined;
    if (!principal) throw callerError('auth.signed-out', 'this needs somebody who is signed in');
    if (!principal.scopes.includes(scope)) {
      throw callerError('auth.forbidden', `${principal.name} may not do this: it needs "${scope}"`);
    }
    await next();
  };
}

/** Who may ask: whoever holds the token, as a bearer or in the cookie that `/?token=...` sets. */
export class Access {
  readonly #token: Secret;
  readonly #tokenHash: Buffer;
  readonly #cookieHash: Buffer;

  constructor(token: Secret) {
    this.#token = token;
    this.#tokenHash = digest(token.reveal());
    this.#cookieHash = digest(this.#cookieValue());
  }

  /** Refuses with 401 what shows neither; leaves who asks in the context. */
  readonly require: MiddlewareHandler<WebEnv> = async (context, next) => {
    if (!this.isSignedIn(context)) {
      throw callerError(
        'auth.signed-out',
        'this needs the token: send "Authorization: Bearer <token>", or open the link that the server printed when it started',
      );
    }
    context.set('principal', owner);
    await next();
  };

  isSignedIn(context: Context): boolean {
    const bearer = /^Bearer (.+)$/i.exec(context.req.header('authorization') ?? '')?.[1];
    if (bearer !== undefined) return timingSafeEqual(digest(bearer), this.#tokenHash);
    const cookie = getCookie(context, cookieName(context));
    return cookie !== undefined && timingSafeEqual(digest(cookie), this.#cookieHash);
  }

  /** Turns the token of the link into the cookie. False = the token is not right. */
  signIn(context: Context, token: string): boolean {
    if (!timingSafeEqual(digest(token), this.#tokenHash)) return false;
    setCookie(context, cookieName(context), this.#cookieValue(), {
      httpOnly: true,
      sameSite: 'Strict',
      path: '/',
      maxAge: cookieAgeS,
      secure: new URL(context.req.url).protocol === 'https:',
    });
    return true;
  }

  /** Derived, so that a stolen cookie jar does not hold the token itself. */
  #cookieValue(): string {
    return digest(`touchline cookie of ${this.#token.reveal()}`).toString('hex');
  }
}

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

/** Every answer: no script but ours, no frame, no guessing of types, no address of ours told to others; media from the store. */
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
  };
}

/** Cookies do not know ports: two servers on one machine must not sign each other out. */
function cookieName(context: Context): string {
  const port = /:(\d+)$/.exec(context.req.header('host') ?? '')?.[1] ?? '80';
  return `touchline_${port}`;
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

/** Comparing digests takes the same time whatever is sent, and lengths need not agree. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
