import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { TouchlineError } from '../../../core/errors.ts';
import { endOf90k, unreadSha256, type SegmentRecord } from '../../../core/segment.ts';
import { segmentFile } from '../../../ingest/source-file.ts';
import type { WatchedRun } from '../../../ingest/medialive/watch-journal.ts';
import { bridgeEvent, MadePipeline, makeHls, notification } from './made-hls.ts';
import { WatchHouse } from './watch-house.ts';

const run: WatchedRun = { channelId: 'ch_1', runId: 'run_1', segmentMs: 2000, pipelineCount: 1 };
const both: WatchedRun = { ...run, pipelineCount: 2 };
const segments = await makeHls({ count: 16 });
const startMs = Date.UTC(2026, 2, 1, 12, 0, 10, 250);

let folder = '';
let house: WatchHouse;
let p0: MadePipeline;
let p1: MadePipeline;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'touchline-watch-'));
  house = new WatchHouse(folder);
  const at = { bucket: house, prefix: 'in', channelId: 'ch_1', runId: 'run_1' };
  p0 = new MadePipeline({ ...at, pipeline: 0 });
  p1 = new MadePipeline({ ...at, pipeline: 1 });
});
afterEach(async () => {
  await house.close();
  rmSync(folder, { recursive: true, force: true });
});

function segment(nth: number): (typeof segments)[number] {
  return segments[nth] ?? { bytes: new Uint8Array(), durationMs: 0 };
}
function wallOf(nth: number): number {
  return startMs + nth * 2000;
}
/** Writes segment `nth` into each pipeline, tells of it, and lets its two seconds go by. */
async function live(nth: number, pipelines = [p0], options: { isTold?: boolean } = {}): Promise<void> {
  for (const pipeline of pipelines) {
    const key = await pipeline.write(segment(nth), wallOf(nth));
    if (options.isTold !== false) house.send(bridgeEvent('media', key));
  }
  await house.settle();
  await house.pass(2000);
}
/** What does not depend on who cut it, and where it lies. The sound of a file belongs to what its muxer puts beside it. */
function describedOf(record: SegmentRecord): object {
  const { seq, epoch, start90k, duration90k, startWallMs, gapBefore90k, video } = record;
  const { isDiscontinuity, startsWithKeyframe, isPartial } = record;
  const times = { start90k, duration90k, startWallMs, gapBefore90k };
  return { seq, epoch, ...times, isDiscontinuity, startsWithKeyframe, isPartial, video };
}
function pipelinesTaken(): string {
  return house.line.map((record) => (record.key.includes('/p1/') ? '1' : '0')).join('');
}

