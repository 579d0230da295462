import { Hono } from 'hono';
import { z } from 'zod';

import type { MatchDesk } from '../../control/match-desk.ts';
import { id, limit, parseBody, parseQuery, present } from './parse.ts';

/** Runs and the ledger of their segments: where each stands, what died and why, and another chance for it. */
export function runRoutes({ desk }: { desk: MatchDesk }): Hono {
  return new Hono()
    .get('/runs', async (context) =>
      context.json({ runs: await desk.listRuns(present(parseQuery(context, runQuery))) }),
    )
    .get('/runs/:id', async (context) => context.json(await desk.getRun(context.req.param('id'))))
    .get('/runs/:id/report', async (context) => context.json(await desk.runReport(context.req.param('id'))))
    .get('/runs/:id/segments', async (context) => {
      const query = parseQuery(context, segmentQuery);
      const filter = { ...present(query), runId: context.req.param('id') };
      return context.json({ segments: await desk.listSegments(filter) });
    })
    .get('/dead', async (context) =>
      context.json({ segments: await desk.listDead(present(parseQuery(context, deadQuery))) }),
    )
    .post('/segments/:id/retry', async (context) => {
      await desk.retrySegment(context.req.param('id'));
      return context.body(null, 204);
    })
    .post('/ingest', async (context) => {
      const wish = await parseBody(context, fileWish);
      return context.json(await desk.ingestFile(present(wish)), 202);
    });
}

const runQuery = z.strictObject({ channelId: id.optional(), limit });
const deadQuery = z.strictObject({ runId: id.optional(), limit });
const segmentQuery = z.strictObject({
  afterSeq: z.coerce.number().int().min(-1).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(500),
});
/** The file lies on the machine of the server: the caller holds the token, and with it this machine's footage. */
const fileWish = z.strictObject({
  path: z.string().min(1).max(4096).startsWith('/', 'has to be an absolute path'),
  name: z.string().min(1).max(200),
  sport: z.string().min(1).max(60).optional(),
  isRealtime: z.boolean().optional(),
});
