import { createHash } from 'node:crypto';

import { z } from 'zod';

import type { TimelineDesk } from '../../control/timeline-desk.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { matchesEtag, sendObject } from '../media.ts';
import { ApiRoutes } from './api-route.ts';
import { id } from './parse.ts';

/** `12.ts`: the number of a segment in its run. */
const segmentName = z.string().regex(/^\d{1,9}\.ts$/, 'must be a number and .ts');

/**
 * The live picture and all that was before it. Segments are sent by us whatever the store: hls.js reads them with a script, and our
 * policy lets scripts ask nobody else (`connect-src 'self'`), so that a bucket needs no rule for our address.
 */
export function hlsRoutes({
  timeline: desk,
  store,
}: {
  timeline: TimelineDesk;
  store: ObjectStore;
}): ApiRoutes {
  return new ApiRoutes('hls')
    .add(
      {
        method: 'get',
        path: '/{id}/hls/index.m3u8',
        scope: 'read',
        summary:
          'The segments of a run as an HLS playlist: growing while it is live, closed when it has ended',
        params: z.object({ id }),
        query: z.object({ _HLS_skip: z.string().optional() }),
        file: playlistType,
      },
      async ({ context, params, query }) => {
        const playlist = await desk.playlist(params.id, { isUpdate: query._HLS_skip !== undefined });
        const etag = `"${createHash('sha256').update(playlist).digest('base64url').slice(0, 22)}"`;
        const headers = { etag, 'cache-control': 'private, no-cache' };
        if (matchesEtag(context.req.header('if-none-match'), etag)) return context.body(null, 304, headers);
        return context.body(playlist, 200, { ...headers, 'content-type': playlistType });
      },
    )
    .add(
      {
        method: 'get',
        path: '/{id}/hls/segments/{name}',
        scope: 'read',
        summary: 'The media of one segment, whole or in ranges',
        params: z.object({ id, name: segmentName }),
        file: 'video/mp2t',
      },
      async ({ context, params }) => {
        const key = await desk.segmentKey(params.id, Number.parseInt(params.name, 10));
        return await sendObject(context, store, key, 'immutable', 'here');
      },
    );
}

const playlistType = 'application/vnd.apple.mpegurl';
