import type { Server, ServerResponse } from 'node:http';

import { serve } from '@hono/node-server';
import type { Hono } from 'hono';

import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import { buildApp } from './app.ts';
import { EventHub } from './event-hub.ts';
import { mediaOriginOf } from './media.ts';
import type { WebOptions } from './web-options.ts';

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
  const app = await buildApp({ ...options, mediaOrigin, hub, stopping: stopping.signal });
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
