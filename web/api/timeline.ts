import { z } from 'zod';

import type { TimelineDesk } from '../../control/timeline-desk.ts';
import { ApiRoutes } from './api-route.ts';
import { id, present } from './parse.ts';
import { thresholdCounts, thresholdQuery, timeline, timelineQuery } from './schemas/timeline.ts';

const params = z.object({ id });

/** What the stream page draws of a run. */
export function timelineRoutes({ timeline: desk }: { timeline: TimelineDesk }): ApiRoutes {
  return new ApiRoutes('timeline')
    .add(
      {
        method: 'get',
        path: '/{id}/timeline',
        scope: 'read',
        summary: 'The excitement of a run over time, with its moments, gaps and segments',
        params,
        query: timelineQuery,
        answer: timeline,
      },
      async ({ params, query }) => {
        const { points, ...range } = query;
        return await desk.timeline(params.id, { ...present(range), points });
      },
    )
    .add(
      {
        method: 'get',
        path: '/{id}/threshold',
        scope: 'read',
        summary: 'How many clips other thresholds would have given',
        params,
        query: thresholdQuery,
        answer: thresholdCounts,
      },
      async ({ params, query }) => await desk.thresholds(params.id, query.score),
    );
}
