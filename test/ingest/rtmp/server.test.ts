import { connect } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { systemClock } from '../../../core/clock.ts';
import { TouchlineError } from '../../../core/errors.ts';
import { silentLog } from '../../../core/log.ts';
import { systemRandom } from '../../../core/random.ts';
import { handshakeBytes } from '../../../ingest/rtmp/handshake.ts';
import { messageType } from '../../../ingest/rtmp/message.ts';
import { createRtmpServer } from '../../../ingest/rtmp/server.ts';
import { advance } from '../../support/rtmp-clock.ts';
import {
  audioConfigBody,
  clientHello,
  pictureBody,
  RtmpPublisher,
  soundBody,
  videoConfigBody,
} from '../../support/rtmp-publisher.ts';
import { watchServer, type WatchedServer } from '../../support/rtmp-server.ts';
import { HandClock } from '../hand-clock.ts';

const toStop: WatchedServer[] = [];

afterEach(async () => {
  await Promise.all(toStop.splice(0).map((server) => server.stop()));
});

describe('a publisher with the right key', () => {
  it('is accepted, and its packets come in order with their bytes', async () => {
    const server = await start();
    const { publisher, code } = await RtmpPublisher.publish(server.port, 'right');
    expect(code).toBe('NetStream.Publish.Start');
    sendMedia(publisher, 50);
    await server.until(() => server.sessions[0]?.packets.length === 102);
    const [seen] = server.sessions;
    expect(seen?.session).toMatchObject({
      channelId: 'ch_right',
      remoteAddress: '127.0.0.1',
      encoder: 'test/1.0',
      stats: { videoPacketCount: 50, audioPacketCount: 50 },
    });
    expect(seen?.session.id).toMatch(/^ses_[a-z0-9]{16}$/);
    expect(seen?.packets.slice(0, 4).map(({ kind }) => kind)).toEqual([
      'video-config',
      'audio-config',
      'video',
      'audio',
    ]);
    const times = seen?.packets.flatMap((packet) => (packet.kind === 'video' ? [packet.dts90k] : []));
    expect(times).toEqual(Array.from({ length: 50 }, (_, index) => index * 3600));
  });

  it('leaves in good order with deleteStream, with a closed connection, and not with a reset one', async () => {
    const server = await start();
    const leave: Record<string, (publisher: RtmpPublisher) => void> = {
      right1: (publisher) => publisher.command(0, ['deleteStream', 4, null, 1]),
      right2: (publisher) => publisher.socket.end(),
      right3: (publisher) => publisher.socket.resetAndDestroy(),
    };
    for (const [key, go] of Object.entries(leave)) {
      const { publisher } = await RtmpPublisher.publish(server.port, key);
      go(publisher);
      await publisher.closed;
    }
    await server.until(() => server.sessions.every(({ end }) => end !== undefined));
    expect(server.sessions.map(({ end }) => end?.why)).toEqual([
      'unpublished',
      'unpublished',
      'connection-lost',
    ]);
  });

  it('is held back by TCP while the listener pauses, and loses nothing', async () => {
    const server = await start({ onPacket: (seen) => seen.packets.length === 1 && seen.session.pause() });
    const { publisher } = await RtmpPublisher.publish(server.port, 'right');
    publisher.video(0, videoConfigBody);
    await server.until(() => server.sessions[0]?.packets.length === 1);
    // 40 MB: more than the kernel holds for the two sockets.
    const count = 400;
    for (let index = 0; index < count; index += 1) {
      publisher.video(index * 40, pictureBody({ isKeyframe: true, bytes: 100_000 }));
    }
    await new Promise((resolve) => setImmediate(resolve));
    const [seen] = server.sessions;
    const whilePaused = seen?.packets.length ?? 0;
    expect(publisher.socket.writableLength).toBeGreaterThan(20_000_000);
    expect(whilePaused).toBeLessThan(3);
    seen?.session.resume();
    await server.until(() => seen?.packets.length === count + 1);
  });

  it('is ended by a listener that cannot use it, and told why', async () => {
    const unusable = new TouchlineError({
      code: 'ingest.too-large',
      message: 'the picture is too large',
      retryable: false,
      blame: 'input',
    });
    const server = await start({ onPacket: (seen) => seen.session.close('unusable', unusable) });
    const { publisher } = await RtmpPublisher.publish(server.port, 'right');
    publisher.video(0, videoConfigBody);
    publisher.video(0, pictureBody({ isKeyframe: true }));
    const status = await publisher.answer('onStatus');
    expect(JSON.stringify(status)).toContain('the picture is too large');
    await publisher.closed;
    expect(server.sessions[0]).toMatchObject({
      packets: [{ kind: 'video-config' }],
      end: { why: 'unusable', error: unusable },
    });
  });

  it('can be refused when it is announced, and is never told that it may start', async () => {
    const ends: string[] = [];
    const server = await start({
      onSession: (session) => {
        session.close('stopped');
        session.close('stopped');
        return { onPacket: () => {}, onStalled: () => {}, onEnd: ({ why }) => ends.push(why) };
      },
    });
    const { publisher, code } = await RtmpPublisher.publish(server.port, 'right');
    expect(code).toBe('NetStream.Publish.Failed');
    await publisher.closed;
    expect(ends).toEqual(['stopped']);
  });

  it('has its round trip measured', async () => {
    const clock = new HandClock();
    const server = await start({ clock, limits: { restsAfterMs: Infinity } });
    const { publisher } = await RtmpPublisher.publish(server.port, 'right');
    const stopKeeping = keepSending(publisher, clock, 5000);
    const ping = await publisher.next(messageType.userControl);
    await stopKeeping;
    expect(ping?.payload).toHaveLength(6);
    await advance(clock, 80);
    const payload = Uint8Array.of(0, 7, ...(ping?.payload.subarray(2) ?? []));
    publisher.message(2, { typeId: messageType.userControl, streamId: 0, timestampMs: 0, payload });
    sendMedia(publisher, 1);
    const [seen] = server.sessions;
    await server.until(() => seen?.packets.length === 4);
    expect(seen?.session.stats.roundTripMs).toBeGreaterThanOrEqual(80);
    expect(seen?.session.stats.roundTripMs).toBeLessThanOrEqual(180);
  });
});

