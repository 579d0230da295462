import { describe, expect, it } from 'vitest';

import type { Clock } from '../../core/clock.ts';
import { EventHub } from '../../web/event-hub.ts';

const clock: Clock = {
  nowMs: () => 1_700_000_000_000,
  monotonicMs: () => 0,
  sleep: async (_ms, signal) =>
    new Promise((_resolve, reject) =>
      signal?.addEventListener('abort', () => reject(new Error('aborted')), { once: true }),
    ),
};

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

describe('the event hub', () => {
  it('sends what happens to everybody, with ids that ascend', async () => {
    const hub = new EventHub({ clock });
    const next = reader(hub.open(undefined));
    expect(await next()).toContain('event: hello');
    hub.publish({ event: 'moment', data: { id: 'mom_1' } });
    const text = await next();
    expect(text).toContain('event: moment\ndata: {"id":"mom_1"}\n\n');
    expect(idsIn(text)[0]).toMatch(/-1$/);
  });

  it('goes on behind Last-Event-ID without loss or repetition', async () => {
    const hub = new EventHub({ clock });
    for (let index = 0; index < 5; index += 1) hub.publish({ event: 'moment', data: index });
    const [first] = idsIn(await reader(hub.open(undefined))());
    const epoch = (first ?? '').split('-')[0];
    expect(idsIn(await reader(hub.open(`${epoch}-3`))())).toEqual([`${epoch}-4`, `${epoch}-5`]);
    // Up to date already: nothing but the retry line.
    expect(idsIn(await reader(hub.open(`${epoch}-5`))())).toEqual([]);
  });

  it.each([
    ['from another life of the server', 'zzz-3'],
    ['from the future', undefined],
    ['that is no id', 'nonsense'],
  ])('answers an id %s with refresh', async (_what, id) => {
    const hub = new EventHub({ clock });
    hub.publish({ event: 'moment', data: 1 });
    const [first] = idsIn(await reader(hub.open(undefined))());
    const epoch = (first ?? '').split('-')[0];
    expect(await reader(hub.open(id ?? `${epoch}-2`))()).toContain('event: refresh');
  });

  it('answers with refresh when the id has left the history, and not one event earlier', async () => {
    const hub = new EventHub({ clock });
    for (let index = 1; index <= 1_002; index += 1) hub.publish({ event: 'moment', data: index });
    const [first] = idsIn(await reader(hub.open(undefined))());
    const epoch = (first ?? '').split('-')[0];
    expect(idsIn(await reader(hub.open(`${epoch}-2`))())).toHaveLength(1_000);
    expect(await reader(hub.open(`${epoch}-1`))()).toContain('event: refresh');
  });

  it('cuts off a browser that does not read, at 256 held back, and no other', async () => {
    const hub = new EventHub({ clock });
    const slow = reader(hub.open(undefined));
    const quick = reader(hub.open(undefined));
    await slow();
    await quick();
    for (let index = 1; index <= 256; index += 1) {
      hub.publish({ event: 'moment', data: index });
      await quick();
    }
    expect(hub.clientCount).toBe(2);
    hub.publish({ event: 'moment', data: 257 });
    expect(hub.clientCount).toBe(1);
    expect(await slow()).toBeUndefined();
    expect(await quick()).toContain('data: 257');
  });

  it('forgets a browser that leaves', async () => {
    const hub = new EventHub({ clock });
    const stream = hub.open(undefined);
    await stream?.cancel();
    expect(hub.clientCount).toBe(0);
  });

  it('lets 200 in and no more', () => {
    const hub = new EventHub({ clock });
    for (let index = 0; index < 200; index += 1) expect(hub.open(undefined)).toBeDefined();
    expect(hub.open(undefined)).toBeUndefined();
  });

  it('says bye when it ends, and lets nobody in afterwards', async () => {
    const hub = new EventHub({ clock });
    const next = reader(hub.open(undefined));
    await next();
    const stop = new AbortController();
    const ended = hub.run(stop.signal);
    stop.abort();
    await ended;
    expect(await next()).toContain('event: bye');
    expect(await next()).toBeUndefined();
    expect(hub.open(undefined)).toBeUndefined();
    expect(hub.clientCount).toBe(0);
  });
});
