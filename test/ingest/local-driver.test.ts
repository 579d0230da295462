import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { endOf90k } from '../../core/segment.ts';
import type { ChannelHealth } from '../../ingest/channel.ts';
import { LocalDriver, type LocalDriverOptions } from '../../ingest/local-driver.ts';
import type { MediaPacket } from '../../ingest/media-packet.ts';
import type { RtmpSession, SessionEnd, SessionListener } from '../../ingest/rtmp/connection.ts';
import type { RtmpServerOptions } from '../../ingest/rtmp/server.ts';
import { FakeHouse, unavailable } from './fake-house.ts';
import { finish, HandClock, pass } from './hand-clock.ts';
import { feed, hex, picture } from './made-media.ts';

type Handlers = Pick<RtmpServerOptions, 'authenticate' | 'onSession'>;
const spec = { channelId: 'ch_1', segmentMs: 4000, resumeWindowMs: 60_000 };

let folder = '';
let house = new FakeHouse();
let clock = new HandClock();
let handlers: Handlers;
let driver: LocalDriver;
let ending: () => Promise<void>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'touchline-driver-'));
  house = new FakeHouse();
  clock = new HandClock();
  await open();
});
afterEach(async () => {
  await ending();
  rmSync(folder, { recursive: true, force: true });
});

/** The driver with a server that only hands out what the test connects. */
async function open(more: Partial<LocalDriverOptions> = {}): Promise<void> {
  const stop = new AbortController();
  let tellListening = nothing;
  const listening = new Promise<void>((resolve) => {
    tellListening = resolve;
  });
  driver = new LocalDriver({
    host: house,
    events: house,
    clock,
    random: systemRandom,
    log: silentLog,
    folder,
    createServer: (given) => {
      handlers = given;
      return {
        listen: async () => {
          tellListening();
          return 1935;
        },
        run: async (signal) => {
          if (!signal.aborted)
            await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        },
      };
    },
    ...more,
  });
  const running = driver.run(stop.signal);
  await driver.start(spec);
  await listening;
  ending = async () => {
    stop.abort();
    house.beforePut = async () => {};
    await finish(clock, running);
  };
}

function nothing(): void {}

/** A publisher of the channel, whose packets come when the test says. */
class Publisher {
  readonly session: RtmpSession;
  #listener: SessionListener | undefined;
  isPaused = false;
  closedFor: string | undefined;
  problem: string | undefined;

  constructor(id = 'ses_1') {
    this.session = {
      id,
      channelId: 'ch_1',
      remoteAddress: '127.0.0.1',
      encoder: 'test',
      stats: {
        startedWallMs: 0,
        lastMediaMonotonicMs: undefined,
        receivedBytes: 0,
        roundTripMs: undefined,
        videoPacketCount: 0,
        audioPacketCount: 0,
        refusedRivalCount: 0,
      },
      pause: () => {
        this.isPaused = true;
      },
      resume: () => {
        this.isPaused = false;
      },
      close: (why, error) => {
        if (this.closedFor !== undefined) return;
        this.problem = error?.message;
        this.end(why);
      },
    };
    this.#listener = handlers.onSession(this.session);
  }

  send(packets: readonly MediaPacket[]): void {
    for (const packet of packets) {
      if (this.closedFor !== undefined) return;
      this.#listener?.onPacket(packet, { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() });
    }
  }

  /** Sends at the pace of the media's own times. */
  play(packets: readonly MediaPacket[]): void {
    let last: number | undefined;
    for (const packet of packets) {
      if (packet.kind === 'video') {
        if (last !== undefined) clock.advance((packet.dts90k - last) / 90);
        last = packet.dts90k;
      }
      this.send([packet]);
    }
  }

  stall(isStalled: boolean): void {
    this.#listener?.onStalled(isStalled);
  }

  end(why: SessionEnd['why']): void {
    this.closedFor = why;
    this.#listener?.onEnd({ why, error: undefined });
  }
}

async function ask(key: string): Promise<string | undefined> {
  return await handlers.authenticate(new Secret(key), { address: '127.0.0.1' });
}
function frames(): number {
  return house.segments.reduce((sum, record) => sum + (record.video?.frameCount ?? 0), 0);
}
function health(): ChannelHealth {
  const known = driver.health('ch_1');
  if (!known) throw new Error('the channel was started');
  return known;
}

describe('who may publish', () => {
  it('is decided by the house, and only for channels that are started', async () => {
    expect(await ask('bad-ch_1')).toBeUndefined();
    expect(await ask('good-ch_1')).toBe('ch_1');
    await expect(ask('good-ch_2')).rejects.toMatchObject({ code: 'ingest.channel-stopped' });
    await driver.stop('ch_1');
    await expect(ask('good-ch_1')).rejects.toMatchObject({ code: 'ingest.channel-stopped' });
    const late = new Publisher();
    expect(late.closedFor).toBe('stopped');
  });
});

