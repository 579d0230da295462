import { beforeAll, describe, expect, it } from 'vitest';

import { checkSegment } from '../../../analytics/sampling/segment-check.ts';
import { makeMedia, type Media } from '../support/make-media.ts';

let media: Media;
beforeAll(async () => {
  media = await makeMedia({ picture: 'testsrc2=SIZE', sound: 'sine=f=440', seconds: 4 });
});

describe('a segment that is what its record says', () => {
  it('gives its pictures in display order on the run timeline', () => {
    const shifted = {
      ...media.segment,
      start90k: 900_000,
      filePtsOffset90k: media.segment.filePtsOffset90k - 900_000,
    };
    const { pictures, isReordered, sound } = checkSegment(shifted, media.bytes);
    expect(pictures).toHaveLength(100);
    expect(pictures.map(({ at90k }) => at90k)).toEqual(
      Array.from({ length: 100 }, (_, index) => 900_000 + index * 3600),
    );
    expect(pictures.filter(({ isKeyframe }) => isKeyframe).map(({ at90k }) => at90k)).toEqual([
      900_000, 1_080_000,
    ]);
    expect(isReordered).toBe(true);
    expect((sound?.end90k ?? 0) - (sound?.start90k ?? 0)).toBeGreaterThan(355_000);
  });

  it('stays the same when its times wrap around 2^33', () => {
    const near = 2 ** 33 - 45_000;
    const bytes = movePts(media.bytes, near - (media.segment.start90k + media.segment.filePtsOffset90k));
    const moved = { ...media.segment, filePtsOffset90k: near };
    expect(checkSegment(moved, bytes).pictures.map(({ at90k }) => at90k)).toEqual(
      checkSegment(media.segment, media.bytes).pictures.map(({ at90k }) => at90k),
    );
  });
});

describe('a broken segment', () => {
  const playlist = new TextEncoder().encode('#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n');
  const noise = Uint8Array.from({ length: 188 * 400 }, (_, index) => (index * 7919 + (index >> 3)) & 255);

  it.each<[string, () => Uint8Array, RegExp]>([
    ['of no bytes', () => new Uint8Array(), /is empty/],
    ['that holds a playlist', () => playlist, /begins with 23455854/],
    ['of random bytes', () => noise, /no MPEG transport stream/],
    [
      'of random bytes behind a sync byte',
      () => noise.with(0, 0x47),
      /0 pictures are in it, 100 were recorded/,
    ],
    [
      'cut in the middle',
      () => media.bytes.slice(0, 188 * Math.floor(media.bytes.length / 376)),
      /pictures are in it/,
    ],
    [
      'cut within a packet',
      () => media.bytes.slice(0, media.bytes.length * 0.6),
      /pictures are in it.*188-byte/,
    ],
  ])('%s is corrupt, for good, and the input is to blame', (_what, damage, message) => {
    const bytes = damage();
    const check = (): unknown => checkSegment({ ...media.segment, bytes: bytes.length }, bytes);
    expect(check).toThrowError(message);
    expect(check).toThrowError(
      expect.objectContaining({ code: 'segment.corrupt', retryable: false, blame: 'input' }),
    );
  });

  it('of another length than recorded is corrupt even if all pictures are there', () => {
    expect(() => checkSegment(media.segment, media.bytes.slice(0, -188))).toThrowError(
      /were recorded: it is cut short/,
    );
  });

  it.each([
    ['with nine tenths of its pictures still counts', 110, false],
    ['with fewer does not', 112, true],
  ])('%s', (_what, frameCount, isCorrupt) => {
    const segment = {
      ...media.segment,
      video: media.segment.video && { ...media.segment.video, frameCount },
    };
    const check = (): unknown => checkSegment(segment, media.bytes);
    if (isCorrupt) expect(check).toThrowError(/100 pictures are in it, 112 were recorded/);
    else expect(check).not.toThrow();
  });

  it.each([
    ['half a second short of its record still counts', 405_000, false],
    ['shorter does not', 405_001, true],
  ])('%s', (_what, duration90k, isCorrupt) => {
    const check = (): unknown => checkSegment({ ...media.segment, duration90k }, media.bytes);
    if (isCorrupt) expect(check).toThrowError(/its pictures last/);
    else expect(check).not.toThrow();
  });

  it('without its recorded sound is corrupt, without sound on record it is fine', async () => {
    const mute = await makeMedia({ picture: 'testsrc2=SIZE', seconds: 1 });
    expect(checkSegment(mute.segment, mute.bytes).sound).toBeUndefined();
    expect(() => checkSegment({ ...mute.segment, audio: media.segment.audio }, mute.bytes)).toThrowError(
      /the recorded sound is not in it/,
    );
  });
});

/** Adds ticks to every PTS and DTS of the file. */
function movePts(bytes: Uint8Array, by: number): Uint8Array {
  const moved = bytes.slice();
  for (let at = 0; at + 188 <= moved.length; at += 188) {
    const startsUnit = ((moved[at + 1] ?? 0) & 0x40) !== 0;
    const control = ((moved[at + 3] ?? 0) >> 4) & 3;
    const payload = at + 4 + ((control & 2) === 0 ? 0 : 1 + (moved[at + 4] ?? 0));
    const isPes = moved[payload] === 0 && moved[payload + 1] === 0 && moved[payload + 2] === 1;
    if (!startsUnit || !isPes) continue;
    const flags = (moved[payload + 7] ?? 0) >> 6;
    if (flags >= 2) moveTime(moved, payload + 9, by);
    if (flags === 3) moveTime(moved, payload + 14, by);
  }
  return moved;
}

function moveTime(bytes: Uint8Array, at: number, by: number): void {
  const get = (index: number): bigint => BigInt(bytes[at + index] ?? 0);
  const time =
    (((get(0) >> 1n) & 7n) << 30n) |
    (get(1) << 22n) |
    ((get(2) >> 1n) << 15n) |
    (get(3) << 7n) |
    (get(4) >> 1n);
  const next = (time + BigInt(Math.round(by)) + (1n << 34n)) & ((1n << 33n) - 1n);
  bytes[at] = ((bytes[at] ?? 0) & 0xf1) | (Number((next >> 30n) & 7n) << 1);
  bytes[at + 1] = Number((next >> 22n) & 255n);
  bytes[at + 2] = (Number((next >> 15n) & 127n) << 1) | 1;
  bytes[at + 3] = Number((next >> 7n) & 255n);
  bytes[at + 4] = (Number(next & 127n) << 1) | 1;
}
