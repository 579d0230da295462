import type { Server, ServerResponse } from 'node:http';

import { serve } from '@hono/node-server';
import { OpenAPIHono } from '@hono/zod-openapi';
import { Hono } from 'hono';

import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import type { MatchDesk } from '../control/match-desk.ts';
import type { FleetDesk } from '../control/open-fleet-desk.ts';
import type { TimelineDesk } from '../control/timeline-desk.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { Access, guardOrigin, secureHeaders } from './access.ts';
import { channelRoutes } from './api/channels.ts';
import { clipRoutes, mediaRoutes } from './api/clips.ts';
import { fixtureRoutes } from './api/fixtures.ts';
import { hlsRoutes } from './api/hls.ts';
import { momentRoutes } from './api/moments.ts';
import { runRoutes } from './api/runs.ts';
import { scalingRoutes } from './api/scaling.ts';
import { stillRoutes } from './api/stills.ts';
import { timelineRoutes } from './api/timeline.ts';
import { EventHub } from './event-hub.ts';
import { mediaOriginOf } from './media.ts';
import { operationRoutes } from './operations.ts';
import { consoleRoutes } from './console-files.ts';
import { notFound, problem } from './problem.ts';
import type { WebEnv } from './web-env.ts';

export interface WebOptions {
  desk: MatchDesk;
  fleet: FleetDesk;
  timeline: TimelineDesk;
  store: ObjectStore;
  clock: Clock;
  log: Log;
  /** Whoever holds it may do everything. */
  token: Secret;
  version: string;
  /** `127.0.0.1` unless told otherwise. */
  host: string;
  /** 0 = any free port. */
  port: number;
  /** Names besides `localhost` and addresses under which people reach this server. */
  hostsAllowed: readonly string[];
  /** What a contributor pushes to, without the key: `rtmp://127.0.0.1:1935/live`. */
  rtmpBase: string;
}

export interface WebServer {
  /** `http://127.0.0.1:8080` */
  url: string;
  /** Serves until `signal` aborts; then tells the browsers, ends what is open, and returns. */
  run(signal: AbortSignal): Promise<void>;
}

/** How long open requests may go on after the end was asked for: clips are short, and a range can be asked for again. */
const closeMsMax = 3_000;

/**
 * What people see and ask: the HTTP API under `/api/v1`, its events, and the page. Listens when it resolves.
 *
 * @throws TouchlineError `web.port-taken`
 */
export async function listenWeb(options: WebOptions): Promise<WebServer> {
  const hub = new EventHub({ ledger: options.desk, clock: options.clock, log: options.log });
  await hub.start();
  const stopping = new AbortController();
  const mediaOrigin = await mediaOriginOf(options.store);
  const app = buildApp({ ...options, mediaOrigin }, hub, stopping.signal, await consoleRoutes());
  const listening = await listen(app, options);
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${listening.port}`,
    run: async (signal) => {
      await hub.run(signal);
      stopping.abort();
      await closed(listening, options.clock);
    },
  };
}

function buildApp(
  options: WebOptions & { mediaOrigin: string | undefined },
  hub: EventHub,
  stopping: AbortSignal,
  pages: Hono,
): Hono {
  const { log } = options;
  const access = new Access(options.token);
  const api = new OpenAPIHono<WebEnv>();
  api.use(access.require);
  api
    .route('/channels', channelRoutes(options))
    .route('/moments', momentRoutes(options).hono)
    .route('/clips', clipRoutes(options))
    .route('/media', mediaRoutes(options))
    .route('/fixtures', fixtureRoutes(options))
    .route('/scaling', scalingRoutes(options))
    .route('/runs', timelineRoutes(options).hono)
    .route('/runs', hlsRoutes(options).hono)
    .route('/runs', stillRoutes(options).hono)
    .route('/', runRoutes(options))
    .get('/events', async (context) => {
      const lastEventId = context.req.header('last-event-id') ?? context.req.query('lastEventId');
      const stream = await hub.open(lastEventId);
      if (!stream) throw tooManyWatchers();
      return context.body(stream, 200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
    });
  const app = new Hono()
    .use(secureHeaders(options.mediaOrigin))
    .use(guardOrigin({ hostsAllowed: options.hostsAllowed }))
    .route('/', operationRoutes({ ...options, access, stopping }))
    .route('/', pages)
    .route('/api/v1', api)
    .get('/openapi.json', (context) => context.json(openApiOf(api, options.version)));
  app.onError((error, context) => problem(context, error, log));
  app.notFound((context) => problem(context, notFound(`address "${context.req.path.slice(0, 200)}"`), log));
  return app;
}

/** What can be asked, for programs and their makers. It tells nothing of what is kept here. */
function openApiOf(api: OpenAPIHono<WebEnv>, version: string): object {
  return api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Touchline', version, description: 'Live sport in, finished clips out.' },
    servers: [{ url: '/api/v1' }],
  });
}

interface Listening {
  server: Server;
  port: number;
  /** Answers that are not out yet. */
  answering: Set<ServerResponse>;
}

async function listen(app: Hono, options: WebOptions): Promise<Listening> {
  const answering = new Set<ServerResponse>();
  return await new Promise((resolve, reject) => {
    const { host: hostname, port } = options;
    const server = serve({ fetch: app.fetch, hostname, port, overrideGlobalObjects: false }, ({ port }) =>
      resolve({ server, port, answering }),
    ) as Server;
    server.on('request', (_request, response: ServerResponse) => {
      answering.add(response);
      response.once('close', () => answering.delete(response));
    });
    // A request head or body that trickles in holds a connection no longer than this.
    server.headersTimeout = 10_000;
    server.requestTimeout = 30_000;
    server.maxConnections = 1_000;
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(options, cause)));
  });
}

function cannotListen({ host, port }: WebOptions, cause: NodeJS.ErrnoException): TouchlineError {
  const isTaken = cause.code === 'EADDRINUSE';
  return new TouchlineError({
    code: isTaken ? 'web.port-taken' : 'web.unavailable',
    message: isTaken
      ? `port ${port} on ${host} is taken by another program: stop it, or choose another with TOUCHLINE_HTTP_PORT`
      : `cannot listen on ${host}:${port} (${cause.message}): choose another with TOUCHLINE_HTTP_HOST and TOUCHLINE_HTTP_PORT`,
    retryable: false,
    blame: 'environment',
    cause,
  });
}

function tooManyWatchers(): TouchlineError {
  return new TouchlineError({
    code: 'web.unavailable',
    message: 'no more browsers can watch at once (or the server is stopping): close some tabs',
    retryable: true,
    blame: 'environment',
  });
}

/** A connection that is kept alive turns idle only after its last answer, so idle ones are looked for until none is left. */
/**
 * Lets answers that are on their way arrive, then cuts every connection. `server.close` alone would wait for sockets
 * that never asked anything, and browsers hold such in reserve.
 */
async function closed({ server, answering }: Listening, clock: Clock): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  const giveUpMs = clock.monotonicMs() + closeMsMax;
  while (answering.size > 0 && clock.monotonicMs() < giveUpMs) await clock.sleep(10);
  server.closeAllConnections();
  await ended;
}