describe('a clean stop', () => {
  it('loses no picture: the closing piece is stored, told, and the run ended', async () => {
    const publisher = new Publisher();
    publisher.play(feed({ seconds: 9.2 }));
    await finish(clock, driver.stop('ch_1'));
    expect(publisher.closedFor).toBe('stopped');
    expect(house.heard).toEqual(['start', 0, 1, 2, 'stopped 3']);
    expect(frames()).toBe(230);
    expect(house.segments.at(-1)?.isPartial).toBe(true);
    expect(driver.health('ch_1')).toBeUndefined();
  });

  it('of the whole driver does the same for every channel', async () => {
    new Publisher().play(feed({ seconds: 5 }));
    await ending();
    expect(house.heard).toEqual(['start', 0, 1, 'stopped 2']);
    await open();
  });
});

describe('a publisher that comes back', () => {
  it.each([
    [3000, 1],
    [59_000, 1],
    [61_000, 2],
  ])('after %d ms: %d run(s), and the gap is that of the wall clock', async (goneMs, runCount) => {
    const first = new Publisher();
    first.play(feed({ seconds: 5 }));
    first.end('connection-lost');
    clock.advance(goneMs);
    await new Promise((resolve) => setImmediate(resolve));
    const second = new Publisher('ses_2');
    second.play(feed({ seconds: 5 }));
    second.end('unpublished');
    await pass(clock, () => house.segments.length === 4);
    expect(new Set(house.segments.map((record) => record.runId)).size).toBe(runCount);
    const third = house.segments[2];
    expect(third?.isDiscontinuity).toBe(true);
    expect(third?.sessionId).toBe('ses_2');
    expect([third?.seq, third?.epoch]).toEqual(runCount === 1 ? [2, 1] : [0, 0]);
    if (runCount === 1) expect(Math.abs((third?.gapBefore90k ?? 0) / 90 - goneMs)).toBeLessThan(100);
    else expect(house.heard.slice(0, 5)).toEqual(['start', 0, 1, 'publisher-left 2', 'start']);
  });

  it('takes over at once from a half-open connection, without a duplicate picture', async () => {
    const first = new Publisher();
    first.play(feed({ seconds: 5 }));
    first.stall(true);
    clock.advance(3000);
    expect(health().advice[0]).toMatch(/^stalled/);
    first.end('taken-over');
    const second = new Publisher('ses_2');
    second.play(feed({ seconds: 5 }));
    await finish(clock, driver.stop('ch_1'));
    expect(frames()).toBe(250);
    expect(house.segments.map((record) => record.sessionId)).toEqual(['ses_1', 'ses_1', 'ses_2', 'ses_2']);
    const [, last, third] = house.segments;
    expect(last && endOf90k(last)).toBe(450_000);
    expect(Math.abs((third?.gapBefore90k ?? 0) / 90 - 3000)).toBeLessThan(100);
  });

  it('without ever having sent a picture leaves no run behind', async () => {
    const publisher = new Publisher();
    publisher.send(feed({ seconds: 3 }).filter((packet) => packet.kind !== 'video'));
    publisher.end('unpublished');
    await finish(clock, driver.stop('ch_1'));
    expect(house.heard).toEqual([]);
  });

  it('gets a wall anchor of its own after the host\u2019s clock was set; media time does not move', async () => {
    const first = new Publisher();
    first.play(feed({ seconds: 5 }));
    clock.stepWallMs(-3_600_000);
    first.play(feed({ seconds: 3, from90k: 450_000 }).slice(2));
    first.end('connection-lost');
    const second = new Publisher('ses_2');
    second.play(feed({ seconds: 1 }));
    await finish(clock, driver.stop('ch_1'));
    const [one, two, three] = house.segments;
    expect((two?.startWallMs ?? 0) - (one?.startWallMs ?? 0)).toBe(4000);
    expect(two && three && three.start90k - endOf90k(two)).toBeLessThan(9000);
    expect((three?.startWallMs ?? 0) - (two?.startWallMs ?? 0)).toBeLessThan(-3_500_000);
  });
});

