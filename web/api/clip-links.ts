import { z } from 'zod';

import type { ClipLinks } from '../../control/clip-links.ts';
import { ApiRoutes } from './api-route.ts';
import { id } from './parse.ts';
import { clipLinkMade, clipLinks, clipLinkWish } from './schemas/clip-link.ts';

interface Options {
  clipLinks: Pick<ClipLinks, 'make' | 'list' | 'revoke'>;
}

/** Links that play a clip for people without an account: made, listed and ended by whoever decides about clips. */
export function clipLinkRoutes({ clipLinks: links }: Options): ApiRoutes {
  const params = z.object({ id });
  return new ApiRoutes('clip links')
    .add(
      {
        method: 'get',
        path: '/{id}/links',
        scope: 'review',
        summary: 'The links that play a clip without an account, newest first',
        params,
        answer: clipLinks,
      },
      async ({ params }) => ({ links: await links.list(params.id) }),
    )
    .add(
      {
        method: 'post',
        path: '/{id}/links',
        scope: 'review',
        summary: 'Makes a link that plays a clip without an account; its address is in this answer alone',
        params,
        body: clipLinkWish,
        answer: clipLinkMade,
        status: 201,
      },
      async ({ context, params, body, principal }) => {
        const { link, secret } = await links.make(params.id, { ...body, by: principal });
        return context.json({ link, path: `/p/${secret.reveal()}` }, 201, { 'cache-control': 'no-store' });
      },
    )
    .add(
      {
        method: 'delete',
        path: '/{id}/links/{linkId}',
        scope: 'review',
        summary: 'Ends a link to a clip',
        params: z.object({ id, linkId: id }),
      },
      async ({ params, principal }) => await links.revoke(params.id, params.linkId, principal),
    );
}
