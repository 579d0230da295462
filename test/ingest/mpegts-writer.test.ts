import { describe, expect, it } from 'vitest';

import { ptsWrap90k } from '../../core/media-time.ts';
import { forEachNal, readTransportStream } from '../../core/mpegts.ts';
import { parseAudioSpecificConfig } from '../../ingest/aac.ts';
import { parseAvcc, type VideoConfig } from '../../ingest/h264.ts';
import type { MediaPacket } from '../../ingest/media-packet.ts';
import { filePtsOffset90k, SegmentWriter, type ContinuityCounters } from '../../ingest/mpegts-writer.ts';
import { asc48k, avcc640, decode, encoded, feed, picture } from './made-media.ts';

function split(packets: readonly MediaPacket[], from90k = -Infinity, to90k = Infinity) {
  let videoConfig: VideoConfig = parseAvcc(avcc640);
  let audioConfig = parseAudioSpecificConfig(asc48k);
  for (const packet of packets) {
    if (packet.kind === 'video-config') videoConfig = parseAvcc(packet.avcc);
    if (packet.kind === 'audio-config') audioConfig = parseAudioSpecificConfig(packet.asc);
  }
  return {
    videoConfig,
    audioConfig,
    pictures: packets
      .filter((packet) => packet.kind === 'video')
      .filter((packet) => packet.pts90k >= from90k && packet.pts90k < to90k)
      .map((packet) => ({ ...packet, isIdr: packet.isKeyframe })),
    sound: packets
      .filter((packet) => packet.kind === 'audio')
      .filter((packet) => packet.pts90k >= from90k && packet.pts90k < to90k),
    isDiscontinuity: false,
  };
}

/** Sound before the pictures that are decoded after it. */
function write(wanted: ReturnType<typeof split>, counters: ContinuityCounters = new Map()): Uint8Array {
  const writer = new SegmentWriter(counters, wanted.isDiscontinuity);
  const sound = [...wanted.sound];
  const addSound = (before90k: number): void => {
    while (sound[0] && sound[0].pts90k < before90k) {
      writer.addSound(sound[0], wanted.audioConfig, wanted.pictures.length === 0);
      sound.shift();
    }
  };
  for (const one of wanted.pictures) {
    addSound(one.dts90k);
    writer.addPicture(one, wanted.videoConfig);
  }
  addSound(Infinity);
  return writer.finish();
}

