import type { HttpBindings } from '@hono/node-server';
import { z } from 'zod';

import type { Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { Access } from '../access.ts';
import { eventTopics, type EventHub } from '../event-hub.ts';
import { ApiRoutes } from './api-route.ts';

/** Whoever was shut out, signed out or revoked hears nothing more after this long. */
const askedAgainMs = 30_000;
/**
 * Three heartbeats. The hub forgets whoever holds back too much; its connection would stay, half closed, until the browser
 * reads again, which one that hangs never does.
 */
const stalledMsMaxDefault = 45_000;

/** What happens, as it happens (server-sent events). Goes on from `Last-Event-ID`. */
export function eventRoutes(options: {
  hub: EventHub;
  access: Access;
  clock: Clock;
  /** How long a browser may take nothing of what is written to it; 45 s unless told otherwise. */
  stalledMsMax?: number;
}): ApiRoutes {
  const { hub, access, clock, stalledMsMax = stalledMsMaxDefault } = options;
  return new ApiRoutes('events').add(
    {
      method: 'get',
      path: '/',
      scope: 'read',
      summary: 'What happens, as it happens',
      query: eventQuery,
      headers: z.object({
        'Last-Event-ID': z.string().optional().meta({ description: 'Goes on behind this event' }),
      }),
      file: 'text/event-stream',
    },
    async ({ context, query }) => {
      const lastEventId = context.req.header('last-event-id') ?? query.lastEventId;
      const stream = await hub.open(lastEventId, query.topics);
      if (!stream) throw tooManyWatchers();
      // Without a listener of its own, node cuts a connection that this long took nothing. Tests without sockets have none.
      (context.env as Partial<HttpBindings> | undefined)?.outgoing?.setTimeout(stalledMsMax);
      const body = whileAllowed(stream, async () => (await access.asker(context)) !== undefined, clock);
      return context.body(body, 200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
    },
  );
}

const eventQuery = z.strictObject({
  /** As the header, for those who cannot set one. */
  lastEventId: z.string().optional(),
  topics: z
    .string()
    .max(100)
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(eventTopics)))
    .optional()
    .meta({
      description: `What to be told of, with commas: ${eventTopics.join(', ')}. Everything without it.`,
    }),
});

/** The stream, until whoever reads it may not any more. */
function whileAllowed(
  stream: ReadableStream<Uint8Array>,
  isAllowed: () => Promise<boolean>,
  clock: Clock,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let askedAtMs = clock.monotonicMs();
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await reader.read();
        if (clock.monotonicMs() - askedAtMs > askedAgainMs) {
          askedAtMs = clock.monotonicMs();
          // A database that is away says nothing about who may: the heartbeat after next asks again.
          if (!(await isAllowed().catch(() => true))) {
            await reader.cancel();
            controller.close();
            return;
          }
        }
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => {
        await reader.cancel();
      },
    },
    { highWaterMark: 0 },
  );
}

function tooManyWatchers(): TouchlineError {
  return new TouchlineError({
    code: 'web.unavailable',
    message: 'no more browsers can watch at once (or the server is stopping): close some tabs',
    retryable: true,
    blame: 'environment',
  });
}
