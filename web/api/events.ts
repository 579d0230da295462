import type { Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { Access } from '../access.ts';
import type { EventHub } from '../event-hub.ts';
import { ApiRoutes } from './api-route.ts';

/** Whoever was shut out, signed out or revoked hears nothing more after this long. */
const askedAgainMs = 30_000;

/** What happens, as it happens (server-sent events). Goes on from `Last-Event-ID`. */
export function eventRoutes(options: { hub: EventHub; access: Access; clock: Clock }): ApiRoutes {
  const { hub, access, clock } = options;
  return new ApiRoutes('events').add(
    {
      method: 'get',
      path: '/',
      scope: 'read',
      summary: 'What happens, as it happens',
      file: 'text/event-stream',
    },
    async ({ context }) => {
      const lastEventId = context.req.header('last-event-id') ?? context.req.query('lastEventId');
      const stream = await hub.open(lastEventId);
      if (!stream) throw tooManyWatchers();
      const body = whileAllowed(stream, async () => (await access.asker(context)) !== undefined, clock);
      return context.body(body, 200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
    },
  );
}

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