describe('a written segment', () => {
  it('gives back every time and every byte, in whole ticks', () => {
    for (const hasBFrames of [false, true]) {
      for (const pictureBytes of [1, 100, 150, 151, 152, 157, 158, 159, 176, 184, 185, 3000]) {
        const packets = feed({ seconds: 1, hasBFrames, pictureBytes });
        const wanted = split(packets);
        const read = readTransportStream(write(wanted));
        expect(read.problems).toEqual([]);
        expect(read.video.map(({ pts90k, dts90k }) => [pts90k, dts90k])).toEqual(
          wanted.pictures.map(({ pts90k, dts90k }) => [pts90k + filePtsOffset90k, dts90k + filePtsOffset90k]),
        );
        expect(read.audio.map((unit) => unit.pts90k)).toEqual(
          wanted.sound.map((frame) => frame.pts90k + filePtsOffset90k),
        );
        for (const [index, unit] of read.video.entries()) {
          const nals: Buffer[] = [];
          forEachNal(unit.data, (nal) => nals.push(Buffer.from(nal)));
          expect(nals.at(-1)).toEqual(Buffer.from(wanted.pictures[index]?.data.subarray(4) ?? []));
          expect(nals[0]).toEqual(Buffer.of(9, 0xf0));
        }
        expect(Buffer.from(read.audio[0]?.data.subarray(7) ?? [])).toEqual(
          Buffer.from(wanted.sound[0]?.data ?? []),
        );
      }
    }
  });

  it('begins with its tables and has the parameter sets before every IDR picture', () => {
    const bytes = write(split(feed({ seconds: 3, keyframeEveryS: 1 })));
    expect([bytes[1], bytes[2], bytes[189], bytes[190]]).toEqual([0x40, 0, 0x50, 0]);
    const types = readTransportStream(bytes).video.map((unit) => {
      const found: number[] = [];
      forEachNal(unit.data, (_nal, type) => found.push(type));
      return found.join();
    });
    expect(types.filter((found) => found === '9,7,8,5')).toHaveLength(3);
    expect(types.filter((found) => found === '9,1')).toHaveLength(72);
  });

  it('comes round after 26.5 hours', () => {
    const from90k = ptsWrap90k - filePtsOffset90k - 45_000;
    const bytes = write(split(feed({ seconds: 1, from90k })));
    const read = readTransportStream(bytes, ptsWrap90k);
    expect(read.video.map((unit) => unit.pts90k)).toEqual(
      Array.from({ length: 25 }, (_, index) => ptsWrap90k - 45_000 + index * 3600),
    );
    expect(readTransportStream(bytes, 0).video.at(-1)?.pts90k).toBe(24 * 3600 - 45_000);
  });

  it('follows on without a seam, and says where it does not', () => {
    const counters: ContinuityCounters = new Map();
    const packets = feed({ seconds: 4 });
    const one = write(split(packets, -Infinity, 180_000), counters);
    write(split(packets, 180_000, 270_000), counters);
    const three = write(split(packets, 270_000), counters);
    const afresh = write({ ...split(packets, 270_000), isDiscontinuity: true }, counters);
    expect(readTransportStream(Buffer.concat([one, three])).problems).not.toEqual([]);
    expect(readTransportStream(Buffer.concat([one, afresh])).problems).toEqual([]);
    const again: ContinuityCounters = new Map();
    const joined = [-90_000, 90_000, 180_000, 270_000].map((from90k) =>
      write(split(packets, from90k, from90k + (from90k < 0 ? 180_000 : 90_000)), again),
    );
    expect(readTransportStream(Buffer.concat(joined)).problems).toEqual([]);
  });

  it.each([1, 200, 3000, 60_000])(
    'of pictures of %d bytes lies in memory of its own size',
    (pictureBytes) => {
      const wanted = split(feed({ seconds: 2, pictureBytes }));
      const writer = new SegmentWriter(new Map(), false);
      let bytes = writer.bytes;
      for (const one of wanted.pictures) {
        writer.addPicture(one, wanted.videoConfig);
        expect(writer.bytes).toBeGreaterThan(bytes + pictureBytes);
        bytes = writer.bytes;
      }
      const written = writer.finish();
      expect(written.length).toBe(bytes);
      expect(written.buffer.byteLength).toBe(bytes);
    },
  );

  it('is the same on both sides of the size from which a picture is put together in memory of its own', () => {
    // 2788 packets fit into 512 KiB: 512,992 bytes of payload, less the clock field and the headers.
    for (const pictureBytes of [512_900, 512_940, 512_950, 512_960, 513_000, 513_200]) {
      const config = parseAvcc(avcc640);
      const writer = new SegmentWriter(new Map(), false);
      const large = { ...picture({ dts90k: 0, bytes: pictureBytes }), isIdr: false };
      large.data.forEach((_, index) => index > 4 && (large.data[index] = 1 + (index % 251)));
      const small = { ...picture({ dts90k: 3600, bytes: 100 }), isIdr: false };
      for (const one of [large, small, { ...large, dts90k: 7200, pts90k: 7200 }])
        writer.addPicture(one, config);
      const read = readTransportStream(writer.finish());
      expect(read.problems).toEqual([]);
      const last = read.video.map((unit) => {
        const nals: Buffer[] = [];
        forEachNal(unit.data, (nal) => nals.push(Buffer.from(nal)));
        return nals
          .at(-1)
          ?.equals(Buffer.from(unit === read.video[1] ? small.data.subarray(4) : large.data.subarray(4)));
      });
      expect(last).toEqual([true, true, true]);
    }
  });

  it('that nothing ever cuts comes to an end all the same, with a word on what to do', () => {
    const writer = new SegmentWriter(new Map(), false);
    const whole = { ...picture({ dts90k: 0, isKeyframe: true }), isIdr: true };
    writer.addPicture(whole, parseAvcc(avcc640));
    const before = writer.bytes;
    const data = new Uint8Array(256 * 1024 * 1024);
    new DataView(data.buffer).setUint32(0, data.length - 4);
    expect(() => writer.addPicture({ ...whole, data }, parseAvcc(avcc640))).toThrow(/keyframe every 2 s/);
    expect(writer.bytes).toBe(before);
  });

  it.each([0, 2])('decodes alone and joined, every picture, with %d B-frames', (bFrames) => {
    const packets = encoded(
      `-f lavfi -i testsrc2=s=320x180:r=25 -f lavfi -i sine=r=48000 -t 4 -c:v libx264 -preset veryfast -g 50 -bf ${bFrames} -c:a aac`,
    );
    const counters: ContinuityCounters = new Map();
    const first = packets.find((packet) => packet.kind === 'video')?.pts90k ?? 0;
    const segments = [
      write(split(packets, first, first + 180_000), counters),
      write(split(packets, first + 180_000), counters),
    ];
    for (const segment of segments) expect(decode(segment)).toEqual({ complaints: '', pictureCount: 50 });
    expect(decode(Buffer.concat(segments))).toEqual({ complaints: '', pictureCount: 100 });
  });
});
