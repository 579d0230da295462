import { createHash, timingSafeEqual } from 'node:crypto';

import type { Context, MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';

import type { Accounts } from '../control/account-desk.ts';
import { sessionIdleMs } from '../control/accounts/sessions.ts';
import { serverOwner, type Principal, type Role, type Scope } from '../control/principal.ts';
import { Secret } from '../core/secret.ts';
import { callerError } from './problem.ts';
import { isByTls } from './public-origin.ts';
import type { WebEnv } from './web-env.ts';

/** Refuses with 403 whoever may not do this; with 401 whoever is nobody. */
export function needs(scope: Scope): MiddlewareHandler<WebEnv> {
  return async (context, next) => {
    const { name, scopes } = (context.get('principal') as Principal | undefined) ?? nobody();
    if (!scopes.includes(scope)) {
      throw callerError('auth.forbidden', `${name} may not do this: it needs "${scope}"`);
    }
    await next();
  };
}

/** Who asks: by a session in a cookie, by a token as bearer, or by the token of the server itself. */
export class Access {
  readonly #accounts: Pick<Accounts, 'sessions' | 'tokens'>;
  readonly #tokenHash: Buffer;

  constructor(options: { accounts: Pick<Accounts, 'sessions' | 'tokens'>; token: Secret }) {
    this.#accounts = options.accounts;
    this.#tokenHash = digest(options.token.reveal());
  }

  /** Refuses with 401 whoever is nobody; leaves who asks in the context. */
  readonly require: MiddlewareHandler<WebEnv> = async (context, next) => {
    const asker = (await this.asker(context)) ?? nobody();
    context.set('principal', asker.principal);
    await next();
  };

  /** Undefined for nobody, and for what is not right (any more). @throws `web.forbidden` when another site asks with our cookie */
  async asker(context: Context): Promise<{ principal: Principal; role: Role | null } | undefined> {
    const bearer = /^Bearer (.+)$/i.exec(context.req.header('authorization') ?? '')?.[1];
    if (bearer !== undefined) {
      if (timingSafeEqual(digest(bearer), this.#tokenHash)) return { principal: serverOwner, role: null };
      const principal = await this.#accounts.tokens.find(bearer);
      return principal && { principal, role: null };
    }
    const session = this.session(context);
    const found = session && (await this.#accounts.sessions.find(session));
    if (found) requireOwnPage(context);
    return found;
  }

  session(context: Context): Secret | undefined {
    const cookie = getCookie(context, cookieName(context));
    return cookie === undefined ? undefined : new Secret(cookie);
  }

  giveCookie(context: Context, session: Secret): void {
    setCookie(context, cookieName(context), session.reveal(), {
      ...cookieOptions(context),
      maxAge: sessionIdleMs / 1000,
    });
  }

  takeCookie(context: Context): void {
    deleteCookie(context, cookieName(context), cookieOptions(context));
  }
}

/**
 * A cookie comes along whatever page asks. `SameSite=Strict` keeps other sites out; this keeps out what shares our site and
 * not our origin (another port of the host), and browsers that know no SameSite: a change has to say where it comes from.
 */
function requireOwnPage(context: Context): void {
  if (['GET', 'HEAD'].includes(context.req.method)) return;
  const isOwn =
    context.req.header('sec-fetch-site') === 'same-origin' || context.req.header('origin') !== undefined;
  // What `origin` may be is checked for every request, by `guardOrigin`.
  if (!isOwn) throw callerError('web.forbidden', 'this change does not come from a page of this server');
}

function cookieOptions(context: Context) {
  return {
    httpOnly: true,
    sameSite: 'Strict',
    path: '/',
    secure: isByTls(context),
  } as const;
}

function nobody(): never {
  throw callerError(
    'auth.signed-out',
    'nobody is signed in: sign in on the page of this server, or send "Authorization: Bearer <token>"',
  );
}

/**
 * Cookies do not know ports: two servers on one machine must not sign each other out. By TLS the name keeps out what a neighbour under the
 * same domain, or somebody on the way to it, puts there to sign people in as another (RFC 6265bis §4.1.3.2).
 */
function cookieName(context: Context): string {
  const port = /:(\d+)$/.exec(context.req.header('host') ?? '')?.[1] ?? '80';
  return `${isByTls(context) ? '__Host-' : ''}touchline_${port}`;
}

/** Comparing digests takes the same time whatever is sent, and lengths need not agree. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
