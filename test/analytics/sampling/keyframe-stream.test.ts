import { beforeAll, describe, expect, it } from 'vitest';

import { keyframeStream } from '../../../analytics/sampling/keyframe-stream.ts';
import { checkSegment } from '../../../analytics/sampling/segment-check.ts';
import { withoutReordering } from '../../../analytics/sampling/unordered-sps.ts';
import { forEachNal } from '../../../core/mpegts.ts';
import { makeMedia } from '../support/make-media.ts';

let keyframes: Uint8Array[];
beforeAll(async () => {
  const media = await makeMedia({ picture: 'testsrc2=SIZE', seconds: 4 });
  keyframes = checkSegment(media.segment, media.bytes).coded.keyframes.map((unit) => unit.data);
});

function nalsOf(bytes: Uint8Array): { nal: Uint8Array; type: number }[] {
  const nals: { nal: Uint8Array; type: number }[] = [];
  forEachNal(bytes, (nal, type) => nals.push({ nal: nal.slice(), type }));
  return nals;
}

describe('a stream of keyframes', () => {
  it('has the parameter sets, the picture and the next delimiter for each', () => {
    const stream = keyframeStream(keyframes);
    expect(nalsOf(stream ?? new Uint8Array()).map(({ type }) => type)).toEqual([7, 8, 5, 9, 7, 8, 5, 9]);
  });

  it('gives a keyframe without parameter sets those before it', () => {
    const [first, second] = keyframes as [Uint8Array, Uint8Array];
    const slice = nalsOf(second).find(({ type }) => type === 5)?.nal ?? new Uint8Array();
    const bare = Buffer.concat([Uint8Array.of(0, 0, 0, 1), slice]);
    expect(keyframeStream([first, bare])).toEqual(keyframeStream([first, second]));
    expect(keyframeStream([bare, first])).toBeUndefined();
  });

  it('is not made of what holds two pictures, or none', () => {
    const [first, second] = keyframes as [Uint8Array, Uint8Array];
    expect(keyframeStream([Buffer.concat([first, second])])).toBeUndefined();
    expect(keyframeStream([Uint8Array.of(0, 0, 0, 1, 9, 0x10)])).toBeUndefined();
    expect(keyframeStream([])).toBeUndefined();
  });
});

function sets(): Uint8Array {
  return nalsOf(keyframes[0] as Uint8Array).find(({ type }) => type === 7)?.nal ?? new Uint8Array();
}

describe('a sequence parameter set without reordering', () => {
  it('is another one, and stays as it is when it is made again', () => {
    const once = withoutReordering(sets());
    expect(once).toBeDefined();
    expect(once).not.toEqual(sets());
    expect(withoutReordering(once ?? new Uint8Array())).toEqual(once);
  });

  it('is not made of one that ends too early, wherever it ends', () => {
    // Of the 14 bytes the last hold what is written anew.
    for (let length = 0; length < 8; length += 1)
      expect(withoutReordering(sets().subarray(0, length))).toBeUndefined();
  });

  it('is not made of one that allows fields', () => {
    // Baseline, level 3.0, id 0, frame_num and order count of 4 bits, 1 reference, no gaps, 20x15 blocks; then the flag.
    const head = '1 1 1 1 010 0 000010100 0001111'.replaceAll(' ', '');
    const nalOf = (frameOnly: string): Uint8Array => {
      const bits = `${head}${frameOnly}0001`;
      const bytes = bits.match(/.{1,8}/g)?.map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2)) ?? [];
      return Uint8Array.of(0x67, 66, 0, 30, ...bytes);
    };
    expect(withoutReordering(nalOf('1'))).toBeDefined();
    expect(withoutReordering(nalOf('0'))).toBeUndefined();
  });
});
