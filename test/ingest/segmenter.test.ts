import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readTransportStream } from '../../core/mpegts.ts';
import { endOf90k, segmentRecord } from '../../core/segment.ts';
import type { MediaPacket } from '../../ingest/media-packet.ts';
import { filePtsOffset90k } from '../../ingest/mpegts-writer.ts';
import { SegmentNumbering } from '../../ingest/segment-numbering.ts';
import { Segmenter, type CutSegment, type SegmentLimits } from '../../ingest/segmenter.ts';
import { Timeline } from '../../ingest/timeline.ts';
import { asc44k, avcc426, avcc640, decode, encoded, feed, picture, sound } from './made-media.ts';

/** One session through timeline and segmenter, arriving at its own pace from `atMs` on. */
function run(
  packets: readonly MediaPacket[],
  limits: Partial<SegmentLimits> = {},
  stages = { timeline: new Timeline(), segmenter: new Segmenter(limits) },
  atMs = 0,
): CutSegment[] {
  stages.timeline.startSession();
  const cut = packets.flatMap((packet) => {
    const time = packet.kind === 'video' ? packet.dts90k : packet.kind === 'audio' ? packet.pts90k : 0;
    const arrival = { monotonicMs: atMs + time / 90, wallMs: 1_800_000_000_000 + atMs + time / 90 };
    return stages.timeline.place(packet, arrival).flatMap((placed) => stages.segmenter.push(placed));
  });
  return [...cut, ...stages.segmenter.end()];
}
function lengthsMs(cut: readonly CutSegment[]): number[] {
  return cut.map((segment) => Math.round(segment.duration90k / 90));
}
function frames(cut: readonly CutSegment[]): number {
  return cut.reduce((sum, segment) => sum + (segment.video?.frameCount ?? 0), 0);
}

describe('where a segment ends', () => {
  it.each([
    ['every 0.4 s', 0.4, 14, [4000, 4000, 4000, 2000]],
    ['every second', 1, 9, [4000, 4000, 1000]],
    ['every 3 s: the first at or behind the target', 3, 14, [6000, 6000, 2000]],
    ['every 4 s: exactly at the target', 4, 9, [4000, 4000, 1000]],
    ['every 8 s', 8, 20, [8000, 8000, 4000]],
    ['every 20 s: at the hard maximum', 20, 42, [10_000, 10_000, 10_000, 10_000, 2000]],
    ['only at the start', 1000, 25, [10_000, 10_000, 5000]],
  ])('with a keyframe %s', (_what, keyframeEveryS, seconds, expected) => {
    const cut = run(feed({ seconds, keyframeEveryS }));
    expect(lengthsMs(cut)).toEqual(expected);
    expect(frames(cut)).toBe(seconds * 25);
    for (const segment of cut) {
      expect(segment.startsWithKeyframe).toBe(segment.video?.keyframes90k[0] === segment.start90k);
    }
  });

  it('is a keyframe that is no IDR picture only where none came for long, and the segment says so', () => {
    const open = feed({ seconds: 16, keyframeEveryS: 1 }).map((packet, index) =>
      packet.kind === 'video' && packet.isKeyframe && index > 10
        ? { ...packet, data: packet.data.with(4, 0x41) }
        : packet,
    );
    const cut = run(open);
    expect(lengthsMs(cut)).toEqual([7000, 7000, 2000]);
    expect(cut.map((segment) => segment.startsWithKeyframe)).toEqual([true, false, false]);
  });

  it('comes early when the bytes are many, and without an IDR picture at twice as many', () => {
    const limits = { segmentBytesTarget: 100_000 };
    const early = run(feed({ seconds: 6, keyframeEveryS: 1, pictureBytes: 3000 }), limits);
    expect(lengthsMs(early)).toEqual([2000, 2000, 2000]);
    const forced = run(feed({ seconds: 6, keyframeEveryS: 1000, pictureBytes: 3000 }), limits);
    expect(forced[0]?.video?.frameCount).toBe(67);
    expect(forced[1]?.startsWithKeyframe).toBe(false);
    expect(frames(forced)).toBe(150);
  });

  it('splits no group of B-frames when it is forced', () => {
    const cut = run(feed({ seconds: 25, keyframeEveryS: 1000, hasBFrames: true }));
    expect(frames(cut)).toBe(625);
    for (const [index, segment] of cut.entries()) {
      const next = cut[index + 1];
      if (next) expect(endOf90k(segment)).toBe(next.start90k);
    }
  });

  it('the closing piece is always there, even with one picture', () => {
    const cut = run(feed({ seconds: 4.04, keyframeEveryS: 4 }));
    expect(cut.map((segment) => [segment.video?.frameCount, segment.isPartial])).toEqual([
      [100, false],
      [1, true],
    ]);
    expect(cut[1]).toMatchObject({ start90k: 360_000, duration90k: 3600, startsWithKeyframe: true });
  });
});

