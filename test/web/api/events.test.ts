import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';

import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';

import type { DeskEvent } from '../../../control/match-desk.ts';
import { scopes, type Principal } from '../../../control/principal.ts';
import { systemClock, type Clock } from '../../../core/clock.ts';
import { silentLog } from '../../../core/log.ts';
import { Secret } from '../../../core/secret.ts';
import { Access } from '../../../web/access.ts';
import { eventRoutes } from '../../../web/api/events.ts';
import { EventHub } from '../../../web/event-hub.ts';
import type { WebEnv } from '../../../web/web-env.ts';
import { noAccounts } from '../fake-accounts.ts';

/** A clock whose sleeps end one after the other, as fast as they are asked for, and take their time. */
function quickClock(): Clock {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms, signal) => {
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      nowMs += ms;
    },
  };
}

async function openEvents(find: () => Promise<Principal | undefined>) {
  const clock = quickClock();
  const ledger = { lastEventId: async () => 0, eventsSince: async () => [], onNews: () => () => {} };
  const hub = new EventHub({ ledger, clock, log: silentLog });
  await hub.start();
  const accounts = { ...noAccounts(), tokens: { ...noAccounts().tokens, find } };
  const access = new Access({ accounts, token: new Secret('server') });
  const app = new Hono<WebEnv>()
    .use(access.require)
    .route('/events', eventRoutes({ hub, access, clock }).hono);
  const response = await app.request('/events', { headers: { authorization: 'Bearer tla_x' } });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const stopping = new AbortController();
  const ended = hub.run(stopping.signal);
  const stop = async () => {
    stopping.abort();
    await ended;
  };
  return { clock, hub, reader, stop };
}

const program: Principal = { kind: 'token', id: 'x', name: 'feed', scopes };

describe('an open stream of events', () => {
  it('ends within a minute once its token is revoked', async () => {
    let isRevoked = false;
    const { clock, hub, reader, stop } = await openEvents(async () => (isRevoked ? undefined : program));
    // Longer than it takes to be asked again: whoever may goes on.
    while (clock.monotonicMs() < 120_000) expect((await reader.read()).done).toBe(false);
    isRevoked = true;
    const revokedAtMs = clock.monotonicMs();
    while (!(await reader.read()).done);
    expect(clock.monotonicMs() - revokedAtMs).toBeLessThanOrEqual(60_000);
    expect(hub.clientCount).toBe(0);
    await stop();
  });

  it('goes on while the database is away: that says nothing about who may', async () => {
    let isAway = false;
    const { clock, reader, stop } = await openEvents(async () => {
      if (isAway) throw new Error('the database is away');
      return program;
    });
    isAway = true;
    while (clock.monotonicMs() < 180_000) expect((await reader.read()).done).toBe(false);
    await stop();
  });
});

describe('a browser that hangs', () => {
  it('is cut off after a while, beside one that reads, and finds what it missed when it comes again', async () => {
    const { port, hub, happen, stop } = await serveEvents({ stalledMsMax: 300 });
    const hanging = await ask(port);
    const reading = await ask(port);
    const heard = lastIdOf(reading);
    await once(hanging, 'data');
    hanging.pause();
    const cut = once(hanging, 'close');
    // More than the kernel holds for it, until nothing moves any more. Meanwhile the other one has much to read.
    let count = 0;
    while ((await stop.connections()) === 2) {
      count += 1;
      await happen();
      await untilHolds(() => heard() === count);
    }
    expect(await stop.connections()).toBe(1);
    // The hub hears of it when its stream is cancelled, a moment after the socket is gone.
    await untilHolds(() => hub.clientCount === 1);
    expect(hub.clientCount).toBe(1);
    hanging.on('error', () => {}).resume();
    await cut;
    const again = await ask(port, { lastEventId: String(count - 3) });
    const missed = lastIdOf(again);
    await untilHolds(() => missed() === count);
    reading.destroy();
    again.destroy();
    await stop.all();
  });

  it.each(['goals', 'moments,goals', ''])('is told that there is no topic "%s"', async (topics) => {
    const { port, stop } = await serveEvents({});
    const answer = await fetch(`http://127.0.0.1:${port}/events?topics=${topics}`, {
      headers: { authorization: 'Bearer tla_x' },
    });
    expect(answer.ok).toBe(false);
    await answer.text();
    await stop.all();
  });
});

/** The routes behind a real socket; each event is 100 kB. */
async function serveEvents({ stalledMsMax }: { stalledMsMax?: number }) {
  const events: DeskEvent[] = [];
  const listeners = new Set<() => void>();
  const clock = systemClock;
  const hub = new EventHub({
    clock,
    log: silentLog,
    ledger: {
      lastEventId: async () => events.length,
      eventsSince: async (id, limit) => events.filter((event) => event.id > id).slice(0, limit),
      onNews: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  });
  await hub.start();
  const accounts = { ...noAccounts(), tokens: { ...noAccounts().tokens, find: async () => program } };
  const access = new Access({ accounts, token: new Secret('server') });
  const routes = eventRoutes({ hub, access, clock, ...(stalledMsMax === undefined ? {} : { stalledMsMax }) });
  const app = new Hono<WebEnv>().use(access.require).route('/events', routes.hono);
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0, overrideGlobalObjects: false });
  await once(server, 'listening');
  const stopping = new AbortController();
  const ended = hub.run(stopping.signal);
  return {
    port: (server.address() as AddressInfo).port,
    hub,
    happen: async () => {
      const data = { filler: 'x'.repeat(100_000) };
      const what = { kind: 'moment.found', channelId: null, runId: null, subjectId: null } as const;
      events.push({ id: events.length + 1, atMs: 0, ...what, data, by: null });
      for (const listener of listeners) listener();
      await new Promise((resolve) => setImmediate(resolve));
    },
    stop: {
      connections: async () =>
        await new Promise<number>((resolve, reject) =>
          server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
        ),
      all: async () => {
        stopping.abort();
        await ended;
        await new Promise((resolve) => server.close(resolve));
      },
    },
  };
}

async function ask(port: number, { lastEventId = '' } = {}): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const resume = lastEventId === '' ? '' : `last-event-id: ${lastEventId}\r\n`;
  socket.write(`GET /events HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer tla_x\r\n${resume}\r\n`);
  return socket;
}

/** Asks for the newest id that came over a socket. */
function lastIdOf(socket: Socket): () => number {
  let id = 0;
  let rest = '';
  socket.on('data', (chunk: Buffer) => {
    const text = rest + chunk.toString('latin1');
    id = Number([...text.matchAll(/^id: (\d+)\n/gm)].at(-1)?.[1] ?? id);
    rest = text.slice(-20);
  });
  return () => id;
}

/** Bounded by the time limit of the test. */
async function untilHolds(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}
