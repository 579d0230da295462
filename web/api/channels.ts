import { Hono } from 'hono';
import { z } from 'zod';

import type { ChannelView, IssuedKey, MatchDesk } from '../../control/match-desk.ts';
import { parseBody } from './parse.ts';

/** Channels, their keys and their life. A key is in the answer that issues it, and in no other. */
export function channelRoutes({ desk, rtmpBase }: { desk: MatchDesk; rtmpBase: string }): Hono {
  const view = (channel: ChannelView): object => ({
    ...channel,
    ingest: { rtmp: rtmpBase },
    health: desk.health(channel.id) ?? null,
  });
  const ingest = (issued: IssuedKey): object => {
    const key = issued.key.reveal();
    return { rtmp: `${rtmpBase}/${key}`, key };
  };

  return new Hono()
    .get('/', async (context) => context.json({ channels: (await desk.listChannels()).map(view) }))
    .post('/', async (context) => {
      const wish = await parseBody(context, channelWish);
      const { channel, key } = await desk.createChannel(wish as Parameters<MatchDesk['createChannel']>[0]);
      const { id, name, driver } = channel;
      // The key opens our own ingest; another driver has doors of its own, which stand in `endpoints` once they are made.
      const made = { id, name, driver, endpoints: channel.endpoints, ingest: ingest(key) };
      return context.json(made, 201, noStore);
    })
    .get('/:id', async (context) => context.json(view(await desk.getChannel(idOf(context)))))
    .delete('/:id', async (context) => {
      await desk.deleteChannel((await desk.getChannel(idOf(context))).id);
      return context.body(null, 204);
    })
    .post('/:id/keys', async (context) => {
      const channel = await desk.getChannel(idOf(context));
      const issued = await desk.issueKey(channel.id);
      const made = { id: channel.id, name: channel.name, keyId: issued.id, ingest: ingest(issued) };
      return context.json(made, 201, noStore);
    })
    .delete('/:id/keys/:keyId', async (context) => {
      const channel = await desk.getChannel(idOf(context));
      await desk.revokeKey(channel.id, context.req.param('keyId'));
      return context.body(null, 204);
    })
    .post('/:id/start', async (context) => {
      const channel = await desk.getChannel(idOf(context));
      return context.json(view(await desk.startChannel(channel.id)));
    })
    .post('/:id/stop', async (context) => {
      const channel = await desk.getChannel(idOf(context));
      return context.json(view(await desk.stopChannel(channel.id)));
    });
}

const noStore = { 'cache-control': 'no-store' };

/** What may be in a name is the desk's to say: its message names the rule. */
const channelWish = z.strictObject({
  name: z.string().min(1).max(200),
  sport: z.string().min(1).max(60).optional(),
  segmentMs: z.int().optional(),
  driver: z.string().min(1).max(60).optional(),
  /** The driver's to check. */
  input: z.record(z.string(), z.unknown()).optional(),
});

/** An id or a name, as the desk finds both; a name may hold spaces. */
function idOf(context: { req: { param(name: 'id'): string } }): string {
  return context.req.param('id');
}
