import { z } from 'zod';

import type { ClipView, MatchDesk } from '../../control/match-desk.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { sendObject } from '../media.ts';
import { notFound } from '../problem.ts';
import { ApiRoutes } from './api-route.ts';
import { cursor, id, limit, present } from './parse.ts';
import { clipBody, waterfallBody, type ClipBody } from './schemas/clip.ts';

/** Clips and their files. `/clips/:id/video` is the address that stays; the urls in a rendition name one revision. */
export function clipRoutes({ desk, store }: { desk: MatchDesk; store: ObjectStore }): ApiRoutes {
  return new ApiRoutes('clips')
    .add(
      {
        method: 'get',
        path: '/',
        scope: 'read',
        summary: 'Clips, newest first',
        query: clipQuery,
        answer: z.object({ clips: z.array(clipBody), next: z.string().nullable() }),
      },
      async ({ query }) => {
        const { clips, next } = await desk.listClips(present(query));
        return { clips: clips.map(clipView), next };
      },
    )
    .add(
      { method: 'get', path: '/{id}', scope: 'read', summary: 'One clip', params: byId, answer: clipBody },
      async ({ params }) => clipView(await desk.getClip(params.id)),
    )
    .add(
      {
        method: 'get',
        path: '/{id}/waterfall',
        scope: 'read',
        summary: 'Where the time went, from the moment on the pitch to the clip on the page',
        params: byId,
        answer: waterfallBody,
      },
      async ({ params }) => await desk.waterfall(params.id),
    )
    .add(
      {
        method: 'get',
        path: '/{id}/sidecar',
        scope: 'read',
        summary: 'The sidecar of a clip, touchline.clip/v1',
        params: byId,
        file: 'application/json',
      },
      async ({ context, params }) => {
        const clip = await desk.getClip(params.id);
        return await sendObject(context, store, clip.sidecarKey, 'revalidate');
      },
    )
    .add(
      {
        method: 'get',
        path: '/{id}/video',
        scope: 'read',
        summary: 'The newest wide file of a clip, with ranges',
        params: byId,
        headers: ranged,
        file: 'video/mp4',
      },
      async ({ context, params }) => {
        const clip = await desk.getClip(params.id);
        const wide = clip.renditions.find(({ preset }) => preset === 'wide');
        if (!wide) throw notFound(`video of clip "${clip.id}"`);
        return await sendObject(context, store, wide.key, 'revalidate');
      },
    );
}

/** Files of clips by their key. They are written once, so a browser keeps them; the sidecar is replaced. */
export function mediaRoutes({ store }: { store: ObjectStore }): ApiRoutes {
  return new ApiRoutes('media').add(
    {
      method: 'get',
      path: '/clips/{channelId}/{runId}/{clipId}/{file}',
      scope: 'read',
      summary: 'A file of a clip by its key, with ranges, or where it lies',
      params: z.object({
        channelId: z.string(),
        runId: z.string(),
        clipId: z.string(),
        file: z.string(),
      }),
      headers: ranged,
      file: 'application/octet-stream',
    },
    async ({ context }) => {
      // Keys need no escaping, so what is escaped is no key.
      const key = context.req.path.slice(context.req.path.indexOf('/media/') + '/media/'.length);
      return await sendObject(context, store, key, key.endsWith('.json') ? 'revalidate' : 'immutable');
    },
  );
}

export function clipView(clip: ClipView): ClipBody {
  return {
    ...clip,
    url: `/api/v1/clips/${clip.id}/video`,
    renditions: clip.renditions.map((rendition) => ({ ...rendition, url: `/api/v1/media/${rendition.key}` })),
  };
}

const ranged = z.object({ Range: z.string().optional().meta({ description: 'One range of bytes' }) });
const byId = z.object({ id: z.string() });
const clipQuery = z.strictObject({
  channelId: id.optional(),
  runId: id.optional(),
  cursor: cursor.optional(),
  limit,
});
