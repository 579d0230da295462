import { z } from 'zod';

import type { ClipView, MatchDesk, MomentView } from '../../control/match-desk.ts';
import { ApiRoutes } from './api-route.ts';
import { clipView } from './clips.ts';
import { id, limit, present } from './parse.ts';
import type { ClipBody } from './schemas/clip.ts';
import { decision, momentBody, type MomentBody } from './schemas/moment.ts';

/** Moments with their reasons, the clip that shows each, and the editor's word. */
export function momentRoutes({ desk }: { desk: MatchDesk }): ApiRoutes {
  const view = async (moment: MomentView, names?: ReadonlyMap<string, string>): Promise<MomentBody> => ({
    ...moment,
    channelName: (names ?? (await channelNames(desk))).get(moment.channelId) ?? moment.channelId,
    clip: await clipOf(desk, moment),
  });

  return new ApiRoutes('moments')
    .add(
      {
        method: 'get',
        path: '/',
        scope: 'read',
        summary: 'Moments, newest first',
        query: momentQuery,
        answer: z.object({ moments: z.array(momentBody), next: z.string().nullable() }),
      },
      async ({ query }) => {
        const moments = await desk.listMoments(present(query));
        const names = await channelNames(desk);
        return {
          moments: await Promise.all(moments.map((moment) => view(moment, names))),
          next: moments.length === query.limit ? (moments.at(-1)?.id ?? null) : null,
        };
      },
    )
    .add(
      {
        method: 'get',
        path: '/{id}',
        scope: 'read',
        summary: 'One moment',
        params: byId,
        answer: momentBody,
      },
      async ({ params }) => await view(await desk.getMoment(params.id)),
    )
    .add(
      {
        method: 'post',
        path: '/{id}/decision',
        scope: 'review',
        summary: "The editor's word on a moment",
        params: byId,
        body: z.strictObject({ decision }),
        answer: momentBody,
      },
      async ({ params, body, principal }) =>
        await view(await desk.decide(params.id, body.decision, principal.name)),
    );
}

const byId = z.object({ id: z.string() });
const momentQuery = z.strictObject({
  channelId: id.optional(),
  runId: id.optional(),
  decision: decision.optional(),
  beforeId: id.optional(),
  limit,
});

async function channelNames(desk: MatchDesk): Promise<Map<string, string>> {
  return new Map((await desk.listChannels()).map((channel) => [channel.id, channel.name]));
}

/** Only a moment that was cut has a clip to ask for. */
async function clipOf(desk: MatchDesk, moment: MomentView): Promise<ClipBody | null> {
  if (moment.state !== 'fast' && moment.state !== 'exact') return null;
  // Between the two reads a clip may have been withdrawn; then there is none.
  const clip: ClipView | undefined = await desk.getClip(moment.clipId).catch(() => undefined);
  return clip ? clipView(clip) : null;
}
