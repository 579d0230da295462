import { describe, expect, it } from 'vitest';

import {
  adtsHeaderBytes,
  buildAudioSpecificConfig,
  forEachAdtsFrame,
  parseAudioSpecificConfig,
  writeAdtsHeader,
} from '../../ingest/aac.ts';
import { asc44k, asc48k, hex } from './made-media.ts';

describe('an AudioSpecificConfig', () => {
  it.each([
    ['1190', 48_000, 2],
    ['1210', 44_100, 2],
    ['1388', 22_050, 1],
    ['2b920800', 22_050, 2], // HE-AAC, said by name: the core is AAC LC at half the rate
  ])('%s is read', (text, sampleRateHz, channelCount) => {
    expect(parseAudioSpecificConfig(hex(text))).toMatchObject({ sampleRateHz, channelCount, objectType: 2 });
  });

  it.each(['', '11', '1f90', '1180', 'f8f0'])('%s is refused, with what would be right', (text) => {
    expect(() => parseAudioSpecificConfig(hex(text))).toThrow(/AAC LC, mono or stereo/);
  });
});

it.each([asc48k, asc44k])('frames behind ADTS headers come back with their configuration', (asc) => {
  const config = parseAudioSpecificConfig(asc);
  const frames = [1, 300, 8184].map((bytes) => new Uint8Array(bytes).fill(5));
  const stream = Buffer.concat(
    frames.map((frame) => {
      const whole = new Uint8Array(adtsHeaderBytes + frame.length);
      writeAdtsHeader(whole, 0, config, frame.length);
      whole.set(frame, adtsHeaderBytes);
      return whole;
    }),
  );
  const found: number[] = [];
  forEachAdtsFrame(stream, (frame, read, index) => {
    expect(read).toEqual(config);
    expect(buildAudioSpecificConfig(read)).toEqual(asc);
    expect(Buffer.from(frame)).toEqual(Buffer.from(frames[index] ?? []));
    found.push(frame.length);
  });
  expect(found).toEqual([1, 300, 8184]);
});
