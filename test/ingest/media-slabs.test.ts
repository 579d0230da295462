import { describe, expect, it } from 'vitest';

import { MediaHold, SlabPool } from '../../ingest/media-slabs.ts';

const slab = 512 * 1024;
const filled = (bytes: number, value: number): Uint8Array => new Uint8Array(bytes).fill(value);

describe('what is held of a segment', () => {
  it.each([
    [[1, 2, 3], 1],
    [[slab], 1],
    [[slab - 1, 1], 1],
    [[slab - 1, 2], 2],
    [[slab, slab], 2],
    [[0, slab], 1],
  ])('of %j bytes lies in %d slabs, each as it came', (sizes, slabCount) => {
    const hold = new MediaHold(new SlabPool());
    const kept = sizes.map((bytes, index) => hold.keep(filled(bytes, index + 1)));
    for (const [index, bytes] of kept.entries()) expect(bytes).toEqual(filled(sizes[index] ?? 0, index + 1));
    expect(new Set(kept.filter((bytes) => bytes.length > 0).map((bytes) => bytes.buffer)).size).toBe(
      slabCount,
    );
  });

  it('is a copy, so that what it came in can go, unless it is larger than a slab', () => {
    const hold = new MediaHold(new SlabPool());
    const small = filled(10, 1);
    const kept = hold.keep(small);
    small.fill(9);
    expect(kept).toEqual(filled(10, 1));
    const large = filled(slab + 1, 2);
    expect(hold.keep(large)).toBe(large);
  });

  it('stays whole while the next segment grows, and its slabs are used again after it', () => {
    const pool = new SlabPool();
    const closing = new MediaHold(pool);
    const open = new MediaHold(pool);
    const first = closing.keep(filled(100, 1));
    expect(open.keep(filled(100, 2)).buffer).not.toBe(first.buffer);
    expect(first).toEqual(filled(100, 1));
    closing.release();
    expect(new MediaHold(pool).keep(filled(1, 3)).buffer).toBe(first.buffer);
  });

  it('of a burst is not kept for ever: eight slabs wait for the next', () => {
    const pool = new SlabPool();
    const hold = new MediaHold(pool);
    const buffers = new Set(Array.from({ length: 20 }, (_, index) => hold.keep(filled(slab, index)).buffer));
    hold.release();
    const next = new MediaHold(pool);
    const again = Array.from({ length: 20 }, (_, index) => next.keep(filled(slab, index)).buffer);
    expect(again.filter((buffer) => buffers.has(buffer))).toHaveLength(8);
  });
});