describe('a publisher with a wrong key', () => {
  it('is told so, gone within a second, and nothing of it is forwarded or logged', async () => {
    const server = await start();
    const { publisher, code } = await RtmpPublisher.publish(server.port, 'wrong-key-4711');
    expect(code).toBe('NetStream.Publish.Unauthorized');
    const refusedAtMs = systemClock.monotonicMs();
    // It does not care and sends on, as fast as it can, and never closes its side.
    const flood = (): void => {
      while (!publisher.socket.destroyed && publisher.socket.write(Buffer.alloc(65_536, 0xc6)));
    };
    publisher.socket.on('drain', flood);
    publisher.video(0, videoConfigBody);
    flood();
    await publisher.closed;
    expect(systemClock.monotonicMs() - refusedAtMs).toBeLessThan(1000);
    expect(server.sessions).toEqual([]);
    expect(server.logged()).toContain('ingest.key-refused');
    expect(server.logged()).not.toContain('4711');
  });

  it('never reaches the stream of the one who has the right key', async () => {
    const server = await start();
    const { publisher } = await RtmpPublisher.publish(server.port, 'right');
    publisher.video(0, videoConfigBody);
    const intruder = await RtmpPublisher.publish(server.port, 'wrong');
    sendMedia(intruder.publisher, 20);
    await intruder.publisher.closed;
    publisher.video(40, pictureBody({ isKeyframe: true, bytes: 77 }));
    await server.until(() => server.sessions[0]?.packets.length === 2);
    expect(server.sessions).toHaveLength(1);
    expect(server.sessions[0]?.packets.map(({ kind }) => kind)).toEqual(['video-config', 'video']);
  });

  it('may be wrong 20 times a minute; then the right one is not looked at either, until the minute is over', async () => {
    const clock = new HandClock();
    const asked: string[] = [];
    const server = await start({
      clock,
      authenticate: async (key) => {
        asked.push(key.reveal());
        return key.reveal() === 'right' ? 'ch_1' : undefined;
      },
    });
    const attempt = async (key: string): Promise<string> => {
      const { publisher, code } = await RtmpPublisher.publish(server.port, key);
      publisher.socket.destroy();
      return code;
    };
    for (let count = 0; count < 20; count += 1) {
      expect(await attempt('wrong')).toBe('NetStream.Publish.Unauthorized');
    }
    await advance(clock, 1000);
    expect(await attempt('right')).toBe('NetStream.Publish.Unauthorized');
    expect(asked).toHaveLength(20);
    // Ten refusals of a second are written one by one, the others counted.
    expect(server.logged().match(/publisher refused/g)).toHaveLength(11);
    expect(server.logged()).toContain('more publishers refused {"unwrittenCount":10}');
    expect(server.logged()).toContain('wait 59 s');
    await advance(clock, 59_000);
    expect(await attempt('right')).toBe('NetStream.Publish.Start');
  });
});

