import type { Context } from 'hono';
import { z } from 'zod';

import type { MatchDesk } from '../../control/match-desk.ts';
import type { Still, TimelineDesk } from '../../control/timeline-desk.ts';
import { matchesEtag } from '../media.ts';
import { ApiRoutes } from './api-route.ts';
import { id } from './parse.ts';

/** `12.jpg`: the number of a segment in its run. */
const stillName = z.string().regex(/^\d{1,9}\.jpg$/, 'must be a number and .jpg');

/** Small pictures of a run: its filmstrip. */
export function stillRoutes({ timeline: desk }: { timeline: TimelineDesk }): ApiRoutes {
  return new ApiRoutes('stills').add(
    {
      method: 'get',
      path: '/{id}/stills/{name}',
      scope: 'read',
      summary: 'A picture of one segment, 320 wide at most',
      params: z.object({ id, name: stillName }),
      file: 'image/jpeg',
    },
    async ({ context, params }) => {
      const seq = Number.parseInt(params.name, 10);
      const still = await desk.segmentStill(params.id, seq, context.req.header('if-none-match'));
      return sendStill(context, still, 'private, max-age=31536000, immutable');
    },
  );
}

/** The newest picture of a channel. `{id}` may be its name. */
export function channelStillRoutes({
  timeline,
  desk,
}: {
  timeline: TimelineDesk;
  desk: Pick<MatchDesk, 'getChannel'>;
}): ApiRoutes {
  return new ApiRoutes('stills').add(
    {
      method: 'get',
      path: '/{id}/still.jpg',
      scope: 'read',
      summary: 'The newest keyframe of a channel, 320 wide at most',
      params: z.object({ id: z.string().min(1).max(200) }),
      file: 'image/jpeg',
    },
    async ({ context, params }) => {
      const channelId = (await desk.getChannel(params.id)).id;
      const still = await timeline.channelStill(channelId, context.req.header('if-none-match'));
      return sendStill(context, still, 'private, no-cache');
    },
  );
}

export function sendStill(context: Context, still: Still | { etag: string }, cacheControl: string): Response {
  const headers = { etag: still.etag, 'cache-control': cacheControl };
  const isKnown = !('jpeg' in still) || matchesEtag(context.req.header('if-none-match'), still.etag);
  if (isKnown) return context.body(null, 304, headers);
  return context.body(new Uint8Array(still.jpeg), 200, { ...headers, 'content-type': 'image/jpeg' });
}
