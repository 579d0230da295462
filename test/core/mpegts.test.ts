import { execFileSync } from 'node:child_process';

import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import {
  forEachNal,
  readTransportStream,
  TransportStreamReader,
  type AccessUnit,
} from '../../core/mpegts.ts';
import { ptsWrap90k } from '../../core/media-time.ts';

let bytes: Uint8Array = new Uint8Array();
let packets: string[] = [];

beforeAll(() => {
  const made =
    '-f lavfi -i testsrc2=s=160x90:r=25 -f lavfi -i sine=r=48000 -t 2 -c:v libx264 -preset veryfast -g 25 -bf 2 -c:a aac -f mpegts pipe:1';
  bytes = execFileSync('ffmpeg', ['-v', 'error', ...made.split(' ')]);
  packets = execFileSync(
    'ffprobe',
    '-v error -f mpegts -show_entries packet=codec_type,pts,dts,flags -of csv=p=0 pipe:0'.split(' '),
    { input: bytes },
  )
    .toString()
    .split('\n')
    .filter((line) => line !== '');
});

function described(unit: AccessUnit): string {
  return `video,${unit.pts90k},${unit.dts90k},${unit.isKeyframe ? 'K_' : '__'}`;
}

describe('a transport stream of ffmpeg', () => {
  it('is read as ffprobe reads it', () => {
    const read = readTransportStream(bytes);
    expect(read.problems).toEqual([]);
    expect(read.video.map(described)).toEqual(
      packets.filter((line) => line.startsWith('video')).map((line) => line.replace(/,+$/, '')),
    );
    // ffmpeg puts some 16 frames into a packet.
    expect(read.audio.length).toBeGreaterThan(3);
  });

  it('in pieces of any size is the same as whole', () => {
    const whole = readTransportStream(bytes);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 20 }), (sizes) => {
        const found: Record<'video' | 'audio', AccessUnit[]> = { video: [], audio: [] };
        const reader = new TransportStreamReader({ onUnit: (kind, unit) => found[kind].push(unit) });
        for (let at = 0, index = 0; at < bytes.length; index += 1) {
          const size = sizes[index % sizes.length] ?? 1;
          reader.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(reader.end()).toEqual([]);
        expect(reader.streamTypes).toEqual([0x1b, 0x0f]);
        expect(found.video.map(described)).toEqual(whole.video.map(described));
        expect(Buffer.concat(found.audio.map((unit) => unit.data))).toEqual(
          Buffer.concat(whole.audio.map((unit) => unit.data)),
        );
      }),
      { numRuns: 10 },
    );
  });

  it('is unwrapped towards the time that it is said to be near', () => {
    const [first] = readTransportStream(bytes).video;
    const [later] = readTransportStream(bytes, 3 * ptsWrap90k).video;
    expect((later?.pts90k ?? 0) - (first?.pts90k ?? 0)).toBe(3 * ptsWrap90k);
  });
});

describe('what is wrong with the bytes is named', () => {
  it.each<[string, (good: Uint8Array) => Uint8Array, RegExp]>([
    ['nothing', () => new Uint8Array(), /no programme/],
    ['text', () => Buffer.from('#EXTM3U\n'.repeat(100)), /no sync byte at 0/],
    ['a cut', (good) => good.subarray(0, 188 * 20 + 7), /whole number of 188-byte packets/],
    [
      'a hole',
      (good) => Buffer.concat([good.subarray(0, 188 * 20), good.subarray(188 * 23)]),
      /packets missing/,
    ],
    [
      'a lost beat',
      (good) => Buffer.concat([good.subarray(0, 1880), good.subarray(1881)]),
      /no sync byte at 1880/,
    ],
  ])('%s', (_what, spoil, problem) => {
    expect(readTransportStream(spoil(bytes)).problems.join('; ')).toMatch(problem);
  });

  it('and no bytes make it fail', () => {
    const edits = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 30 });
    fc.assert(
      fc.property(edits, (changes) => {
        const spoiled = Uint8Array.from(bytes.subarray(0, 188 * 60));
        for (const [at, value] of changes) spoiled[at % spoiled.length] = value;
        const read = readTransportStream(spoiled);
        for (const unit of read.video) forEachNal(unit.data, () => {});
      }),
      { numRuns: 300 },
    );
  });
});
