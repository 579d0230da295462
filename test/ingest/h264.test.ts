import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { asTouchlineError } from '../../core/errors.ts';
import { buildAvcc, forEachPrefixedNal, parseAvcc } from '../../ingest/h264.ts';
import { avcc1080i, avcc426, avcc640, hex } from './made-media.ts';

describe('an AVC configuration', () => {
  it.each([
    [avcc640, 640, 360],
    [avcc426, 426, 240],
    [avcc1080i, 1920, 1080],
  ])('names the size after cropping', (avcc, width, height) => {
    expect(parseAvcc(avcc)).toMatchObject({ width, height, lengthBytes: 4 });
  });

  it('survives being written and read, and its hash follows the parameter sets alone', () => {
    const config = parseAvcc(avcc426);
    expect(parseAvcc(buildAvcc(config.sps, config.pps)).configHash).toBe(config.configHash);
    expect(parseAvcc(avcc640).configHash).not.toBe(config.configHash);
    const [sps = new Uint8Array(), pps = new Uint8Array()] = [config.sps[0], config.pps[0]];
    expect(parseAvcc(buildAvcc([sps], [pps, pps])).configHash).not.toBe(config.configHash);
  });

  it.each([
    ['', 'empty'],
    ['0042c01effe1', 'of another version'],
    ['0142c01effe100196742', 'cut short'],
    ['0142c01effe000', 'without parameter sets'],
  ])('"%s" (%s) is refused in one sentence', (text) => {
    expect(() => parseAvcc(hex(text))).toThrow(/H\.264 configuration cannot be used: /);
  });

  it('of any bytes is read or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(63), (noise, at) => {
        for (const avcc of [noise, avcc426.with(at % avcc426.length, noise[0] ?? 0)]) {
          try {
            parseAvcc(avcc);
          } catch (thrown) {
            expect(asTouchlineError(thrown).code).toBe('ingest.bad-video-config');
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});

it('a NAL unit that ends outside of its picture is left out, those before it are not', () => {
  const seen: number[] = [];
  const complete = forEachPrefixedNal(hex('00000002650100000009410000'), 4, (start) => seen.push(start));
  expect([complete, seen]).toEqual([false, [4]]);
});
