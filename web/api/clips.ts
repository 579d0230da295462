import { Hono } from 'hono';
import { z } from 'zod';

import type { ClipView, MatchDesk } from '../../control/match-desk.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { sendObject } from '../media.ts';
import { notFound } from '../problem.ts';
import { id, limit, parseQuery, present } from './parse.ts';
import type { ClipBody } from './schemas/clip.ts';

/** Clips and their files. `/clips/:id/video` is the address that stays; the urls in a rendition name one revision. */
export function clipRoutes({ desk, store }: { desk: MatchDesk; store: ObjectStore }): Hono {
  return new Hono()
    .get('/', async (context) => {
      const query = parseQuery(context, clipQuery);
      const clips = await desk.listClips(present(query));
      return context.json({
        clips: clips.map(clipView),
        next: clips.length === query.limit ? (clips.at(-1)?.id ?? null) : null,
      });
    })
    .get('/:id', async (context) => context.json(clipView(await desk.getClip(context.req.param('id')))))
    .get('/:id/waterfall', async (context) => context.json(await desk.waterfall(context.req.param('id'))))
    .get('/:id/sidecar', async (context) => {
      const clip = await desk.getClip(context.req.param('id'));
      return await sendObject(context, store, clip.sidecarKey, 'revalidate');
    })
    .get('/:id/video', async (context) => {
      const clip = await desk.getClip(context.req.param('id'));
      const wide = clip.renditions.find(({ preset }) => preset === 'wide');
      if (!wide) throw notFound(`video of clip "${clip.id}"`);
      return await sendObject(context, store, wide.key, 'revalidate');
    });
}

/** Files of clips by their key. They are written once, so a browser keeps them; the sidecar is replaced. */
export function mediaRoutes({ store }: { store: ObjectStore }): Hono {
  return new Hono().get('/clips/*', async (context) => {
    // Keys need no escaping, so what is escaped is no key.
    const key = context.req.path.slice(context.req.path.indexOf('/media/') + '/media/'.length);
    return await sendObject(context, store, key, key.endsWith('.json') ? 'revalidate' : 'immutable');
  });
}

export function clipView(clip: ClipView): ClipBody {
  return {
    ...clip,
    url: `/api/v1/clips/${clip.id}/video`,
    renditions: clip.renditions.map((rendition) => ({ ...rendition, url: `/api/v1/media/${rendition.key}` })),
  };
}

const clipQuery = z.strictObject({
  channelId: id.optional(),
  runId: id.optional(),
  beforeId: id.optional(),
  limit,
});
