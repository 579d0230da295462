import { OpenAPIHono } from '@hono/zod-openapi';
import { Hono } from 'hono';

import { Access } from './access.ts';
import { tokenRoutes, userRoutes } from './api/accounts.ts';
import { channelRoutes } from './api/channels.ts';
import { clipLinkRoutes } from './api/clip-links.ts';
import { clipRoutes, mediaRoutes } from './api/clips.ts';
import { editRoutes, handClipRoutes } from './api/edits.ts';
import { eventRoutes } from './api/events.ts';
import { clipExportRoutes, exportRoutes } from './api/exports.ts';
import { fixtureRoutes } from './api/fixtures.ts';
import { hlsRoutes } from './api/hls.ts';
import { liveRoutes } from './api/live.ts';
import { momentRoutes } from './api/moments.ts';
import { operationsViewRoutes } from './api/operations-view.ts';
import { decisionRoutes, reviewRoutes } from './api/review.ts';
import { runRoutes } from './api/runs.ts';
import { scalingRoutes } from './api/scaling.ts';
import { doorRoutes, ownSessionRoutes } from './api/session.ts';
import { shareLinkRoutes, shareRoutes } from './api/share.ts';
import { channelStillRoutes, stillRoutes } from './api/stills.ts';
import { timelineRoutes } from './api/timeline.ts';
import { webhookRoutes } from './api/webhooks.ts';
import { clientAddressOf } from './client-address.ts';
import { clipPageRoutes } from './clip-page.ts';
import { openConsole } from './console-files.ts';
import type { EventHub } from './event-hub.ts';
import { guardOrigin, secureHeaders } from './guards.ts';
import { doneOnce } from './idempotency.ts';
import { operationRoutes } from './operations.ts';
import { notFound, problem } from './problem.ts';
import { sendJson } from './send-json.ts';
import type { WebOptions } from './web-options.ts';
import type { WebEnv } from './web-env.ts';

interface AppOptions extends WebOptions {
  /** From where media may come besides this server. */
  mediaOrigin: string | undefined;
  hub: EventHub;
  /** Aborted as soon as the end was asked for. */
  stopping: AbortSignal;
}

/** Every address of the server. What stands before `access.require` is open to anybody. */
export async function buildApp(options: AppOptions): Promise<Hono> {
  const { log } = options;
  const access = new Access(options);
  const all = { ...options, access, addressOf: clientAddressOf(options.proxies) };
  const api = new OpenAPIHono<WebEnv>();
  describeWaysIn(api);
  api.route('/session', doorRoutes(all).hono);
  api.route('/share', shareRoutes(all).hono);
  api.use(access.require);
  api.use(doneOnce(options.accounts.idempotency));
  api
    .route('/session', ownSessionRoutes(all).hono)
    .route('/users', userRoutes(all).hono)
    .route('/tokens', tokenRoutes(all).hono)
    .route('/channels', shareLinkRoutes(all).hono)
    .route('/channels', channelStillRoutes(all).hono)
    .route('/live', liveRoutes(all).hono)
    .route('/channels', channelRoutes(all).hono)
    .route('/operations', operationsViewRoutes(all).hono)
    .route('/review', reviewRoutes(all).hono)
    .route('/moments', decisionRoutes(all).hono)
    .route('/moments', momentRoutes(all).hono)
    .route('/clips', editRoutes(all).hono)
    .route('/', handClipRoutes(all).hono)
    .route('/clips', clipExportRoutes(all).hono)
    .route('/clips', clipLinkRoutes(all).hono)
    .route('/clips', clipRoutes(all).hono)
    .route('/exports', exportRoutes(all).hono)
    .route('/media', mediaRoutes(all).hono)
    .route('/fixtures', fixtureRoutes(all).hono)
    .route('/scaling', scalingRoutes(all).hono)
    .route('/webhooks', webhookRoutes(all).hono)
    .route('/runs', timelineRoutes(all).hono)
    .route('/runs', hlsRoutes(all).hono)
    .route('/runs', stillRoutes(all).hono)
    .route('/', runRoutes(all).hono)
    .route('/events', eventRoutes(all).hono);
  const console = await openConsole();
  const app = new Hono()
    .use(secureHeaders(options.mediaOrigin))
    .use(guardOrigin({ hostsAllowed: options.hostsAllowed }))
    .route('/', operationRoutes(all))
    .route('/p', clipPageRoutes(all))
    .route('/', console.routes)
    .route('/api/v1', api)
    .get('/openapi.json', async (context) => await sendJson(context, openApiOf(api, options.version), 200));
  app.onError((error, context) => problem(context, error, log));
  app.notFound(
    async (context) =>
      (await console.pageNotFound(context)) ??
      problem(context, notFound(`address "${context.req.path.slice(0, 200)}"`), log),
  );
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

/** The names that each address's `security` refers to. */
function describeWaysIn({ openAPIRegistry }: OpenAPIHono<WebEnv>): void {
  openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'Of a program: made in the settings, or by `touchline token create`.',
  });
  openAPIRegistry.registerComponent('securitySchemes', 'session', {
    type: 'apiKey',
    in: 'cookie',
    name: 'touchline_8080',
    description:
      'Of a person, from `POST /session`. Its name ends with the port under which the server is reached; by TLS it begins with `__Host-`.',
  });
}