describe('a run that MediaLive writes', () => {
  it('becomes the same records as those of our own segmenter', async () => {
    await house.open([run]);
    for (let nth = 0; nth < 4; nth += 1) await live(nth);
    await house.end('run_1');
    expect(house.heard).toEqual(['start run_1', '0', '1', '2', '3', 'stopped 4']);
    for (const [nth, record] of house.line.entries()) {
      expect(record).toMatchObject({
        id: `seg_1_00000${nth}`,
        seq: nth,
        epoch: 0,
        key: expect.stringMatching(/^in\/medialive\/ch_1\/run_1\/p0\/v_20260301T1200\d\d_0000\d\.ts$/),
        start90k: nth * 180_000,
        duration90k: 180_000,
        startWallMs: wallOf(nth),
        gapBefore90k: 0,
        isDiscontinuity: nth === 0,
        startsWithKeyframe: true,
        isPartial: false,
        video: {
          width: 128,
          height: 72,
          frameCount: 50,
          frameRate: { num: 25, den: 1 },
          keyframes90k: [nth * 180_000, nth * 180_000 + 90_000],
        },
        audio: { sampleRateHz: 48_000, channelCount: 1 },
      });
      expect(Math.abs((record.audio?.start90k ?? 0) - record.start90k)).toBeLessThan(9000);
    }
    expect(new Set(house.line.map((record) => record.sessionId)).size).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is described as our own segmenter describes the same media', async () => {
    await house.open([run]);
    for (let nth = 0; nth < 4; nth += 1) await live(nth);
    const path = join(folder, 'media.ts');
    writeFileSync(path, Buffer.concat([0, 1, 2, 3].map((nth) => segment(nth).bytes)));
    const own: SegmentRecord[] = [];
    const about = {
      channelId: 'ch_1',
      runId: 'run_1',
      sessionId: 'ses_1',
      startWallMs: startMs,
      segmentMs: 2000,
    };
    for await (const { record } of segmentFile({ path, ...about })) own.push(record);
    expect(house.line.map(describedOf)).toEqual(own.map(describedOf));
  });

  it('is told without any event, at the next sweep', async () => {
    await house.open([run]);
    for (let nth = 0; nth < 3; nth += 1) await live(nth, [p0], { isTold: false });
    expect(house.line.length).toBe(0);
    await house.pass(24_000);
    expect(house.line.length).toBe(3);
  });

  it('waits for the playlist that says when a segment happened, and not longer than 3 s', async () => {
    await house.open([run]);
    const first = p0.next(segment(0), wallOf(0));
    await first.put();
    house.send(bridgeEvent('media', first.key));
    await house.pass(1000);
    expect(house.line).toEqual([]);
    await first.list();
    await house.pass(750);
    expect(house.line[0]?.startWallMs).toBe(wallOf(0));
    const second = p0.next(segment(1), wallOf(1));
    await second.put();
    house.send(bridgeEvent('media', second.key));
    await house.pass(2500);
    expect(house.line.length).toBe(1);
    await house.pass(750);
    // The name says the second, and the PTS where in it.
    expect(house.line[1]).toMatchObject({
      startWallMs: wallOf(1),
      start90k: 180_000,
      isDiscontinuity: false,
    });
  });

  it('without a playlist takes its times from names and PTS', async () => {
    await house.open([run]);
    for (let nth = 0; nth < 4; nth += 1) {
      const { key, put } = p0.next(segment(nth), wallOf(nth));
      await put();
      house.send(bridgeEvent('media', key));
      await house.pass(2000);
    }
    await house.pass(4000);
    expect(house.line.map((record) => [record.start90k, record.startWallMs, record.epoch])).toEqual(
      [0, 1, 2, 3].map((nth) => [nth * 180_000, wallOf(nth) + 250, 0]),
    );
  });

  it('begins only with its first segment, and leaves nothing behind without one', async () => {
    await house.open([run]);
    await house.pass(60_000);
    await house.end('run_1');
    expect(house.heard).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('whose channel begins another is ended first, and told whole before the other', async () => {
    const next = { ...run, runId: 'run_2' };
    const at = { bucket: house, prefix: 'in', channelId: 'ch_1', runId: 'run_2' };
    await house.open([run]);
    await live(0);
    await new MadePipeline({ ...at, pipeline: 0 }).write(segment(1), wallOf(1));
    house.before = (what) => {
      if (what === 'end') expect(house.heard).not.toContain('start run_2');
    };
    await p0.write(segment(1), wallOf(1));
    await house.watcher?.watchRun(next);
    await house.pass(1000);
    expect(house.heard.filter((what) => !/^\d+$/.test(what))).toEqual([
      'start run_1',
      'stopped 2',
      'start run_2',
    ]);
  });
});

describe('an epoch', () => {
  it('begins where the playlist says discontinuity, without a gap when none is there', async () => {
    await house.open([run]);
    await live(0);
    await p0.write(segment(1), wallOf(1), { isDiscontinuity: true });
    await live(2);
    expect(house.line.map((record) => [record.epoch, record.isDiscontinuity, record.gapBefore90k])).toEqual([
      [0, true, 0],
      [1, true, 0],
      [1, false, 0],
    ]);
    expect(house.line[1]?.start90k).toBe(180_000);
    expect(house.line[0]?.sessionId).toBe(house.line[2]?.sessionId);
  });

  it('begins behind a pause of the input, and the gap is as long as the pause, whatever the PTS say', async () => {
    await house.open([run]);
    await live(0);
    // The output paused for a minute; the PTS stood still, the counter goes on.
    await house.pass(60_000);
    await p0.write(segment(1), wallOf(31));
    house.send(bridgeEvent('media', await p0.write(segment(2), wallOf(32))));
    await house.pass(1000);
    const [first, second] = house.line;
    expect(second).toMatchObject({ epoch: 1, isDiscontinuity: true, gapBefore90k: 60 * 90_000 });
    expect((second?.start90k ?? 0) - endOf90k(first ?? { start90k: 0, duration90k: 0 })).toBe(60 * 90_000);
    expect(house.watcher?.figures('run_1')).toMatchObject({ gapCount: 1, gapMs: 60_000, lateCount: 0 });
  });

  it('begins when the encoder starts anew, under a counter that was there before', async () => {
    await house.open([run]);
    for (const nth of [0, 1, 2]) await live(nth);
    p0.restart();
    await house.pass(10_000);
    const again = await makeHls({ count: 2, start90k: 500 * 90_000 });
    for (const [nth, one] of again.entries()) {
      const key = await p0.write(one, wallOf(10 + nth));
      house.send(bridgeEvent('media', key));
      await house.pass(2000);
    }
    const keys = house.line.map((record) => record.key.slice(-8));
    expect(keys).toEqual(['00001.ts', '00002.ts', '00003.ts', '00001.ts', '00002.ts']);
    expect(house.line.map((record) => record.epoch)).toEqual([0, 0, 0, 1, 1]);
    expect(house.line.map((record) => record.start90k / 90_000)).toEqual([0, 2, 4, 20, 22]);
    expect(house.line[3]).toMatchObject({ gapBefore90k: 14 * 90_000, isDiscontinuity: true });
    expect(house.line[3]?.sessionId).not.toBe(house.line[2]?.sessionId);
  });

  it('begins where the codec setup changes', async () => {
    await house.open([run]);
    await live(0);
    const [, other = segment(1)] = await makeHls({ count: 2, size: '64x64' });
    await p0.write(other, wallOf(1));
    await house.pass(30_000);
    expect(house.line[1]).toMatchObject({ epoch: 1, gapBefore90k: 0, video: { width: 64, height: 64 } });
  });

  it('does not begin where the PTS come round after 26.5 hours', async () => {
    const wrapping = await makeHls({ count: 6, start90k: 2 ** 33 - 5 * 90_000 });
    await house.open([run]);
    for (const [nth, one] of wrapping.entries()) {
      house.send(bridgeEvent('media', await p0.write(one, wallOf(nth))));
      await house.pass(2000);
    }
    expect(house.line.map((record) => [record.start90k, record.epoch])).toEqual(
      wrapping.map((_, nth) => [nth * 180_000, 0]),
    );
    expect(house.line.at(-1)?.video?.keyframes90k).toEqual([5 * 180_000, 5 * 180_000 + 90_000]);
  });

  it('goes on when MediaLive sets its clock right by less than a second', async () => {
    await house.open([run]);
    await live(0);
    await p0.write(segment(1), wallOf(1) + 600);
    await house.pass(30_000);
    expect(house.line[1]).toMatchObject({ epoch: 0, start90k: 180_000, startWallMs: wallOf(1) + 600 });
  });
});

describe('a hole', () => {
  it('is waited on for 15 s, and then is a gap', async () => {
    await house.open([run]);
    await live(0);
    const missing = p0.next(segment(1), wallOf(1));
    await missing.list(); // The playlist names what never came.
    await live(2);
    await house.pass(12_500);
    expect(house.line.length).toBe(1);
    await house.pass(1000);
    expect(house.line.map((record) => record.start90k)).toEqual([0, 360_000]);
    expect(house.line[1]).toMatchObject({ seq: 1, epoch: 1, gapBefore90k: 180_000 });
  });

  it('that is filled in time was none', async () => {
    await house.open([run]);
    await live(0);
    const slow = p0.next(segment(1), wallOf(1));
    await slow.list();
    await live(2);
    await house.pass(8000);
    await slow.put();
    house.send(bridgeEvent('media', slow.key));
    await house.pass(1000);
    expect(house.line.map((record) => [record.start90k, record.epoch])).toEqual([
      [0, 0],
      [180_000, 0],
      [360_000, 0],
    ]);
  });

  it.each([
    ['by an event, ten minutes later', 600_000, true],
    ['by the reading at the end of the run', 1_200_000, false],
  ])('filled when its place was given up makes a late segment, found %s', async (_, ms, isTold) => {
    await house.open([run]);
    await live(0);
    const slow = p0.next(segment(1), wallOf(1));
    await slow.list();
    await live(2);
    await house.pass(20_000);
    expect(house.line.length).toBe(2);
    house.clock.advance(ms);
    // The run has gone on meanwhile, and what is looked at with it.
    const later = Math.round(ms / 2000);
    await p0.write(segment(3), wallOf(3 + later));
    await house.pass(40_000);
    expect(house.line.length).toBe(3);
    await slow.put();
    if (isTold) {
      house.send(bridgeEvent('media', slow.key), bridgeEvent('media', slow.key));
      await house.pass(5000);
      expect(house.late.size).toBe(1);
    }
    await house.end('run_1');
    expect([...house.late]).toEqual([[3, expect.stringMatching(/^late: /)]]);
    expect(house.records.get(3)).toMatchObject({
      key: slow.key,
      start90k: endOf90k(house.line.at(-1) ?? { start90k: 0, duration90k: 0 }),
      duration90k: 0,
      startWallMs: wallOf(1),
      video: { frameCount: 50 },
    });
    expect(house.heard.at(-1)).toBe('stopped 4');
  });

  it('is not waited on when the run is over', async () => {
    await house.open([run]);
    await live(0);
    await p0.next(segment(1), wallOf(1)).list();
    await live(2);
    await house.end('run_1');
    expect(house.heard.at(-1)).toBe('stopped 2');
    expect(house.line[1]?.gapBefore90k).toBe(180_000);
  });
});

describe('two pipelines', () => {
  it('make one line, from the first while it delivers', async () => {
    await house.open([both]);
    for (let nth = 0; nth < 5; nth += 1) await live(nth, [p1, p0]);
    await house.end('run_1');
    expect(pipelinesTaken()).toBe('00000');
    expect(house.heard.at(-1)).toBe('stopped 5');
    expect(house.late.size).toBe(0);
    // The twin is never even read.
    expect(house.gets.some((key) => key.includes('/p1/') && key.endsWith('.ts'))).toBe(false);
  });

  it('change over within two segments when the one goes silent, with no time twice', async () => {
    await house.open([both]);
    for (let nth = 0; nth < 3; nth += 1) await live(nth, [p0, p1]);
    for (let nth = 3; nth < 8; nth += 1) {
      await live(nth, [p1]);
      // What was written two segments ago is out.
      expect(house.line.length).toBeGreaterThanOrEqual(nth - 1);
    }
    expect(pipelinesTaken()).toBe('00011111');
    expect(house.line.map((record) => record.start90k)).toEqual(house.line.map((_, nth) => nth * 180_000));
    expect(house.line.map((record) => record.epoch)).toEqual([0, 0, 0, 1, 1, 1, 1, 1]);
    expect(house.line.map((record) => record.startWallMs)).toEqual(house.line.map((_, nth) => wallOf(nth)));
    expect(house.watcher?.figures('run_1')).toMatchObject({ failoverCount: 1, pipeline: 1 });
  });

  it('stay on the second when the first comes back, and flaps', async () => {
    await house.open([both]);
    for (let nth = 0; nth < 2; nth += 1) await live(nth, [p0, p1]);
    for (let nth = 2; nth < 6; nth += 1) await live(nth, [p1]);
    p0.restart();
    for (let nth = 6; nth < 12; nth += 1) await live(nth, nth % 2 === 0 ? [p0, p1] : [p1]);
    await house.end('run_1');
    expect(pipelinesTaken()).toBe('001111111111');
    expect(house.late.size).toBe(0);
  });

  it("fill each other's holes", async () => {
    await house.open([both]);
    for (let nth = 0; nth < 12; nth += 1) {
      const missing = nth === 3 ? p0 : nth === 7 ? p1 : undefined;
      missing?.next(segment(nth), wallOf(nth));
      await live(
        nth,
        [p0, p1].filter((one) => one !== missing),
      );
    }
    await house.end('run_1');
    expect(house.line.map((record) => record.start90k)).toEqual(
      Array.from({ length: 12 }, (_, nth) => nth * 180_000),
    );
    expect(house.watcher?.figures('run_1')).toBeUndefined();
    expect(pipelinesTaken()).toBe('000111100000');
  });

  it('whose clocks differ a little join all the same', async () => {
    await house.open([both]);
    for (let nth = 0; nth < 3; nth += 1) await live(nth, [p0]);
    for (let nth = 3; nth < 6; nth += 1) {
      const key = await p1.write(segment(nth), wallOf(nth) + 300);
      house.send(bridgeEvent('media', key));
      await house.pass(2000);
    }
    await house.pass(4000);
    expect(house.line.map((record) => record.start90k)).toEqual(house.line.map((_, nth) => nth * 180_000));
    expect(house.line[3]).toMatchObject({ startWallMs: wallOf(3) + 300, gapBefore90k: 0, epoch: 1 });
  });

  it('that are cut at other places give no time twice: what overlaps is named', async () => {
    await house.open([both]);
    for (let nth = 0; nth < 3; nth += 1) {
      await p1.write(segment(nth), wallOf(nth) + 900);
      await live(nth, [p0]);
    }
    for (let nth = 3; nth < 6; nth += 1) {
      house.send(bridgeEvent('media', await p1.write(segment(nth), wallOf(nth) + 900)));
      await house.pass(2000);
    }
    await house.pass(5000);
    expect(pipelinesTaken()).toBe('000111');
    expect(house.line[3]).toMatchObject({ startWallMs: wallOf(3) + 900, gapBefore90k: 81_000 });
    expect(house.late.size).toBe(0); // Less than half of p1's third was missed.
  });
});

describe('bad input', () => {
  it('is rejected with a reason, counted, and disturbs nothing', async () => {
    await house.open([run]);
    const key = await p0.write(segment(0), wallOf(0));
    const bad = [
      'nonsense',
      bridgeEvent('elsewhere', key),
      bridgeEvent('media', 'other/medialive/ch_1/run_1/p0/v_20260301T120010_00001.ts'),
      bridgeEvent('media', 'in/medialive/ch_1/run_1/p7/v_20260301T120010_00001.ts'),
      notification('media', [key, 'in/medialive/../x.ts']),
    ];
    const good = [
      bridgeEvent('media', key),
      bridgeEvent('media', 'in/medialive/ch_1/run_1/p0/v.m3u8'),
      bridgeEvent('media', 'in/medialive/ch_9/run_9/p0/v_20260301T120010_00001.ts'),
      notification('media', [key, key]),
      JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent' }),
    ];
    house.send(...bad, ...good);
    await house.pass(2000);
    expect(house.rejected.map(({ body, reason }) => [bad.indexOf(body), reason])).toEqual([
      [0, 'it is not JSON'],
      [1, expect.stringMatching(/bucket is "elsewhere", not "media"/)],
      [2, expect.stringMatching(/not below "in\/medialive\/"/)],
      [3, expect.stringMatching(/not of a segment of ours/)],
      [4, expect.stringMatching(/not of a segment of ours/)],
    ]);
    expect(house.acknowledged).toEqual(good);
    expect(house.watcher?.inboxFigures).toMatchObject({
      messageCount: 10,
      rejectedCount: 5,
      otherObjectCount: 1,
    });
    expect(house.line.length).toBe(1);
  });

  it('in the playlist is passed over, and the times come from elsewhere', async () => {
    await house.open([run]);
    await live(0);
    const { key, put } = p0.next(segment(1), wallOf(1));
    await put();
    const hostile =
      '#EXTM3U\n#EXTINF:2,\nhttp://169.254.169.254/latest\n#EXTINF:2,\nfile:///etc/passwd\n#EXTINF:2,\n../../x.ts\n';
    house.put('in/medialive/ch_1/run_1/p0/v.m3u8', Buffer.from(hostile));
    house.send(bridgeEvent('media', key));
    await house.pass(5000);
    expect(house.line[1]).toMatchObject({ startWallMs: wallOf(1), start90k: 180_000 });
    expect(house.watcher?.figures('run_1')).toMatchObject({
      refusedCount: 3,
      lastProblem: expect.stringMatching(/line 7/),
    });
    expect(house.gets.every((one) => one.startsWith('in/medialive/ch_1/run_1/p0/v'))).toBe(true);
  });

  it('that is no playlist, or far too much of one, is not even read', async () => {
    await house.open([run]);
    house.put('in/medialive/ch_1/run_1/p0/v.m3u8', new Uint8Array(9 * 1024 * 1024));
    const { key, put } = p0.next(segment(0), wallOf(0));
    await put();
    house.send(bridgeEvent('media', key));
    await house.pass(5000);
    expect(house.line[0]?.startWallMs).toBe(wallOf(0) + 250);
    expect(house.gets).toEqual([key]);
  });

  it('in place of media is announced as it is, in its place: the worker finds it corrupt', async () => {
    await house.open([run]);
    await live(0);
    await p0.write({ bytes: Buffer.alloc(1880, 'no media'), durationMs: 2000 }, wallOf(1));
    await live(2);
    expect(house.line.map((record) => [record.start90k, record.video === null, record.epoch])).toEqual([
      [0, false, 0],
      [180_000, true, 1],
      [360_000, false, 2],
    ]);
  });

  it('that cannot be a segment at all leaves a gap, and is dead with its reason in the ledger', async () => {
    await house.open([run]);
    await live(0);
    const empty = await p0.write({ bytes: new Uint8Array(0), durationMs: 2000 }, wallOf(1));
    await live(2);
    await live(3);
    expect(house.line.map((record) => record.start90k)).toEqual([0, 360_000, 540_000]);
    expect(house.line[1]?.gapBefore90k).toBe(180_000);
    expect([...house.late.values()]).toEqual(['unusable: it is empty']);
    expect([...house.records.values()].find(({ key }) => key === empty)).toMatchObject({
      bytes: 0,
      sha256: unreadSha256,
      duration90k: 0,
      startWallMs: wallOf(1),
    });

    // A restart reads the folder anew, and does not name it again.
    await house.close();
    await house.open([run]);
    await live(4);
    await house.end('run_1');
    expect(house.late.size).toBe(1);
    expect(house.heard.at(-1)).toBe('stopped 5');
  });

  it('is too large at one byte above the limit, and not even read then', async () => {
    await house.open([run]);
    await live(0);
    const atMost = await p0.write({ bytes: new Uint8Array(64 * 1024 ** 2), durationMs: 2000 }, wallOf(1));
    const tooLarge = { bytes: new Uint8Array(64 * 1024 ** 2 + 1), durationMs: 2000 };
    const above = await p0.write(tooLarge, wallOf(2));
    await live(3);
    await house.end('run_1');
    expect(house.line.map(({ key }) => key)).toContain(atMost);
    expect([...house.late.values()]).toEqual(['unusable: it has 67108865 bytes (at most 67108864)']);
    expect(house.gets).toContain(atMost);
    expect(house.gets).not.toContain(above);
  });

  it('is no loss where the other pipeline has a sound one for its time', async () => {
    await house.open([both]);
    await live(0, [p0, p1]);
    await p0.write({ bytes: new Uint8Array(0), durationMs: 2000 }, wallOf(1));
    await p1.write(segment(1), wallOf(1));
    await house.pass(2000);
    for (const nth of [2, 3, 4]) await live(nth, [p0, p1]);
    await house.end('run_1');
    expect(house.late.size).toBe(0);
    expect(house.line.map((record) => record.gapBefore90k)).toEqual([0, 0, 0, 0, 0]);
  });

  it('is dead behind the last segment too, once the run is over', async () => {
    await house.open([run]);
    await live(0);
    await p0.write({ bytes: new Uint8Array(0), durationMs: 2000 }, wallOf(1));
    await house.pass(5000);
    expect(house.late.size).toBe(0); // Its place has not been passed: nothing came behind it.
    await house.end('run_1');
    expect(house.heard).toEqual(['start run_1', '0', 'late 1', 'stopped 2']);
    expect(house.late.get(1)).toBe('unusable: it is empty');
  });

  it('is dead also where a run has nothing else', async () => {
    await house.open([run]);
    await p0.write({ bytes: new Uint8Array(0), durationMs: 2000 }, wallOf(0));
    await house.pass(5000);
    expect(house.heard).toEqual([]);
    await house.end('run_1');
    expect(house.heard).toEqual(['start run_1', 'late 0', 'stopped 1']);
    expect(house.late.get(0)).toBe('unusable: it is empty');
  });
});

describe('a store and a listener that are away', () => {
  it('are asked until they are back; then all is told in order', async () => {
    await house.open([run]);
    await live(0);
    let isAway = true;
    house.before = () => {
      if (isAway) {
        throw new TouchlineError({
          code: 'store.unavailable',
          message: 'away',
          retryable: true,
          blame: 'environment',
        });
      }
    };
    for (let nth = 1; nth < 5; nth += 1) await live(nth);
    expect(house.line.length).toBe(1);
    expect(house.watcher?.figures('run_1')?.lastProblem).toBe('away');
    isAway = false;
    await house.pass(10_000);
    expect(house.heard).toEqual(['start run_1', '0', '1', '2', '3', '4']);
    expect(house.line.map((record) => record.epoch)).toEqual([0, 0, 0, 0, 0]);
  });
});