describe('a key that cannot be checked', () => {
  it('is refused after 3 s, and a late yes changes nothing', async () => {
    const clock = new HandClock();
    const answers: ((channelId: string) => void)[] = [];
    const server = await start({
      clock,
      authenticate: () => new Promise((resolve) => answers.push(resolve)),
    });
    const publisher = await RtmpPublisher.dial(server.port);
    await publisher.open();
    const status = publisher.askToPublish('right');
    // Media behind publish stays unread, in the kernel.
    sendMedia(publisher, 10);
    while (answers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await advance(clock, 2900);
    expect(publisher.socket.destroyed).toBe(false);
    await advance(clock, 200);
    expect(await status).toBe('NetStream.Publish.Failed');
    answers[0]?.('ch_1');
    await advance(clock, 600);
    await publisher.closed;
    expect(server.sessions).toEqual([]);
  });

  it('is refused when the check throws, which is not held against the address', async () => {
    let isBroken = true;
    const server = await start({
      authenticate: async () => {
        if (isBroken) throw new Error('connection to the catalogue lost');
        return 'ch_1';
      },
    });
    for (let count = 0; count < 21; count += 1) {
      const { publisher, code } = await RtmpPublisher.publish(server.port, 'right');
      expect(code).toBe('NetStream.Publish.Failed');
      publisher.socket.destroy();
    }
    isBroken = false;
    const { code } = await RtmpPublisher.publish(server.port, 'right');
    expect(code).toBe('NetStream.Publish.Start');
  });

  it('of a publisher that has left meanwhile opens nothing for long', async () => {
    const answers: ((channelId: string) => void)[] = [];
    const server = await start({ authenticate: () => new Promise((resolve) => answers.push(resolve)) });
    const publisher = await RtmpPublisher.dial(server.port);
    await publisher.open();
    void publisher.askToPublish('right');
    while (answers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    publisher.socket.destroy();
    await publisher.closed;
    answers[0]?.('ch_1');
    await server.until(() => server.sessions[0]?.end !== undefined);
    expect(server.sessions[0]?.packets).toEqual([]);
  });
});

describe('a connection that is no publisher', () => {
  it.each([
    { what: 'says nothing', bytes: Buffer.alloc(0) },
    { what: 'stops within C1', bytes: clientHello().subarray(0, 800) },
    {
      what: 'stops after the handshake',
      bytes: Buffer.concat([clientHello(), Buffer.alloc(handshakeBytes)]),
    },
  ])('and $what is closed after 10 s', async ({ bytes }) => {
    const clock = new HandClock();
    const server = await start({ clock });
    const publisher = await RtmpPublisher.dialSilently(server.port);
    publisher.socket.write(bytes);
    await connectedTo(server, clock);
    await advance(clock, 9800);
    expect(publisher.socket.destroyed).toBe(false);
    await advance(clock, 800);
    await publisher.closed;
    expect(server.logged()).toContain('no publish command came within 10000 ms');
  });

  it('and drips one byte a second is closed after 10 s all the same', async () => {
    const clock = new HandClock();
    const server = await start({ clock });
    const publisher = await RtmpPublisher.dialSilently(server.port);
    const hello = clientHello();
    for (let second = 0; second < 12 && !publisher.socket.destroyed; second += 1) {
      publisher.socket.write(hello.subarray(second, second + 1));
      await advance(clock, 1000);
    }
    await publisher.closed;
    expect(server.logged()).toContain('no publish command came');
  });

  it.each([
    { what: 'an HTTP request', bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n') },
    { what: 'zeros', bytes: Buffer.alloc(9000) },
    { what: 'noise behind the handshake', bytes: Buffer.concat([clientHello(), Buffer.alloc(9000, 0xee)]) },
    {
      what: 'a 16 MiB message behind the handshake',
      bytes: Buffer.concat([
        clientHello(),
        Buffer.alloc(handshakeBytes),
        Buffer.from('03000000ffffff1400000000', 'hex'),
      ]),
    },
  ])('and sends $what is closed with a reason, and the next is served', async ({ bytes }) => {
    const server = await start();
    const publisher = await RtmpPublisher.dialSilently(server.port);
    publisher.socket.write(bytes);
    await publisher.closed;
    expect(server.logged()).toContain('ingest.rtmp-protocol');
    expect((await RtmpPublisher.publish(server.port, 'right')).code).toBe('NetStream.Publish.Start');
  });

  it('is dropped when as many as can be are there', async () => {
    const server = await start({ limits: { connectionCountMax: 2 } });
    const first = await RtmpPublisher.publish(server.port, 'right1');
    const second = await RtmpPublisher.publish(server.port, 'right2');
    const third = await RtmpPublisher.dialSilently(server.port);
    await third.closed;
    expect(server.logged()).toContain('too many connections');
    second.publisher.socket.destroy();
    await server.until(() => server.sessions[1]?.end !== undefined);
    expect((await RtmpPublisher.publish(server.port, 'right3')).code).toBe('NetStream.Publish.Start');
    expect(server.sessions[0]?.end).toBeUndefined();
    first.publisher.socket.destroy();
  });

  it('and has a tcUrl that is no URL is served like any other', async () => {
    const server = await start();
    const publisher = await RtmpPublisher.dial(server.port);
    await publisher.open({ app: 'live', tcUrl: 'rtmp://[::bad:port:99999/\u0000' });
    expect(await publisher.askToPublish('right')).toBe('NetStream.Publish.Start');
  });

  it('is one of at most 64 of its address; who has published does not count', async () => {
    const server = await start({ limits: { pendingPerAddressMax: 2 } });
    for (const key of ['right1', 'right2', 'right3']) {
      expect((await RtmpPublisher.publish(server.port, key)).code).toBe('NetStream.Publish.Start');
    }
    const first = await RtmpPublisher.dial(server.port);
    await first.open();
    const second = await RtmpPublisher.dial(server.port);
    await second.open();
    const third = await RtmpPublisher.dialSilently(server.port);
    await third.closed;
    expect(await first.askToPublish('right4')).toBe('NetStream.Publish.Start');
    expect((await RtmpPublisher.publish(server.port, 'right5')).code).toBe('NetStream.Publish.Start');
  });
});

describe('a publisher that falls silent', () => {
  it('is stalled after 2 s, flows again with the next packet, and is gone after 10 s', async () => {
    const clock = new HandClock();
    const server = await start({ clock });
    const { publisher } = await RtmpPublisher.publish(server.port, 'right');
    const [seen] = server.sessions;
    sendMedia(publisher, 1);
    await server.until(() => seen?.packets.length === 4);
    await advance(clock, 1800);
    expect(seen?.stalls).toEqual([]);
    await advance(clock, 300);
    expect(seen?.stalls).toEqual([true]);
    publisher.audio(2100, soundBody());
    await server.until(() => seen?.stalls.length === 2);
    expect(seen?.stalls).toEqual([true, false]);
    await advance(clock, 9800);
    expect(seen?.end).toBeUndefined();
    await advance(clock, 300);
    expect(seen?.end).toMatchObject({
      why: 'silent',
      error: { code: 'ingest.rtmp-silent', retryable: true },
    });
    await publisher.closed;
  });

  it('but answers pings is kept for a minute without media', async () => {
    const clock = new HandClock();
    const server = await start({ clock });
    const { publisher } = await RtmpPublisher.publish(server.port, 'right');
    const [seen] = server.sessions;
    for (let second = 0; second < 58; second += 1) {
      const before = seen?.session.stats.receivedBytes ?? 0;
      publisher.message(2, {
        typeId: messageType.userControl,
        streamId: 0,
        timestampMs: 0,
        payload: Buffer.alloc(6),
      });
      while (seen?.session.stats.receivedBytes === before)
        await new Promise((resolve) => setImmediate(resolve));
      await advance(clock, 1000);
    }
    expect(seen?.end).toBeUndefined();
    await advance(clock, 2200);
    expect(seen?.end?.why).toBe('silent');
  });

  it('is read ten times a second once it has settled, and loses nothing', async () => {
    const clock = new HandClock();
    const server = await start({ clock });
    const { publisher } = await RtmpPublisher.publish(server.port, 'right');
    const [seen] = server.sessions;
    await keepSending(publisher, clock, 6000);
    const settledCount = seen?.packets.length ?? 0;
    sendMedia(publisher, 20);
    // The kernel has it all; the clock stands still, and so does the reading.
    await new Promise((resolve) => publisher.socket.write('', resolve));
    expect(seen?.packets.length).toBe(settledCount);
    for (let tick = 0; tick < 100 && seen?.packets.length !== settledCount + 42; tick += 1) {
      await advance(clock, 100);
    }
    expect(seen?.packets.length).toBe(settledCount + 42);
    expect(seen?.end).toBeUndefined();
  });

  it('because we paused it is neither stalled nor gone', async () => {
    const clock = new HandClock();
    const server = await start({ clock, limits: { restsAfterMs: Infinity } });
    const { publisher } = await RtmpPublisher.publish(server.port, 'right');
    const [seen] = server.sessions;
    seen?.session.pause();
    await advance(clock, 120_000);
    expect(seen).toMatchObject({ stalls: [], end: undefined });
    seen?.session.resume();
    await advance(clock, 1500);
    expect(seen).toMatchObject({ stalls: [], end: undefined });
    sendMedia(publisher, 1);
    await server.until(() => seen?.packets.length === 4);
  });
});

describe('the same key again', () => {
  it('takes over at once; the old session has its end before the new one is announced', async () => {
    const server = await start();
    const old = await RtmpPublisher.publish(server.port, 'right');
    old.publisher.video(0, videoConfigBody);
    await server.until(() => server.sessions[0]?.packets.length === 1);
    const beganAtMs = systemClock.monotonicMs();
    const young = await RtmpPublisher.publish(server.port, 'right');
    expect(young.code).toBe('NetStream.Publish.Start');
    expect(systemClock.monotonicMs() - beganAtMs).toBeLessThan(500);
    expect(server.sessions).toHaveLength(2);
    expect(server.sessions[0]?.end).toEqual({ why: 'taken-over', error: undefined });
    expect(server.sessions[1]?.end).toBeUndefined();
    // Whatever the old connection still sends is not looked at.
    sendMedia(old.publisher, 5);
    sendMedia(young.publisher, 5);
    await server.until(() => server.sessions[1]?.packets.length === 12);
    await old.publisher.closed;
    expect(server.sessions[0]?.packets).toHaveLength(1);
    expect(server.sessions[1]?.end).toBeUndefined();
  });

  it('from two encoders that take turns is settled for the one that is there; the other is told', async () => {
    const server = await start();
    const codes: string[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      const { code } = await RtmpPublisher.publish(server.port, 'right');
      codes.push(code);
    }
    const started = 'NetStream.Publish.Start';
    const refused = 'NetStream.Publish.BadName';
    expect(codes).toEqual([started, started, started, started, refused, refused]);
    expect(server.sessions.map(({ end }) => end?.why)).toEqual([
      'taken-over',
      'taken-over',
      'taken-over',
      undefined,
    ]);
    expect(server.sessions[3]?.session.stats.refusedRivalCount).toBe(2);
    expect(server.logged()).toContain('two encoders use one key');
  });

  it('from an encoder whose connections die is always let in', async () => {
    const clock = new HandClock();
    const server = await start({ clock });
    for (let turn = 0; turn < 8; turn += 1) {
      expect((await RtmpPublisher.publish(server.port, 'right')).code).toBe('NetStream.Publish.Start');
      await advance(clock, 2100);
    }
  });
});

describe('the server', () => {
  it('says which port is taken and what to do', async () => {
    const server = await start();
    const second = createRtmpServer({
      host: '127.0.0.1',
      port: server.port,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      authenticate: async () => undefined,
      onSession: () => ({ onPacket: () => {}, onStalled: () => {}, onEnd: () => {} }),
    });
    await expect(second.listen()).rejects.toMatchObject({
      code: 'ingest.port-taken',
      message: expect.stringMatching(new RegExp(`port ${server.port} .* TOUCHLINE_RTMP_PORT`)),
    });
  });

  it('says so when the address is not one of this machine', async () => {
    const server = createRtmpServer({
      host: '192.0.2.1',
      port: 0,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      authenticate: async () => undefined,
      onSession: () => ({ onPacket: () => {}, onStalled: () => {}, onEnd: () => {} }),
    });
    await expect(server.run(new AbortController().signal)).rejects.toMatchObject({
      code: 'ingest.port-refused',
    });
  });

  it('stops with all its connections, whatever state they are in', async () => {
    const server = await watchServer({
      authenticate: async (key) => (key.reveal() === 'right' ? 'ch_1' : await never()),
    });
    const silent = await RtmpPublisher.dialSilently(server.port);
    const pending = await RtmpPublisher.dial(server.port);
    await pending.open();
    void pending.askToPublish('slow');
    const { publisher } = await RtmpPublisher.publish(server.port, 'right');
    await server.stop();
    expect(server.sessions[0]?.end?.why).toBe('stopped');
    await Promise.all([silent.closed, pending.closed, publisher.closed]);
    await expect(dials(server.port)).resolves.toBe(false);
  });
});

async function start(options: Parameters<typeof watchServer>[0] = {}): Promise<WatchedServer> {
  const server = await watchServer(options);
  toStop.push(server);
  return server;
}

/** Both configurations, then a picture and a frame of sound every 40 ms. */
function sendMedia(publisher: RtmpPublisher, count: number): void {
  publisher.video(0, videoConfigBody);
  publisher.audio(0, audioConfigBody);
  for (let index = 0; index < count; index += 1) {
    publisher.video(index * 40, pictureBody({ isKeyframe: index === 0, compositionMs: 40 }));
    publisher.audio(index * 40, soundBody());
  }
}

/** Moves the clock on in steps in which the publisher never seems silent. */
async function keepSending(publisher: RtmpPublisher, clock: HandClock, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 1000) {
    publisher.audio(passedMs, soundBody());
    await advance(clock, 1000);
  }
}

/** The server has seen a connection, and its time runs. */
async function connectedTo(server: WatchedServer, clock: HandClock): Promise<void> {
  const probe = await RtmpPublisher.dial(server.port);
  await probe.open();
  probe.socket.destroy();
  await probe.closed;
  await advance(clock, 1);
}

async function dials(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
}

async function never(): Promise<undefined> {
  await new Promise(() => {});
}
