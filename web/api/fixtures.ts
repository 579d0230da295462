import type { Context } from 'hono';
import { z } from 'zod';

import type { FleetDesk } from '../../control/open-fleet-desk.ts';
import { callerError } from '../problem.ts';
import { ApiRoutes } from './api-route.ts';
import { readText } from './parse.ts';
import { actor } from './schemas/actor.ts';

/** A season of every league of a country. */
const calendarBytesMax = 5_000_000;

/** What will be played, and when: machines are there before the kick-off. */
export function fixtureRoutes({ fleet: { schedule } }: { fleet: FleetDesk }): ApiRoutes {
  return new ApiRoutes('fixtures')
    .add(
      {
        method: 'get',
        path: '/',
        scope: 'read',
        summary: 'What will be played, by kick-off',
        query: listQuery,
        answer: z.object({ fixtures: z.array(fixtureBody) }),
      },
      async ({ query: { from, limit } }) => {
        const fromMs = from === undefined ? undefined : Date.parse(from);
        return { fixtures: await schedule.list({ fromMs, limit }) };
      },
    )
    .add(
      {
        method: 'post',
        path: '/',
        scope: 'operate',
        summary: 'A match to come',
        body: fixtureWish,
        answer: fixtureBody,
        status: 201,
      },
      async ({ principal, body: { kickOffAt, lengthMinutes, ...wish } }) => {
        const lengthMs = lengthMinutes === undefined ? undefined : lengthMinutes * 60_000;
        return await schedule.add({ ...wish, kickOffAtMs: Date.parse(kickOffAt), lengthMs }, principal);
      },
    )
    .add(
      {
        method: 'post',
        path: '/import',
        scope: 'operate',
        summary: 'A calendar (RFC 5545) of matches; the same source again replaces what it said before',
        query: importQuery,
        rawBody: 'text/calendar',
        answer: z.looseObject({}),
      },
      async ({ context, principal, query }) => {
        const text = await readText(context, calendarBytesMax, 'a calendar');
        if (!isCalendar(context))
          throw callerError('web.invalid', 'the body is to be a calendar: content-type text/calendar');
        return { ...(await schedule.importCalendar(text, { ...query, by: principal })) };
      },
    )
    .add(
      {
        method: 'delete',
        path: '/{id}',
        scope: 'operate',
        summary: 'Call a match off',
        params: z.object({ id: z.string() }),
        answer: fixtureBody,
      },
      async ({ principal, params }) => await schedule.cancel(params.id, principal),
    );
}

function isCalendar(context: Context): boolean {
  return (context.req.header('content-type') ?? '').startsWith('text/calendar');
}

const instant = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-28T15:00:00Z' });
const name = z.string().trim().min(1).max(200);

const fixtureBody = z
  .object({
    id: z.string(),
    name: z.string(),
    channel: z.string().nullable(),
    kickOffAtMs: z.int(),
    lengthMs: z.int(),
    priority: z.int(),
    source: z.string(),
    isCancelled: z.boolean(),
    createdBy: actor.nullable(),
    cancelledBy: actor.nullable(),
  })
  .meta({ id: 'Fixture' });

const listQuery = z.strictObject({
  from: instant.optional(),
  limit: z.coerce.number().int().min(1).max(5_000).optional(),
});

const fixtureWish = z.strictObject({
  name,
  /** Name of the channel that will carry it. */
  channel: name.optional(),
  kickOffAt: instant,
  lengthMinutes: z.number().min(1).max(720).optional(),
  priority: z.int().min(-9).max(9).optional(),
});

const importQuery = z.strictObject({
  /** Who the fixtures are known by: the same source again replaces what it said before. */
  source: name.default('calendar'),
  channel: name.optional(),
  zone: z.string().min(1).max(60).default('UTC'),
});
