import fc from 'fast-check';
import { expect, it } from 'vitest';

import { splitAdts, wrapAdts } from '../../clipper/adts.ts';

const config = { specificConfig: Uint8Array.of(0x11, 0x90), sampleRateHz: 48_000, channelCount: 2 };

it('takes apart what was put together, whatever lies between the frames', () => {
  const frame = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const junk = fc.uint8Array({ maxLength: 5 }).map((bytes) => bytes.map((byte) => byte & 0x7f));
  fc.assert(
    fc.property(fc.array(fc.tuple(junk, frame), { maxLength: 5 }), (parts) => {
      const bytes = Buffer.concat(parts.flatMap(([between, data]) => [between, wrapAdts(data, config)]));
      const { frames, rest } = splitAdts(bytes);
      expect(frames.map(({ data }) => [...data])).toEqual(parts.map(([, data]) => [...data]));
      expect(rest.length).toBeLessThan(7);
      for (const { sampleCount, sampleRateHz, channelCount, specificConfig } of frames) {
        expect({ sampleCount, sampleRateHz, channelCount, specificConfig }).toEqual({
          sampleCount: 1024,
          ...config,
        });
      }
    }),
  );
});

it('keeps the beginning of a frame for the next packet', () => {
  const whole = wrapAdts(new Uint8Array(50).fill(7), config);
  const first = splitAdts(Buffer.concat([whole, whole.subarray(0, 20)]));
  expect(first.frames).toHaveLength(1);
  const second = splitAdts(Buffer.concat([first.rest, whole.subarray(20)]));
  expect(second.frames).toHaveLength(1);
  expect(second.frames[0]?.offset).toBe(0);
});

it('reads a header with a checksum, and several raw blocks behind one', () => {
  const wrapped = wrapAdts(new Uint8Array(50).fill(7), config);
  const checked = Uint8Array.from(wrapped);
  checked[1] = 0xf0;
  expect(splitAdts(checked).frames[0]?.data).toHaveLength(48);
  const double = Uint8Array.from(wrapped);
  double[6] = 0xfd;
  expect(splitAdts(double).frames[0]?.sampleCount).toBe(2048);
});
