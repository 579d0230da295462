import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';

import { scopes, type Principal } from '../../../control/principal.ts';
import type { Clock } from '../../../core/clock.ts';
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
