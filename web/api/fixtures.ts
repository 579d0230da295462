import { Hono, type Context } from 'hono';
import { z } from 'zod';

import type { FleetDesk } from '../../control/open-fleet-desk.ts';
import { callerError } from '../problem.ts';
import { parseBody, parseQuery, readText } from './parse.ts';

/** A season of every league of a country. */
const calendarBytesMax = 5_000_000;

/** What will be played, and when: machines are there before the kick-off. */
export function fixtureRoutes({ fleet: { schedule } }: { fleet: FleetDesk }): Hono {
  return new Hono()
    .get('/', async (context) => {
      const { from, limit } = parseQuery(context, listQuery);
      const fromMs = from === undefined ? undefined : Date.parse(from);
      return context.json({ fixtures: await schedule.list({ fromMs, limit }) });
    })
    .post('/', async (context) => {
      const { kickOffAt, lengthMinutes, ...wish } = await parseBody(context, fixtureWish);
      const lengthMs = lengthMinutes === undefined ? undefined : lengthMinutes * 60_000;
      return context.json(await schedule.add({ ...wish, kickOffAtMs: Date.parse(kickOffAt), lengthMs }), 201);
    })
    .post('/import', async (context) => {
      const query = parseQuery(context, importQuery);
      const text = await readText(context, calendarBytesMax, 'a calendar');
      if (!isCalendar(context))
        throw callerError('web.invalid', 'the body is to be a calendar: content-type text/calendar');
      return context.json(await schedule.importCalendar(text, query));
    })
    .delete('/:id', async (context) => context.json(await schedule.cancel(context.req.param('id'))));
}

function isCalendar(context: Context): boolean {
  return (context.req.header('content-type') ?? '').startsWith('text/calendar');
}

const instant = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-28T15:00:00Z' });
const name = z.string().trim().min(1).max(200);

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
