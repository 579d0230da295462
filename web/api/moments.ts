import { Hono } from 'hono';
import { z } from 'zod';

import type { ClipView, MatchDesk, MomentView } from '../../control/match-desk.ts';
import { clipView } from './clips.ts';
import { id, limit, parseBody, parseQuery, present } from './parse.ts';

const decision = z.enum(['undecided', 'approved', 'rejected']);

/** Moments with their reasons, the clip that shows each, and the editor's word. */
export function momentRoutes({ desk }: { desk: MatchDesk }): Hono {
  const channelName = async (channelId: string): Promise<string> =>
    (await desk.listChannels()).find((channel) => channel.id === channelId)?.name ?? channelId;
  const view = async (moment: MomentView): Promise<object> => ({
    ...moment,
    channelName: await channelName(moment.channelId),
    clip: await clipOf(desk, moment),
  });

  return new Hono()
    .get('/', async (context) => {
      const query = parseQuery(context, momentQuery);
      const moments = await desk.listMoments(present(query));
      const names = new Map((await desk.listChannels()).map((channel) => [channel.id, channel.name]));
      return context.json({
        moments: await Promise.all(
          moments.map(async (moment) => ({
            ...moment,
            channelName: names.get(moment.channelId) ?? moment.channelId,
            clip: await clipOf(desk, moment),
          })),
        ),
        next: moments.length === query.limit ? (moments.at(-1)?.id ?? null) : null,
      });
    })
    .get('/:id', async (context) => context.json(await view(await desk.getMoment(context.req.param('id')))))
    .post('/:id/decision', async (context) => {
      const { decision } = await parseBody(context, decisionBody);
      return context.json(await view(await desk.decide(context.req.param('id'), decision)));
    });
}

const momentQuery = z.strictObject({
  channelId: id.optional(),
  runId: id.optional(),
  decision: decision.optional(),
  beforeId: id.optional(),
  limit,
});
const decisionBody = z.strictObject({ decision });

/** Only a moment that was cut has a clip to ask for. */
async function clipOf(desk: MatchDesk, moment: MomentView): Promise<object | null> {
  if (moment.state !== 'fast' && moment.state !== 'exact') return null;
  // Between the two reads a clip may have been withdrawn; then there is none.
  const clip: ClipView | undefined = await desk.getClip(moment.clipId).catch(() => undefined);
  return clip ? clipView(clip) : null;
}
