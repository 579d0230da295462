import { describe, expect, it } from 'vitest';

import type { Clock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import type { DeskEvent } from '../../control/match-desk.ts';
import { EventHub } from '../../web/event-hub.ts';

describe('the event hub', () => {
  it('hands on what happens to everybody, with the ids of the ledger', async () => {
    const { hub, happen, stop } = await openHub();
    const one = reader(await hub.open(undefined));
    const other = reader(await hub.open(undefined));
    expect(await one()).toContain('event: hello');
    expect(await other()).toContain('event: hello');
    happen(1);
    expect(await one()).toContain('id: 1\nevent: moment.found\ndata: {"id":1,');
    expect(idsIn(await other())).toEqual(['1']);
    await stop();
  });

  it('goes on behind Last-Event-ID without loss or repetition, while more happens', async () => {
    const { hub, happen, stop } = await openHub(5);
    const next = reader(await hub.open('3'));
    happen(2);
    const ids: string[] = [];
    while (ids.length < 4) ids.push(...idsIn(await next()));
    expect(ids).toEqual(['4', '5', '6', '7']);
    await stop();
  });

  it('tells nobody who signed in', async () => {
    const { hub, happen, stop } = await openHub(1, 'account.signed-in');
    const next = reader(await hub.open('0'));
    happen(1);
    happen(1, 'moment.found');
    const ids: string[] = [];
    while (ids.length < 1) ids.push(...idsIn(await next()));
    expect(ids).toEqual(['3']);
    await stop();
  });

  it('sends nothing to a browser that has everything', async () => {
    const { hub, stop } = await openHub(5);
    expect(await reader(await hub.open('5'))()).toBe('retry: 2000\n\n');
    await stop();
  });

  it.each([
    ['from the future', '6'],
    ['that is no id', 'nonsense'],
    ['that is negative', '-1'],
    ['that is empty', ''],
  ])('answers an id %s with refresh, and the id to go on from', async (_what, id) => {
    const { hub, stop } = await openHub(5);
    const text = await reader(await hub.open(id))();
    expect(text).toContain('id: 5\nevent: refresh');
    await stop();
  });

  it('sends up to 999 missed events, and refresh for one more', async () => {
    const { hub, stop } = await openHub(1_002);
    expect(idsIn(await reader(await hub.open('3'))())).toHaveLength(999);
    expect(await reader(await hub.open('2'))()).toContain('event: refresh');
    await stop();
  });

  it('cuts off a browser that does not read, at 1,000 held back, and no other', async () => {
    const { hub, happen, stop } = await openHub();
    const slow = reader(await hub.open(undefined));
    const quick = reader(await hub.open(undefined));
    await slow();
    await quick();
    for (let id = 1; id <= 1_000; id += 1) {
      happen(1);
      await quick();
    }
    expect(hub.clientCount).toBe(2);
    happen(1);
    expect(idsIn(await quick())).toEqual(['1001']);
    expect(hub.clientCount).toBe(1);
    expect(await slow()).toBeUndefined();
    await stop();
  });

  it('cuts off nobody who reads when thousands of events come at once', async () => {
    const { hub, happen, stop } = await openHub();
    const next = reader(await hub.open(undefined));
    await next();
    happen(3_000);
    let count = 0;
    while (count < 3_000) count += idsIn(await next()).length;
    expect(hub.clientCount).toBe(1);
    await stop();
  });

  it('forgets a browser that leaves', async () => {
    const { hub, stop } = await openHub();
    const stream = await hub.open(undefined);
    expect(hub.clientCount).toBe(1);
    await stream?.cancel();
    expect(hub.clientCount).toBe(0);
    await stop();
  });

  it('lets 400 in and no more', async () => {
    const { hub, stop } = await openHub();
    for (let index = 0; index < 400; index += 1) expect(await hub.open(undefined)).toBeDefined();
    expect(await hub.open(undefined)).toBeUndefined();
    await stop();
  });

  it('sends a comment when nothing happens for 15 s', async () => {
    const { hub, clock, stop } = await openHub();
    const next = reader(await hub.open(undefined));
    await next();
    await clock.pass();
    expect(await next()).toBe('id: 0\n: still here\n\n');
    expect(clock.sleptMs).toContain(15_000);
    await stop();
  });

  it('tells of the topics that were asked for, also of what was missed', async () => {
    const { hub, happen, stop } = await openHub();
    happen(1, 'clip.visible');
    happen(1, 'moment.found');
    while ((await reader(await hub.open('0'))()) === 'retry: 2000\n\n');
    const next = reader(await hub.open('0', ['moments', 'runs']));
    expect(idsIn(await next())).toEqual(['2']);
    happen(1, 'clip.visible');
    happen(1, 'run.ended');
    happen(1, 'moment.decided');
    const ids: string[] = [];
    while (ids.length < 2) ids.push(...idsIn(await next()));
    expect(ids).toEqual(['4', '5']);
    await stop();
  });

  it('tells whoever hears of little that it is still here, with the id to go on from, while others hear much', async () => {
    const { hub, clock, happen, stop } = await openHub();
    const all = reader(await hub.open(undefined));
    const few = reader(await hub.open(undefined, ['runs']));
    await all();
    await few();
    clock.pastMs(9_999);
    happen(1);
    expect(idsIn(await all())).toEqual(['1']);
    clock.pastMs(1);
    happen(1);
    expect(await few()).toBe('id: 2\n: still here\n\n');
    expect(idsIn(await all())).toEqual(['2']);
    await stop();
  });

  it('tries again when the ledger cannot be read, and loses nothing', async () => {
    const { hub, clock, happen, breakLedger, stop } = await openHub();
    const next = reader(await hub.open(undefined));
    await next();
    breakLedger();
    happen(1);
    await clock.pass();
    let text = await next();
    while (text?.includes(': still here\n')) text = await next();
    expect(idsIn(text)).toEqual(['1']);
    await stop();
  });

  it('says bye when it ends, and lets nobody in afterwards', async () => {
    const { hub, stop } = await openHub();
    const next = reader(await hub.open(undefined));
    await next();
    await stop();
    expect(await next()).toContain('event: bye');
    expect(await next()).toBeUndefined();
    expect(await hub.open(undefined)).toBeUndefined();
    expect(hub.clientCount).toBe(0);
  });
});

/** A hub over a ledger in memory that holds `count` events, and a clock whose sleeps end when the test says so. */
async function openHub(count = 0, usual: DeskEvent['kind'] = 'moment.found') {
  const events: DeskEvent[] = [];
  const listeners = new Set<() => void>();
  let breaks = 0;
  const append = (more: number, kind = usual): void => {
    for (let index = 0; index < more; index += 1) events.push({ ...eventOf(events.length + 1), kind });
  };
  append(count);
  const clock = handClock();
  const hub = new EventHub({
    clock,
    log: silentLog,
    ledger: {
      lastEventId: async () => events.length,
      eventsSince: async (afterId, limit) => {
        if (breaks > 0) {
          breaks -= 1;
          throw new Error('the database is away');
        }
        return events.filter(({ id }) => id > afterId).slice(0, limit);
      },
      onNews: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  });
  await hub.start();
  const stopping = new AbortController();
  const ended = hub.run(stopping.signal);
  return {
    hub,
    clock,
    happen: (more: number, kind?: DeskEvent['kind']) => {
      append(more, kind);
      for (const listener of listeners) listener();
    },
    breakLedger: () => (breaks = 1),
    stop: async () => {
      stopping.abort();
      await ended;
      expect(listeners.size).toBe(0);
    },
  };
}

function eventOf(id: number): DeskEvent {
  const what = { kind: 'moment.found', channelId: 'ch_1', runId: 'run_1', subjectId: `mom_${id}` } as const;
  return { id, atMs: 0, ...what, data: {}, by: null };
}

function handClock(): Clock & { pass(): Promise<void>; pastMs(ms: number): void; sleptMs: number[] } {
  let atMs = 0;
  const sleeping = new Set<() => void>();
  const sleptMs: number[] = [];
  return {
    sleptMs,
    nowMs: () => 0,
    monotonicMs: () => atMs,
    pastMs: (ms) => (atMs += ms),
    sleep: async (ms, signal) =>
      new Promise((resolve, reject) => {
        sleptMs.push(ms);
        sleeping.add(resolve);
        const onAbort = (): void => {
          sleeping.delete(resolve);
          reject(new Error('aborted'));
        };
        if (signal?.aborted) onAbort();
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    /** As soon as somebody sleeps, the time is over. */
    pass: async () => {
      while (sleeping.size === 0) await new Promise((resolve) => setImmediate(resolve));
      atMs += sleptMs.at(-1) ?? 0;
      for (const wake of sleeping) wake();
      sleeping.clear();
    },
  };
}

function reader(stream: ReadableStream<Uint8Array> | undefined): () => Promise<string | undefined> {
  if (!stream) throw new Error('the hub let nobody in');
  const read = stream.getReader();
  return async () => {
    const { value, done } = await read.read();
    return done ? undefined : new TextDecoder().decode(value);
  };
}

function idsIn(text: string | undefined): string[] {
  return [...(text ?? '').matchAll(/^id: (.*)$/gm)].map((match) => match[1] ?? '');
}