describe('the sound of a segment', () => {
  it('is that of its own time, wherever it stands in the stream', () => {
    for (const lateBy90k of [0, 30_000, -30_000]) {
      const shifted = feed({ seconds: 9, hasBFrames: true })
        .map((packet, order) => ({ packet, order }))
        .toSorted((one, other) => key(one) - key(other) || one.order - other.order)
        .map(({ packet }) => packet);
      function key({ packet }: { packet: MediaPacket }): number {
        if (packet.kind === 'video') return packet.dts90k;
        return packet.kind === 'audio' ? packet.pts90k + lateBy90k : -1e9;
      }
      const cut = run(shifted);
      expect(lengthsMs(cut)).toEqual([4000, 4000, 1000]);
      for (const segment of cut) {
        const read = readTransportStream(segment.bytes, filePtsOffset90k);
        const times = read.audio.map((unit) => unit.pts90k - filePtsOffset90k);
        expect(times[0]).toBe(segment.audio?.start90k);
        expect((times[0] ?? 0) - segment.start90k).toBeLessThan(1920);
        expect((times[0] ?? 0) - segment.start90k).toBeGreaterThanOrEqual(0);
        expect((times.at(-1) ?? 0) - endOf90k(segment)).toBeLessThan(0);
      }
      expect(cut.reduce((sum, segment) => sum + readTransportStream(segment.bytes).audio.length, 0)).toBe(
        422,
      );
    }
  });

  it('that is more than half a second late holds the pictures up no longer, and is kept', () => {
    const lateBy90k = 70_000;
    const packets = feed({ seconds: 9 });
    const times = (kind: 'video' | 'audio'): MediaPacket[] =>
      packets.filter((packet) => packet.kind === kind);
    const key = (packet: MediaPacket): number =>
      packet.kind === 'video' ? packet.dts90k : packet.kind === 'audio' ? packet.pts90k + lateBy90k : -1;
    const segmenter = new Segmenter();
    const timeline = new Timeline();
    const cutAt: number[] = [];
    const cut: CutSegment[] = [];
    for (const packet of packets.toSorted((one, other) => key(one) - key(other))) {
      for (const placed of timeline.place(packet, { monotonicMs: 0, wallMs: 0 })) {
        const out = segmenter.push(placed);
        if (out.length > 0) cutAt.push(key(packet));
        cut.push(...out);
      }
    }
    cut.push(...segmenter.end());
    // The first picture that is half a second behind the one that ends the segment.
    expect(cutAt).toEqual([360_000 + 46_800, 720_000 + 46_800]);
    const read = cut.map((segment) => readTransportStream(segment.bytes));
    expect(read.flatMap((one) => one.problems)).toEqual([]);
    expect(read.flatMap((one) => one.video)).toHaveLength(times('video').length);
    expect(read.flatMap((one) => one.audio)).toHaveLength(times('audio').length);
  });

  it('that starts late or stops changes the tracks of the record, and that is a new epoch', () => {
    const packets = feed({ seconds: 24 }).filter(
      (packet) => packet.kind !== 'audio' || (packet.pts90k >= 720_000 && packet.pts90k < 1_440_000),
    );
    const cut = run(packets);
    expect(cut.map((segment) => segment.audio !== null)).toEqual([false, false, true, true, false, false]);
    expect(lengthsMs(cut)).toEqual([4000, 4000, 4000, 4000, 4000, 4000]);
    const numbering = new SegmentNumbering({ channelId: 'ch_1', runId: 'run_1' });
    expect(cut.map((segment) => numbering.number(segment, 'ses_1').epoch)).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('that is missing holds nothing up: a segment is out with the picture that ends it', () => {
    const segmenter = new Segmenter();
    const timeline = new Timeline();
    const outAt = feed({ seconds: 9, hasSound: false }).flatMap((packet) =>
      timeline
        .place(packet, { monotonicMs: 0, wallMs: 0 })
        .flatMap((placed) =>
          segmenter.push(placed).map(() => (packet.kind === 'video' ? packet.pts90k : -1)),
        ),
    );
    expect(outAt).toEqual([360_000, 720_000]);
  });

  it('that goes on when the pictures stop is kept in segments of its own', () => {
    const packets = feed({ seconds: 30 }).filter(
      (packet) => packet.kind !== 'video' || packet.pts90k < 450_000 || packet.pts90k >= 2_340_000,
    );
    const cut = run(packets);
    const heard = cut.reduce((sum, segment) => sum + readTransportStream(segment.bytes).audio.length, 0);
    expect(heard).toBe(packets.filter((packet) => packet.kind === 'audio').length);
    expect(frames(cut)).toBe(125 + 100);
    expect(cut.some((segment) => segment.video === null)).toBe(true);
    expect(cut.every((segment) => segment.duration90k <= 11 * 90_000)).toBe(true);
    expect(cut.at(-1)).toMatchObject({ startsWithKeyframe: true, start90k: 2_340_000 });
  });

  it('of another sample rate starts an epoch: one segment never holds two', () => {
    const packets = [
      ...feed({ seconds: 2 }),
      { kind: 'audio-config' as const, asc: asc44k },
      ...feed({ seconds: 2, from90k: 180_000 }).slice(2),
    ];
    const cut = run(packets);
    expect(cut.map((segment) => segment.audio?.sampleRateHz)).toEqual([48_000, 44_100]);
    expect(cut[1]?.startsAfresh).toBe(true);
  });
});

describe('a change of the codec setup', () => {
  const small = { kind: 'video-config' as const, avcc: avcc426 };

  it('ends the segment there and starts an epoch with the new size and hash', () => {
    const cut = run([...feed({ seconds: 6 }), small, ...feed({ seconds: 3, from90k: 540_000 }).slice(2)]);
    expect(cut.map((segment) => [segment.video?.width, segment.startsAfresh])).toEqual([
      [640, true],
      [640, false],
      [426, true],
    ]);
    expect(cut[2]?.video?.configHash).not.toBe(cut[1]?.video?.configHash);
    const numbering = new SegmentNumbering({ channelId: 'ch_1', runId: 'run_1' });
    const records = cut.map((segment) => numbering.number(segment, 'ses_1'));
    expect(records.map(({ epoch, gapBefore90k }) => [epoch, gapBefore90k])).toEqual([
      [0, 0],
      [0, 0],
      [1, 0],
    ]);
  });

  it('sent again unchanged is nothing', () => {
    const again = [
      ...feed({ seconds: 2 }),
      { kind: 'video-config' as const, avcc: avcc640 },
      ...feed({ seconds: 2, from90k: 180_000 }).slice(2),
    ];
    expect(run(again)).toHaveLength(1);
  });

  it('that only stands between the pictures is seen too', () => {
    const sets = [avcc426.subarray(8, 34), avcc426.subarray(37, 43)];
    const inBand = feed({ seconds: 4, hasSound: false }).map((packet) => {
      if (packet.kind !== 'video' || packet.dts90k !== 180_000) return packet;
      const parts = sets.flatMap((set) => [Buffer.of(0, 0, 0, set.length), Buffer.from(set)]);
      return { ...packet, data: new Uint8Array(Buffer.concat([...parts, packet.data])) };
    });
    expect(run(inBand).map((segment) => segment.video?.width)).toEqual([640, 426]);
  });
});

it('a run is a gap-free row of records that the house accepts, with what is missing between sessions', () => {
  const stages = { timeline: new Timeline(), segmenter: new Segmenter() };
  const numbering = new SegmentNumbering({ channelId: 'ch_1', runId: 'run_1' });
  const first = run(feed({ seconds: 6 }), {}, stages);
  const second = run(feed({ seconds: 5 }), {}, stages, 6000 + 3000);
  const records = [
    ...first.map((cut) => numbering.number(cut, 'ses_1')),
    ...second.map((cut) => numbering.number(cut, 'ses_2')),
  ];
  expect(records.map((record) => segmentRecord.parse(record))).toEqual(records);
  expect(records.map(({ seq, epoch, key }) => [seq, epoch, key])).toEqual([
    [0, 0, 'segments/ch_1/run_1/000000.ts'],
    [1, 0, 'segments/ch_1/run_1/000001.ts'],
    [2, 1, 'segments/ch_1/run_1/000002.ts'],
    [3, 1, 'segments/ch_1/run_1/000003.ts'],
  ]);
  expect(records.map((record) => record.isDiscontinuity)).toEqual([true, false, true, false]);
  expect(Math.abs((records[2]?.gapBefore90k ?? 0) - 270_000)).toBeLessThan(9000);
  expect(records[2]?.startWallMs).toBe(1_800_000_009_000);
});

it('a dropped segment takes no number and shows as a gap', () => {
  const numbering = new SegmentNumbering({ channelId: 'ch_1', runId: 'run_1' });
  const [one, two, three] = run(feed({ seconds: 12 }));
  if (!one || !two || !three) throw new Error('three segments were made');
  numbering.number(one, 'ses_1');
  numbering.noteDropped();
  expect(numbering.number(three, 'ses_1')).toMatchObject({
    seq: 1,
    epoch: 1,
    gapBefore90k: two.duration90k,
    isDiscontinuity: true,
  });
});

it('unreadable pictures are counted and end nothing', () => {
  const segmenter = new Segmenter();
  const timeline = new Timeline();
  const broken = { ...picture({ dts90k: 3600 }), data: new Uint8Array([255, 0, 0, 9]) };
  const packets = [...feed({ seconds: 0.04, hasSound: false }), broken, picture({ dts90k: 7200 }), sound(0)];
  for (const packet of packets)
    for (const placed of timeline.place(packet, { monotonicMs: 0, wallMs: 0 })) segmenter.push(placed);
  expect(segmenter.unreadablePictureCount).toBe(1);
  expect(segmenter.end()[0]?.video?.frameCount).toBe(2);
});

it.each([0, 2])('real segments decode alone and joined, every picture (%d B-frames)', (bFrames) => {
  const packets = encoded(
    `-f lavfi -i testsrc2=s=320x180:r=25 -f lavfi -i sine=r=44100 -t 9 -c:v libx264 -preset veryfast -g 25 -bf ${bFrames} -c:a aac`,
  );
  const cut = run(packets);
  expect(cut.map((segment) => segment.video?.frameRate)).toEqual(cut.map(() => ({ num: 25, den: 1 })));
  for (const segment of cut) {
    expect(decode(segment.bytes)).toEqual({ complaints: '', pictureCount: segment.video?.frameCount });
  }
  expect(decode(Buffer.concat(cut.map((segment) => segment.bytes)))).toEqual({
    complaints: '',
    pictureCount: 225,
  });
});

it('whatever the feed, no picture and no sound is lost, and segments follow on', () => {
  const feeds = fc.record({
    seconds: fc.integer({ min: 1, max: 30 }),
    keyframeEveryS: fc.constantFrom(0.2, 0.5, 1, 2, 3.32, 7, 12, 100),
    hasSound: fc.boolean(),
    hasBFrames: fc.boolean(),
    segmentMs: fc.integer({ min: 1000, max: 6000 }),
  });
  fc.assert(
    fc.property(fc.array(feeds, { minLength: 1, maxLength: 4 }), (sessions) => {
      const timeline = new Timeline();
      const segmenter = new Segmenter({ segmentMs: sessions[0]?.segmentMs ?? 4000 });
      const numbering = new SegmentNumbering({ channelId: 'ch_1', runId: 'run_1' });
      let atMs = 0;
      let end90k = 0;
      for (const session of sessions) {
        const packets = feed(session);
        const cut = run(packets, {}, { timeline, segmenter }, atMs);
        atMs += session.seconds * 1000 + 5000;
        expect(frames(cut)).toBe(packets.filter((packet) => packet.kind === 'video').length);
        const heard = cut.reduce((sum, one) => sum + readTransportStream(one.bytes).audio.length, 0);
        const sent = packets.filter((packet) => packet.kind === 'audio').length;
        // Sound that ends before the first picture is not part of the session; with B-frames that is two frames at most.
        expect(sent - heard).toBeLessThanOrEqual(2);
        for (const one of cut) {
          const record = numbering.number(one, 'ses_1');
          expect(Math.abs(record.start90k - record.gapBefore90k - end90k)).toBeLessThan(1900);
          expect(readTransportStream(one.bytes).problems).toEqual([]);
          end90k = endOf90k(record);
        }
      }
      expect(segmenter.heldBytes).toBe(0);
    }),
    { numRuns: 40 },
  );
});
