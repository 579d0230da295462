import { z } from 'zod';

import type { ChannelView, IssuedKey, MatchDesk } from '../../control/match-desk.ts';
import { ApiRoutes } from './api-route.ts';
import { channelBody, channelMade, channelWish, keyMade, type ChannelBody } from './schemas/channel.ts';

/** Channels, their keys and their life. A key is in the answer that issues it, and in no other. */
export function channelRoutes({ desk, rtmpBase }: { desk: MatchDesk; rtmpBase: string }): ApiRoutes {
  const view = (channel: ChannelView): ChannelBody => {
    const health = desk.health(channel.id);
    return { ...channel, ingest: { rtmp: rtmpBase }, health: health ? { ...health } : null };
  };
  const ingest = (issued: IssuedKey): { rtmp: string; key: string } => {
    const key = issued.key.reveal();
    return { rtmp: `${rtmpBase}/${key}`, key };
  };

  return new ApiRoutes('channels')
    .add(
      {
        method: 'get',
        path: '/',
        scope: 'read',
        summary: 'All channels',
        answer: z.object({ channels: z.array(channelBody) }),
      },
      async () => ({ channels: (await desk.listChannels()).map(view) }),
    )
    .add(
      {
        method: 'post',
        path: '/',
        scope: 'channels',
        summary: 'A new channel; its key is in this answer and never again',
        body: channelWish,
        answer: channelMade,
        status: 201,
      },
      async ({ context, body, principal }) => {
        const wish = body as Parameters<MatchDesk['createChannel']>[0];
        const { channel, key } = await desk.createChannel(wish, principal);
        const { id, name, driver, endpoints } = channel;
        context.header('cache-control', 'no-store');
        // The key opens our own ingest; another driver has doors of its own, which stand in `endpoints` once they are made.
        return { id, name, driver, endpoints, ingest: ingest(key) };
      },
    )
    .add(
      {
        method: 'get',
        path: '/{id}',
        scope: 'read',
        summary: 'One channel, by id or name',
        params: byIdOrName,
        answer: channelBody,
      },
      async ({ params }) => view(await desk.getChannel(params.id)),
    )
    .add(
      {
        method: 'delete',
        path: '/{id}',
        scope: 'channels',
        summary: 'Stop and delete a channel; its runs, moments and clips stay',
        params: byIdOrName,
      },
      async ({ params, principal }) => {
        await desk.deleteChannel((await desk.getChannel(params.id)).id, principal);
      },
    )
    .add(
      {
        method: 'post',
        path: '/{id}/keys',
        scope: 'channels',
        summary: 'Another key, shown once; the old one works until it is revoked',
        params: byIdOrName,
        answer: keyMade,
        status: 201,
      },
      async ({ context, params, principal }) => {
        const channel = await desk.getChannel(params.id);
        const issued = await desk.issueKey(channel.id, principal);
        context.header('cache-control', 'no-store');
        return { id: channel.id, name: channel.name, keyId: issued.id, ingest: ingest(issued) };
      },
    )
    .add(
      {
        method: 'delete',
        path: '/{id}/keys/{keyId}',
        scope: 'channels',
        summary: 'Revoke a key',
        params: byIdOrName.extend({ keyId: z.string() }),
      },
      async ({ params, principal }) => {
        const channel = await desk.getChannel(params.id);
        await desk.revokeKey(channel.id, params.keyId, principal);
      },
    )
    .add(
      {
        method: 'post',
        path: '/{id}/start',
        scope: 'channels',
        summary: 'Accept a feed from now on',
        params: byIdOrName,
        answer: channelBody,
      },
      async ({ params, principal }) =>
        view(await desk.startChannel((await desk.getChannel(params.id)).id, principal)),
    )
    .add(
      {
        method: 'post',
        path: '/{id}/stop',
        scope: 'channels',
        summary: 'End the run and accept no feed',
        params: byIdOrName,
        answer: channelBody,
      },
      async ({ params, principal }) =>
        view(await desk.stopChannel((await desk.getChannel(params.id)).id, principal)),
    );
}

/** An id or a name, as the desk finds both; a name may hold spaces. */
const byIdOrName = z.object({ id: z.string() });
