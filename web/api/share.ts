import { createHash } from 'node:crypto';

import type { Context } from 'hono';
import { z } from 'zod';

import type { MatchDesk } from '../../control/match-desk.ts';
import type { ContributorPage as Opened, TimelineDesk } from '../../control/timeline-desk.ts';
import type { Clock } from '../../core/clock.ts';
import { Secret } from '../../core/secret.ts';
import { matchesEtag } from '../media.ts';
import type { ClientAddressOf } from '../client-address.ts';
import { callerError } from '../problem.ts';
import { SecretBrake } from '../secret-brake.ts';
import { ApiRoutes } from './api-route.ts';
import { ingestLines, reachableBase } from './ingest-lines.ts';
import { id } from './parse.ts';
import {
  contributorPage,
  shareLinkMade,
  shareLinks,
  shareLinkWish,
  type ContributorPage,
} from './schemas/contributor.ts';
import { sendStill } from './stills.ts';

/** A page asks once in two seconds and fetches a picture in four: this is ten phones on one link, and some that reload. */
const ofLink = { burst: 40, perSecond: 10 };
/** Whoever comes for the first time, and whoever guesses. */
const ofAddress = { burst: 20, perSecond: 1 };

interface ShareOptions {
  timeline: TimelineDesk;
  desk: Pick<MatchDesk, 'getChannel'>;
  clock: Clock;
  rtmpBase: string;
}

/** Links to a channel's contributor page: made, listed and ended by whoever keeps the channel. `{id}` may be its name. */
export function shareLinkRoutes({ timeline, desk }: ShareOptions): ApiRoutes {
  const params = z.object({ id: z.string().min(1).max(200) });
  const channelOf = async (idOrName: string) => (await desk.getChannel(idOrName)).id;
  return new ApiRoutes('share links')
    .add(
      {
        method: 'get',
        path: '/{id}/share-links',
        scope: 'channels',
        summary: 'The links to the contributor page of a channel, newest first',
        params,
        answer: shareLinks,
      },
      async ({ params }) => ({ links: await timeline.listShareLinks(await channelOf(params.id)) }),
    )
    .add(
      {
        method: 'post',
        path: '/{id}/share-links',
        scope: 'channels',
        summary: 'Makes a link to the contributor page of a channel; its address is in this answer alone',
        params,
        body: shareLinkWish,
        answer: shareLinkMade,
        status: 201,
      },
      async ({ context, params, body, principal }) => {
        const { link, secret } = await timeline.makeShareLink(await channelOf(params.id), body, principal);
        const made = { link, path: `/c/${secret.reveal()}` };
        return context.json(made, 201, { 'cache-control': 'no-store' });
      },
    )
    .add(
      {
        method: 'delete',
        path: '/{id}/share-links/{linkId}',
        scope: 'channels',
        summary: 'Ends a link and the publishing key that it showed',
        params: z.object({ id: z.string().min(1).max(200), linkId: id }),
      },
      async ({ params, principal }) =>
        await timeline.revokeShareLink(await channelOf(params.id), params.linkId, principal),
    );
}

/** What whoever has a link may ask: about its one channel, and nothing else. Whoever has a wrong one learns nothing. */
export function shareRoutes({
  timeline,
  clock,
  rtmpBase,
  addressOf,
}: ShareOptions & { addressOf: ClientAddressOf }): ApiRoutes {
  const params = z.object({ secret: z.string().min(1).max(100) });
  const brake = new SecretBrake(clock, { ofLink, ofAddress });

  const open = async (context: Context, secret: string): Promise<Opened> => {
    const opened = await brake.opened(
      secret,
      addressOf(context),
      async () => await timeline.contributor(new Secret(secret)),
    );
    if (!opened) {
      throw callerError(
        'share.not-found',
        'this link is not valid, or not any more: ask whoever gave it to you for another',
      );
    }
    return opened;
  };

  return new ApiRoutes('contributor page')
    .add(
      {
        method: 'get',
        path: '/{secret}',
        scope: null,
        summary:
          'What a contributor sees of their channel: state, what is wrong and how to mend it, figures, address',
        params,
        answer: contributorPage,
      },
      async ({ context, params }) => {
        const opened = await open(context, params.secret);
        const base = reachableBase(rtmpBase, context.req.header('host') ?? '');
        const page = JSON.stringify(pageOf(opened, { base, secret: params.secret }));
        const etag = `"${createHash('sha256').update(page).digest('base64url').slice(0, 22)}"`;
        const headers = { etag, 'cache-control': 'private, no-cache' };
        if (matchesEtag(context.req.header('if-none-match'), etag)) return context.body(null, 304, headers);
        return context.body(page, 200, { ...headers, 'content-type': 'application/json' });
      },
    )
    .add(
      {
        method: 'get',
        path: '/{secret}/still.jpg',
        scope: null,
        summary: 'The newest picture of the channel',
        params,
        file: 'image/jpeg',
      },
      async ({ context, params }) => {
        const { view } = await open(context, params.secret);
        const still = await timeline.channelStill(view.channelId, context.req.header('if-none-match'));
        return sendStill(context, still, 'private, no-cache');
      },
    );
}

function pageOf(
  { view, key, expiresAtMs }: Opened,
  { base, secret }: { base: string; secret: string },
): ContributorPage {
  // The id of the channel is of no use to who may not ask about it.
  const { channelId: _channelId, driver, still, ...shown } = view;
  return {
    ...shown,
    still: still && {
      url: `/api/v1/share/${secret}/still.jpg?v=${still.segmentId}`,
      atWallMs: still.atWallMs,
    },
    ingest: driver === 'local' ? ingestLines(base, key?.reveal()) : null,
    expiresAtMs,
  };
}
