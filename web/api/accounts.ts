import { z } from 'zod';

import type { Accounts } from '../../control/account-desk.ts';
import type { Secret } from '../../core/secret.ts';
import { ApiRoutes } from './api-route.ts';
import { token, tokenMade, tokenWish, user, userChange, userMade, userWish } from './schemas/account.ts';

const byId = z.object({ id: z.string() });

/** Who works here, and as what. */
export function userRoutes({ accounts }: { accounts: Accounts }): ApiRoutes {
  return new ApiRoutes('users')
    .add(
      {
        method: 'get',
        path: '/',
        scope: 'admin',
        summary: 'All accounts',
        answer: z.object({ users: z.array(user) }),
      },
      async () => ({ users: await accounts.users.list() }),
    )
    .add(
      {
        method: 'post',
        path: '/',
        scope: 'admin',
        summary: 'Invite somebody: the answer holds a link that works once',
        body: userWish,
        answer: userMade,
        status: 201,
      },
      async ({ context, principal, body }) => {
        const made = await accounts.invite(body, principal);
        context.header('cache-control', 'no-store');
        return { user: made.user, link: linkOf(made.link) };
      },
    )
    .add(
      {
        method: 'post',
        path: '/{id}/link',
        scope: 'admin',
        summary: 'Another one-time link: for a forgotten password',
        params: byId,
        answer: userMade,
        status: 201,
      },
      async ({ context, principal, params }) => {
        const found = await accounts.users.get(params.id);
        const link = await accounts.makeLink(found.id, { by: principal });
        context.header('cache-control', 'no-store');
        return { user: found, link: linkOf(link) };
      },
    )
    .add(
      {
        method: 'patch',
        path: '/{id}',
        scope: 'admin',
        summary: 'Another role, or shut out',
        params: byId,
        body: userChange,
        answer: user,
      },
      async ({ principal, params, body }) => {
        const { role, isDisabled } = body;
        const { id } = await accounts.users.get(params.id);
        const wish = {
          ...(role === undefined ? {} : { role }),
          ...(isDisabled === undefined ? {} : { isDisabled }),
        };
        return await accounts.users.change(id, wish, principal);
      },
    );
}

/** Tokens of whoever asks. */
export function tokenRoutes({ accounts }: { accounts: Accounts }): ApiRoutes {
  return new ApiRoutes('tokens')
    .add(
      {
        method: 'get',
        path: '/',
        scope: 'read',
        summary: 'Your tokens',
        answer: z.object({ tokens: z.array(token) }),
      },
      async ({ principal }) => ({
        tokens: await accounts.tokens.list(principal.kind === 'user' ? principal.id : null),
      }),
    )
    .add(
      {
        method: 'post',
        path: '/',
        scope: 'read',
        summary: 'A new token, shown in this answer and never again',
        body: tokenWish,
        answer: tokenMade,
        status: 201,
      },
      async ({ context, principal, body }) => {
        const { token, secret } = await accounts.tokens.make(principal, body);
        context.header('cache-control', 'no-store');
        return { token, secret: secret.reveal() };
      },
    )
    .add(
      { method: 'delete', path: '/{id}', scope: 'read', summary: 'Revoke a token', params: byId },
      async ({ principal, params }) => await accounts.tokens.revoke(principal, params.id),
    );
}

/** In the fragment: browsers send it to nobody, so it stands in no log. */
function linkOf(code: Secret): string {
  return `/welcome#${code.reveal()}`;
}
