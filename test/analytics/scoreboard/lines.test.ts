import { describe, expect, it } from 'vitest';

import { missingLines } from '../../../analytics/scoreboard/complete-lines.ts';
import { lineBoxes } from '../../../analytics/scoreboard/find-text.ts';
import { lumaOf, resample, type Box } from '../../../analytics/scoreboard/pixels.ts';
import { lettersOf } from '../../../analytics/scoreboard/read-text.ts';
import { staticRegions } from '../../../analytics/scoreboard/static-regions.ts';

function box(left: number, right: number, top = 0, bottom = 20): Box {
  return { left, right, top, bottom };
}

describe('missingLines', () => {
  it.each([
    ['a gap too narrow for a digit', 15, 0],
    ['room for a digit', 16, 1],
    ['room for two', 120, 1],
    ['another graphic', 121, 0],
  ])('between two names: %s', (_what, gap, count) => {
    expect(missingLines([box(0, 50), box(50 + gap, 100 + gap)])).toHaveLength(count);
  });

  it('completes a table: BAR 1 over RMA ?', () => {
    const guesses = missingLines([box(0, 50), box(55, 70), box(0, 50, 24, 44)]);
    expect(guesses).toEqual([box(55, 70, 24, 44)]);
  });

  it('completes labels: 5 over MAKE, ? over ATTEMPT', () => {
    const guesses = missingLines([box(0, 60, 50, 70), box(20, 40, 10, 40), box(100, 160, 50, 70)]);
    expect(guesses).toContainEqual(box(120, 140, 10, 40));
  });

  it('has nothing to add to nothing', () => {
    expect(missingLines([])).toEqual([]);
    expect(missingLines([box(0, 50)])).toEqual([]);
  });
});

describe('lettersOf', () => {
  const alphabet = {
    columns: Int32Array.from([0, 1, 2]),
    letterOf: new Map([
      [1, '1'],
      [2, '2'],
    ]),
  };
  it.each([
    [[0, 1, 1, 0], '1'],
    [[1, 0, 1], '11'],
    [[1, 1, 2, 2, 0, 2], '122'],
    [[0, 0], ''],
    [[3, 1], '1'],
  ])('decodes %j as "%s"', (columns, text) => {
    const values = new Float32Array(columns.length).fill(1);
    const letters = lettersOf(Int32Array.from(columns), values, alphabet);
    expect(letters.map((letter) => letter.text).join('')).toBe(text);
  });
});

describe('lineBoxes', () => {
  it('finds ink, grows it, and leaves out what is faint or tiny', () => {
    const map = new Float32Array(64 * 32);
    const fill = (from: Box, value: number): void => {
      for (let y = from.top; y < from.bottom; y += 1)
        for (let x = from.left; x < from.right; x += 1) map[y * 64 + x] = value;
    };
    fill(box(10, 30, 10, 16), 0.9);
    fill(box(40, 60, 10, 16), 0.4);
    fill(box(40, 42, 24, 26), 0.9);
    const boxes = lineBoxes(map, 64, 32);
    expect(boxes).toHaveLength(1);
    expect(boxes[0]?.left).toBeLessThan(10);
    expect(boxes[0]?.right).toBeGreaterThan(30);
    expect(boxes[0]?.right).toBeLessThan(36);
  });
});

/** Noise that is never the same, with a striped panel that is. */
function scene(seed: number, panel: Box | undefined): { width: number; height: number; rgb: Uint8Array } {
  const width = 320;
  const height = 128;
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const isPanel =
        panel !== undefined && x >= panel.left && x < panel.right && y >= panel.top && y < panel.bottom;
      const noise = (Math.imul(x * 7919 + y * 104_729 + seed * 15_485_863, 2_654_435_761) >>> 24) & 255;
      rgb.fill(isPanel ? (x % 8 < 4 ? 255 : 0) : noise, (y * width + x) * 3, (y * width + x) * 3 + 3);
    }
  }
  return { width, height, rgb };
}

describe('staticRegions', () => {
  it('finds the panel that stays while the rest moves, in its own band', () => {
    const panel = box(48, 144, 16, 48);
    const [one, two] = [1, 2].map((seed) => lumaOf(scene(seed, panel), 2));
    if (!one || !two) throw new Error('no pictures');
    const regions = staticRegions(one, two, 64);
    expect(regions).toHaveLength(1);
    expect(regions[0]?.left).toBeLessThanOrEqual(48);
    expect(regions[0]?.right).toBeGreaterThanOrEqual(144);
    expect(regions[0]?.bottom).toBeLessThanOrEqual(64);
  });

  it('finds nothing where all moves', () => {
    expect(staticRegions(lumaOf(scene(1, undefined), 2), lumaOf(scene(2, undefined), 2), 64)).toEqual([]);
  });
});

describe('resample', () => {
  it('keeps a picture of the same size as it is, and repeats the edge outside', () => {
    const picture = { width: 2, height: 1, rgb: Uint8Array.from([0, 0, 0, 200, 100, 50]) };
    expect(resample(picture, box(0, 2, 0, 1), 2, 1).rgb).toEqual(picture.rgb);
    expect([...resample(picture, box(2, 4, 0, 1), 2, 1).rgb]).toEqual([200, 100, 50, 200, 100, 50]);
    expect([...resample(picture, box(0, 2, 0, 1), 1, 1).rgb]).toEqual([100, 50, 25]);
  });
});
