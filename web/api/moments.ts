import { z } from 'zod';

import type { MatchDesk, MomentView } from '../../control/match-desk.ts';
import { ApiRoutes } from './api-route.ts';
import { clipView } from './clips.ts';
import { cursor, id, limit, present } from './parse.ts';
import { decision, momentBody, type MomentBody } from './schemas/moment.ts';

/** Moments with their reasons, the clip that shows each, and the editor's word. */
export function momentRoutes({ desk }: { desk: MatchDesk }): ApiRoutes {
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
        const { moments, next } = await desk.listMoments(present(query));
        return { moments: moments.map(momentView), next };
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
      async ({ params }) => momentView(await desk.getMoment(params.id)),
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
      async ({ context, params, body: { decision }, principal }) => {
        const unsureSinceMs = context.get('unsureSinceMs');
        return momentView(await desk.decide(params.id, decision, { by: principal, unsureSinceMs }));
      },
    );
}

const byId = z.object({ id: z.string() });
const momentQuery = z.strictObject({
  channelId: id.optional(),
  runId: id.optional(),
  decision: decision.optional(),
  minScore: z.coerce.number().min(0).max(1).optional(),
  cursor: cursor.optional(),
  limit,
});

function momentView(moment: MomentView): MomentBody {
  return { ...moment, clip: moment.clip && clipView(moment.clip) };
}
