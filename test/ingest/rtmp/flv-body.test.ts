import { describe, expect, it } from 'vitest';

import { FlvBodyReader } from '../../../ingest/rtmp/flv-body.ts';
import type { MediaPacket } from '../../../ingest/media-packet.ts';
import { messageType } from '../../../ingest/rtmp/message.ts';
import {
  asc,
  audioConfigBody,
  avcc,
  pictureBody,
  soundBody,
  videoConfigBody,
} from '../../support/rtmp-publisher.ts';

describe('FlvBodyReader', () => {
  it('hands out the configurations as they are', () => {
    const reader = new FlvBodyReader();
    expect(read(reader, 'video', 0, videoConfigBody)).toEqual({ kind: 'video-config', avcc });
    expect(read(reader, 'audio', 0, audioConfigBody)).toEqual({ kind: 'audio-config', asc });
  });

  it('reads a picture with its times in ticks and its NAL units', () => {
    const reader = configured();
    const body = pictureBody({ isKeyframe: true, compositionMs: 80 });
    expect(read(reader, 'video', 1000, body)).toEqual({
      kind: 'video',
      dts90k: 90_000,
      pts90k: 97_200,
      isKeyframe: true,
      data: body.subarray(5),
    });
  });

  it.each([
    { hex: '000000', ms: 0 },
    { hex: '7fffff', ms: 8388607 },
    { hex: 'ffffff', ms: -1 },
    { hex: 'ffffd8', ms: -40 },
    { hex: '800000', ms: -8388608 },
  ])('reads the composition time $hex as $ms ms', ({ hex, ms }) => {
    const body = Buffer.concat([Buffer.from(`2701${hex}`, 'hex'), Buffer.alloc(8)]);
    expect(read(configured(), 'video', 10_000, body)).toMatchObject({
      dts90k: 900_000,
      pts90k: 900_000 + ms * 90,
      isKeyframe: false,
    });
  });

  it('reads a frame of sound', () => {
    expect(read(configured(), 'audio', 21, soundBody())).toEqual({
      kind: 'audio',
      pts90k: 1890,
      data: soundBody().subarray(2),
    });
  });

  it.each([
    { what: 'an empty video message', type: 'video', hex: '' },
    { what: 'a video head alone', type: 'video', hex: '17' },
    { what: 'a picture without data', type: 'video', hex: '1701000000' },
    { what: 'an end of sequence', type: 'video', hex: '1702000000' },
    { what: 'an unknown AVC packet type', type: 'video', hex: '170900000000' },
    { what: 'a video command frame', type: 'video', hex: '5700' },
    { what: 'an empty audio message', type: 'audio', hex: '' },
    { what: 'an audio head alone', type: 'audio', hex: 'af' },
    { what: 'sound without data', type: 'audio', hex: 'af01' },
    { what: 'an unknown AAC packet type', type: 'audio', hex: 'af0900' },
  ] as const)('leaves $what out, counts it, and goes on', ({ type, hex }) => {
    const reader = configured();
    expect(read(reader, type, 0, Buffer.from(hex, 'hex'))).toBeUndefined();
    expect(reader.ignoredCount).toBe(1);
    expect(read(reader, 'audio', 0, soundBody())).toBeDefined();
  });

  it('leaves pictures and sound out that come before their configuration', () => {
    const reader = new FlvBodyReader();
    expect(read(reader, 'video', 0, pictureBody({ isKeyframe: true }))).toBeUndefined();
    expect(read(reader, 'audio', 0, soundBody())).toBeUndefined();
    expect(reader.ignoredCount).toBe(2);
  });

  it.each([
    { what: 'HEVC the old way', type: 'video', hex: '1c00000000', says: /HEVC; set .* H\.264/ },
    { what: 'HEVC in Enhanced RTMP', type: 'video', hex: '9068766331', says: /HEVC; set .* H\.264/ },
    { what: 'AV1 in Enhanced RTMP', type: 'video', hex: '9061763031', says: /AV1; set .* H\.264/ },
    {
      what: 'H.264 in Enhanced RTMP',
      type: 'video',
      hex: '9061766331',
      says: /H\.264 in Enhanced RTMP framing/,
    },
    { what: 'an unknown FourCC', type: 'video', hex: '9000076b65', says: /a codec of Enhanced RTMP; set/ },
    { what: 'a FourCC cut short', type: 'video', hex: '90', says: /a codec of Enhanced RTMP; set/ },
    { what: 'Sorenson H.263', type: 'video', hex: '1200', says: /Sorenson H\.263; set .* H\.264/ },
    { what: 'codec number 0', type: 'video', hex: '1000', says: /codec number 0/ },
    { what: 'MP3', type: 'audio', hex: '2f00', says: /MP3; set .* AAC/ },
    { what: 'Speex', type: 'audio', hex: 'b200', says: /Speex; set .* AAC/ },
    { what: 'Opus in Enhanced RTMP', type: 'audio', hex: '904f707573', says: /Opus; set .* AAC/ },
  ] as const)('refuses $what and says what to set', ({ type, hex, says }) => {
    expect(() => read(configured(), type, 0, Buffer.from(hex, 'hex'))).toThrow(
      expect.objectContaining({ code: 'ingest.unsupported-codec', message: expect.stringMatching(says) }),
    );
  });

  describe('timestamps', () => {
    it('go on where 32 bits end, for both tracks together', () => {
      const reader = configured(0xffffffd8);
      const times = [
        read(reader, 'video', 0xffffffd8, pictureBody({ isKeyframe: true })),
        read(reader, 'audio', 0xfffffff0, soundBody()),
        read(reader, 'audio', 0x00000005, soundBody()),
        read(reader, 'video', 0x00000000, pictureBody({ isKeyframe: false })),
        read(reader, 'video', 0x00000028, pictureBody({ isKeyframe: false })),
      ].map(timeMs);
      const wrapMs = 2 ** 32;
      expect(times).toEqual([wrapMs - 40, wrapMs - 16, wrapMs + 5, wrapMs, wrapMs + 40]);
    });

    it('go back as they are sent: what to make of it is for the timeline to say', () => {
      const reader = configured();
      const times = [5000, 1000, 0xfffffff6].map((ms) => timeMs(read(reader, 'audio', ms, soundBody())));
      expect(times).toEqual([5000, 1000, -10]);
    });

    it('may be an hour apart between the tracks', () => {
      const reader = configured();
      const times = [
        read(reader, 'audio', 0, soundBody()),
        read(reader, 'video', 3_600_000, pictureBody({ isKeyframe: true })),
        read(reader, 'audio', 21, soundBody()),
      ].map(timeMs);
      expect(times).toEqual([0, 3_600_000, 21]);
    });

    it('stay whole numbers of ticks for as long as anybody streams', () => {
      const reader = configured();
      let last = 0;
      // 24.8 days a step: about 2800 years until the end.
      const wander = (): void => {
        for (let step = 1; step < 50_000; step += 1) {
          last = timeMs(read(reader, 'audio', (step * 0x7fffffff) % 2 ** 32, soundBody()));
        }
      };
      expect(wander).toThrow('timestamps wandered');
      expect(Number.isSafeInteger(last * 90)).toBe(true);
    });
  });
});

function configured(firstMs = 0): FlvBodyReader {
  const reader = new FlvBodyReader();
  read(reader, 'video', firstMs, videoConfigBody);
  read(reader, 'audio', firstMs, audioConfigBody);
  return reader;
}

function read(
  reader: FlvBodyReader,
  type: 'video' | 'audio',
  timestampMs: number,
  payload: Uint8Array,
): MediaPacket | undefined {
  return reader.read({ typeId: messageType[type], streamId: 1, timestampMs, payload });
}

function timeMs(packet: MediaPacket | undefined): number {
  if (packet?.kind === 'video') return packet.dts90k / 90;
  if (packet?.kind === 'audio') return packet.pts90k / 90;
  throw new Error('no media came out');
}
