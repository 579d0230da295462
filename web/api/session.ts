import type { Context } from 'hono';
import { z } from 'zod';

import type { Accounts, Redeemed } from '../../control/account-desk.ts';
import type { Principal } from '../../control/principal.ts';
import type { Clock } from '../../core/clock.ts';
import { asTouchlineError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Access } from '../access.ts';
import { callerError } from '../problem.ts';
import type { ClientAddressOf } from '../client-address.ts';
import { SignInBrake } from '../sign-in-brake.ts';
import { ApiRoutes } from './api-route.ts';
import {
  me,
  passwordChange,
  redeemed,
  redeemWish,
  session,
  signInWish,
  type Me,
  type Redeemed as RedeemedBody,
} from './schemas/account.ts';

/** Coming in and going out, for whoever is nobody yet. Mounted before the guard of the API. */
export function doorRoutes(options: {
  accounts: Accounts;
  access: Access;
  clock: Clock;
  addressOf: ClientAddressOf;
}): ApiRoutes {
  const { accounts, access, addressOf } = options;
  const brake = new SignInBrake(options.clock);
  /** Lets through who may try, and remembers who failed. */
  const braked = async <T>(
    context: Context,
    names: readonly string[],
    tried: () => Promise<T | undefined>,
  ) => {
    const address = `from ${addressOf(context)}`;
    const who = [...names, address];
    const waitMs = brake.waitMs(who);
    if (waitMs > 0) context.header('retry-after', String(Math.ceil(waitMs / 1000)));
    brake.require(who);
    // Counted before the answer is known: a thousand at once are a thousand.
    brake.failed(who);
    const done = await tried().catch((error: unknown) => {
      // A database that is away, or a full queue, says nothing about the password.
      if (asTouchlineError(error).blame !== 'caller') for (const one of who) brake.takeBack(one);
      throw error;
    });
    if (done !== undefined) {
      for (const name of names) brake.forget(name);
      // One's own account must not buy new tries at those of others.
      brake.takeBack(address);
    }
    return done;
  };

  return new ApiRoutes('session')
    .add(
      { method: 'get', path: '/', scope: null, summary: 'Who asks', answer: me },
      async ({ context }): Promise<Me> => {
        const asker = await access.asker(context);
        if (!asker) throw callerError('auth.signed-out', 'nobody is signed in');
        const { id, name, scopes } = asker.principal;
        return { id, name, role: asker.role, scopes: [...scopes] };
      },
    )
    .add(
      { method: 'post', path: '/', scope: null, summary: 'Sign in', body: signInWish },
      async ({ context, body }) => {
        const { name, password } = body;
        const signedIn = await braked(context, [`as ${name.toLowerCase()}`], () =>
          accounts.signIn(name, new Secret(password), agentOf(context)),
        );
        if (!signedIn) throw callerError('auth.wrong', 'the name or the password is not right');
        access.giveCookie(context, signedIn);
      },
    )
    .add(
      {
        method: 'post',
        path: '/redeem',
        scope: null,
        summary: 'Come in by a one-time link',
        body: redeemWish,
        answer: redeemed,
      },
      async ({ context, body }): Promise<RedeemedBody> => {
        const { code, name, password } = body;
        const details = { name, password: password === undefined ? undefined : new Secret(password) };
        const done: Redeemed | undefined = await braked(context, [], () =>
          accounts.redeem(new Secret(code), details, agentOf(context)),
        );
        if (done?.state !== 'signed-in') return done ?? { state: 'details-needed', name: null };
        access.giveCookie(context, done.session);
        return { state: 'signed-in' };
      },
    )
    .add({ method: 'delete', path: '/', scope: null, summary: 'Sign out' }, async ({ context }) => {
      const session = access.session(context);
      if (session) await accounts.sessions.end(session);
      access.takeCookie(context);
    });
}

/** Where somebody is signed in, and their password. */
export function ownSessionRoutes(options: { accounts: Accounts; access: Access }): ApiRoutes {
  const { accounts, access } = options;
  return new ApiRoutes('session')
    .add(
      {
        method: 'get',
        path: '/all',
        scope: 'read',
        summary: 'Where you are signed in',
        answer: z.object({ sessions: z.array(session) }),
      },
      async ({ context, principal }) => ({
        sessions: await accounts.sessions.list(userOf(principal), access.session(context)),
      }),
    )
    .add(
      {
        method: 'delete',
        path: '/all/{id}',
        scope: 'read',
        summary: 'End one of them',
        params: z.object({ id: z.string() }),
      },
      async ({ principal, params }) => {
        const isEnded = await accounts.sessions.endOne(userOf(principal), params.id);
        if (!isEnded) throw callerError('session.not-found', 'you have no such session');
      },
    )
    .add(
      {
        method: 'put',
        path: '/password',
        scope: 'read',
        summary: 'Choose another password',
        body: passwordChange,
      },
      async ({ context, principal, body }) => {
        const [old, password] = [new Secret(body.old), new Secret(body.password)];
        const again = await accounts.changePassword(userOf(principal), old, password, agentOf(context));
        access.giveCookie(context, again);
      },
    );
}

function userOf(principal: Principal): string {
  if (principal.kind === 'user') return principal.id;
  throw callerError('auth.forbidden', 'a token has no sessions and no password: sign in for that');
}

function agentOf(context: Context): string {
  return context.req.header('user-agent') ?? 'unknown';
}
