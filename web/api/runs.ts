import { z } from 'zod';

import type { MatchDesk } from '../../control/match-desk.ts';
import { ApiRoutes } from './api-route.ts';
import { cursor, id, limit, present } from './parse.ts';
import { fileWish, runBody, runReportBody, segmentBody } from './schemas/run.ts';

/** Runs and the ledger of their segments: where each stands, what died and why, and another chance for it. */
export function runRoutes({ desk }: { desk: MatchDesk }): ApiRoutes {
  return new ApiRoutes('runs')
    .add(
      {
        method: 'get',
        path: '/runs',
        scope: 'read',
        summary: 'Runs, newest first',
        query: z.strictObject({ channelId: id.optional(), cursor: cursor.optional(), limit }),
        answer: z.object({ runs: z.array(runBody), next: z.string().nullable() }),
      },
      async ({ query }) => await desk.listRuns(present(query)),
    )
    .add(
      { method: 'get', path: '/runs/{id}', scope: 'read', summary: 'One run', params: byId, answer: runBody },
      async ({ params }) => await desk.getRun(params.id),
    )
    .add(
      {
        method: 'get',
        path: '/runs/{id}/report',
        scope: 'read',
        summary: 'The outcome of a run',
        params: byId,
        answer: runReportBody,
      },
      async ({ params }) => await desk.runReport(params.id),
    )
    .add(
      {
        method: 'get',
        path: '/runs/{id}/segments',
        scope: 'read',
        summary: 'The segments of a run and where each stands; the next page begins after the last seq',
        params: byId,
        query: segmentQuery,
        answer: segments,
      },
      async ({ params, query }) => ({
        segments: await desk.listSegments({ ...present(query), runId: params.id }),
      }),
    )
    .add(
      {
        method: 'get',
        path: '/dead',
        scope: 'read',
        summary: 'Segments that could not be looked at, and why, newest first',
        query: z.strictObject({ runId: id.optional(), cursor: cursor.optional(), limit }),
        answer: segments.extend({ next: z.string().nullable() }),
      },
      async ({ query }) => await desk.listDead(present(query)),
    )
    .add(
      {
        method: 'post',
        path: '/segments/{id}/retry',
        scope: 'operate',
        summary: 'Another chance for a dead segment',
        params: byId,
      },
      async ({ params }) => await desk.retrySegment(params.id),
    )
    .add(
      {
        method: 'post',
        path: '/ingest',
        scope: 'channels',
        summary: "Take in a file of the server's machine",
        body: fileWish,
        answer: z.object({ channelId: z.string(), runId: z.string() }),
        status: 202,
      },
      async ({ body }) => await desk.ingestFile(present(body)),
    );
}

const byId = z.object({ id: z.string() });
const segments = z.object({ segments: z.array(segmentBody) });
const segmentQuery = z.strictObject({
  afterSeq: z.coerce.number().int().min(-1).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(500),
});