describe('health', () => {
  it('measures the feed and says live when nothing is wrong', async () => {
    expect(health()).toMatchObject({ state: 'waiting', advice: [], runId: undefined });
    const publisher = new Publisher();
    publisher.play(feed({ seconds: 8, pictureBytes: 5000 }));
    const { runId, ...seen } = health();
    expect(runId).toMatch(/^run_/);
    expect(seen).toMatchObject({
      state: 'live',
      sessionId: 'ses_1',
      protocol: 'rtmp',
      width: 640,
      height: 360,
      hasAudio: true,
      keyframeIntervalMs: 2000,
      droppedFrameCount: 0,
      discontinuityCount: 0,
      advice: [],
    });
    expect(Math.abs(seen.framesPerSecond - 25)).toBeLessThan(0.5);
    expect(Math.abs(seen.bitrateBps / 1e6 - 1.006)).toBeLessThan(0.03);
  });

  it('is told once a second', async () => {
    const before = house.healths.length;
    for (let step = 0; step < 40; step += 1) {
      clock.advance(250);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(house.healths.length - before).toBeGreaterThan(8);
    expect(house.healths.length - before).toBeLessThan(12);
  });

  it.each<[string, MediaPacket[], RegExp, ChannelHealth['state']]>([
    [
      'keyframes too far apart',
      feed({ seconds: 9, keyframeEveryS: 8.32 }),
      /^keyframes every 8\.3 s: set/,
      'degraded',
    ],
    ['no sound', feed({ seconds: 6, hasSound: false }), /^no sound arrives/, 'live'],
    [
      'no picture',
      feed({ seconds: 6 }).filter((one) => one.kind !== 'video'),
      /^no picture arrives/,
      'degraded',
    ],
  ])('names %s and the remedy', (_what, packets, advice, state) => {
    const publisher = new Publisher();
    publisher.play(packets);
    clock.advance(packets.some((packet) => packet.kind === 'video') ? 0 : 6000);
    expect(health().advice.join('\n')).toMatch(advice);
    expect(health().state).toBe(state);
  });

  it('names sound that cannot be carried, and keeps the pictures', async () => {
    const publisher = new Publisher();
    publisher.play(
      feed({ seconds: 5 }).map((packet) =>
        packet.kind === 'audio-config' ? { ...packet, asc: hex('f8f0') } : packet,
      ),
    );
    expect(health().advice.join('\n')).toMatch(/AAC LC, mono or stereo/);
    await finish(clock, driver.stop('ch_1'));
    expect(frames()).toBe(125);
    expect(house.segments[0]?.audio).toBeNull();
  });

  it('a video setup that cannot be used ends the session with the reason', () => {
    const publisher = new Publisher();
    publisher.send([{ kind: 'video-config', avcc: hex('00') }]);
    expect(publisher.closedFor).toBe('unusable');
    expect(publisher.problem).toMatch(/H\.264 configuration cannot be used/);
  });
});

describe('a store that does not keep up', () => {
  const heldBytesMax = 2_000_000;
  /** Half a MB a second, and so a segment each second: four of them fit into the budget. */
  const heavy = { pictureBytes: 20_000, keyframeEveryS: 1 };

  beforeEach(async () => {
    await ending();
    house = new FakeHouse();
  });

  it('for a while pauses the publisher, and nothing is lost', async () => {
    await open({ heldBytesMax });
    let isAway = true;
    house.beforePut = async () => {
      if (isAway) throw unavailable();
    };
    const publisher = new Publisher();
    const packets = feed({ seconds: 6, ...heavy });
    let sent = 0;
    for (; !publisher.isPaused; sent += 1) publisher.send(packets.slice(sent, sent + 1));
    expect(sent).toBeLessThan(packets.length);
    expect(health().state).toBe('degraded');
    isAway = false;
    await pass(clock, () => !publisher.isPaused);
    for (const packet of packets.slice(sent)) {
      await pass(clock, () => !publisher.isPaused);
      publisher.send([packet]);
    }
    await finish(clock, driver.stop('ch_1'));
    expect(frames()).toBe(150);
    expect(house.segments.every((record) => record.gapBefore90k === 0)).toBe(true);
    expect(readdirSync(join(folder, 'spill'))).toEqual([]);
  });

  it('for 60 s goes to the disk, and nothing is lost', async () => {
    await open({ heldBytesMax });
    let isAway = true;
    house.beforePut = async () => {
      if (isAway) throw unavailable();
    };
    const publisher = new Publisher();
    for (const packet of feed({ seconds: 20, ...heavy })) {
      await pass(clock, () => !publisher.isPaused);
      publisher.send([packet]);
    }
    expect(readdirSync(join(folder, 'spill')).length).toBeGreaterThan(5);
    expect(health().advice[0]).toMatch(
      /the store takes nothing \(the store is away\): \d+ segments wait here\. Nothing is lost/,
    );
    isAway = false;
    await finish(clock, driver.stop('ch_1'));
    expect(frames()).toBe(500);
    expect(house.segments.map((record) => record.seq)).toEqual(house.segments.map((_, index) => index));
    expect(house.segments.every((record) => record.gapBefore90k === 0)).toBe(true);
    expect(readdirSync(join(folder, 'spill'))).toEqual([]);
  });

  it('until the very end keeps what waits, and the next start stores and tells it', async () => {
    await open({ heldBytesMax });
    house.beforePut = async () => {
      throw unavailable();
    };
    const publisher = new Publisher();
    for (const packet of feed({ seconds: 8, ...heavy })) {
      await pass(clock, () => !publisher.isPaused);
      publisher.send([packet]);
    }
    expect(readdirSync(join(folder, 'spill')).length).toBeGreaterThan(1);
    await finish(clock, driver.stop('ch_1'));
    expect(house.heard).toEqual(['start', 'stopped 0']);
    await ending();
    expect(house.objects.size).toBe(0);
    await open();
    await pass(clock, () => house.heard.length > 3 && typeof house.heard.at(-1) === 'string');
    expect(frames()).toBe(200);
    expect(house.heard.at(-1)).toBe(`stopped ${house.segments.length}`);
    expect(house.segments.map((record) => record.seq)).toEqual(house.segments.map((_, index) => index));
    expect([...house.objects.values()].map((bytes) => bytes.length)).toEqual(
      house.segments.map((record) => record.bytes),
    );
    await pass(clock, () => readdirSync(join(folder, 'journal')).length === 0);
  });

  it('when the disk is full too drops whole GOPs, records the gap, and recovers by itself', async () => {
    await open({ heldBytesMax, spillBytesMax: 2_000_000 });
    let isFull = true;
    house.beforePut = async () => {
      if (isFull) throw unavailable('store.full');
    };
    const publisher = new Publisher();
    const packets = feed({ seconds: 30, ...heavy });
    let wasDropping = false;
    for (const [index, packet] of packets.entries()) {
      if (index === Math.floor(packets.length / 2)) {
        isFull = false;
        // The newest are on the disk and go last.
        await pass(clock, () => readdirSync(join(folder, 'spill')).length === 0);
      }
      // A publisher that is held back for longer than it can wait.
      await pass(clock, () => !publisher.isPaused);
      publisher.send([packet]);
      wasDropping ||= health().advice[0]?.startsWith('media is being dropped') ?? false;
      if (!isFull) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(wasDropping).toBe(true);
    const dropped = health().droppedFrameCount;
    await finish(clock, driver.stop('ch_1'));
    expect(dropped).toBeGreaterThan(100);
    expect(frames() + dropped).toBe(750);
    expect(house.segments.map((record) => record.seq)).toEqual(house.segments.map((_, index) => index));
    const gaps = house.segments.filter((record) => record.gapBefore90k > 0);
    expect(gaps.length).toBeGreaterThan(0);
    expect(gaps.every((record) => record.isDiscontinuity && record.startsWithKeyframe)).toBe(true);
    // What was dropped at the very end has nothing behind it that could tell of a gap.
    const last = house.segments.at(-1);
    const tail90k = 30 * 90_000 - ((last?.start90k ?? 0) + (last?.duration90k ?? 0));
    const missing90k = gaps.reduce((sum, record) => sum + record.gapBefore90k, tail90k);
    expect(Math.abs(missing90k - dropped * 3600)).toBeLessThan(3601 * (gaps.length + 1));
    // Whole GOPs: a second of pictures each.
    expect(gaps.every((record) => record.start90k % 90_000 === 0)).toBe(true);
  });

  it('for ever never holds more than its budget and one read of the socket', async () => {
    await open({ heldBytesMax, spillBytesMax: 1_000_000 });
    house.beforePut = async () => await new Promise(() => {});
    const publisher = new Publisher();
    const packets = feed({ seconds: 60, ...heavy });
    const before = process.memoryUsage().arrayBuffers;
    for (const packet of packets) {
      // This one does not stop when it is paused.
      publisher.send([packet.kind === 'video' ? { ...packet, data: packet.data.slice() } : packet]);
      clock.advance(10);
    }
    expect(health().droppedFrameCount).toBeGreaterThan(1000);
    globalThis.gc?.();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30_000_000 + 8 * heldBytesMax);
    house.beforePut = async () => {};
  });
});

it('a picture that cannot be read is no reason to end anything', async () => {
  const publisher = new Publisher();
  publisher.play(feed({ seconds: 2 }));
  publisher.send([{ ...picture({ dts90k: 180_000 }), data: hex('ffffffff00') }]);
  publisher.play(feed({ seconds: 2, from90k: 183_600 }).slice(2));
  await finish(clock, driver.stop('ch_1'));
  expect(frames()).toBe(100);
});
