import { describe, expect, it } from 'vitest';

import type { Picture } from '../../../analytics/detectors/detector.ts';
import {
  frameGrid,
  mergeScores,
  pictureOf,
  placeWindows,
} from '../../../analytics/detectors/spotter-windows.ts';
import type { ModelWindow } from '../../../analytics/inference/model-manifest.ts';

const window: ModelWindow = {
  frames: 4,
  stride: 2,
  receptiveField: 1,
  anchor: 'all',
  pad: 'edge',
  merge: 'mean',
};

function picture(atMs: number): Picture {
  return { atMs, width: 1, height: 1, rgb: Uint8Array.of(atMs / 1000, 0, 0) };
}

/** A segment from 10 s to 14 s at 1 picture a second, and what is known around it. */
function grid(options: { from?: number; until?: number; without?: number[]; fps?: number } = {}) {
  const { from = 10, until = 14, without = [], fps = 1 } = options;
  const seconds = Array.from({ length: until - from }, (_, index) => from + index).filter(
    (second) => !without.includes(second),
  );
  const at = (inside: (second: number) => boolean) =>
    seconds.filter(inside).map((second) => picture(second * 1000));
  return frameGrid(
    {
      startMs: 10_000,
      endMs: 14_000,
      pictures: at((second) => second >= 10 && second < 14),
      neighbours: { before: at((second) => second < 10), behind: at((second) => second >= 14) },
    },
    fps,
  );
}

function rows(start: number, ...values: number[]): Parameters<typeof mergeScores>[2][number] {
  return { start, rows: values.map((value) => [value]) };
}

function valuesOf(...all: Parameters<typeof mergeScores>): (number | undefined)[] {
  return mergeScores(...all).map(({ scores }) => scores[0]);
}

describe('the grid of frames', () => {
  it('is that of the run: each frame takes the nearest picture, and knows which are its own', () => {
    const off = frameGrid(
      { startMs: 10_000, endMs: 12_000, pictures: [10_100, 10_600, 11_100, 11_580].map(picture) },
      2,
    );
    expect(off.first).toBe(20);
    expect(off.pictures.map((one) => one?.atMs)).toEqual([10_100, 10_600, 11_100, 11_580]);
    expect([off.ownFrom, off.ownUntil]).toEqual([20, 24]);
  });

  it('has holes where there is no picture within one frame', () => {
    expect(grid({ without: [11, 12] }).pictures.map((one) => one?.atMs)).toEqual([
      10_000, 10_000, 13_000, 13_000,
    ]);
    expect(grid({ until: 18, without: [12, 13, 14] }).pictures.map((one) => one?.atMs)).toEqual([
      10_000,
      11_000,
      11_000,
      undefined,
      15_000,
      15_000,
      16_000,
      17_000,
    ]);
  });

  it('of a segment without pictures is empty', () => {
    const empty = frameGrid({ startMs: 0, endMs: 4000, pictures: [] }, 2);
    expect(empty.pictures).toEqual([]);
    expect(placeWindows(empty, window, 2)).toEqual([]);
  });
});

describe('windows', () => {
  it('run over the borders of the segment into what is there, the last one ending with it', () => {
    expect(placeWindows(grid({ from: 6, until: 17 }), window, 0)).toEqual([8, 10, 12, 13]);
    expect(placeWindows(grid({ from: 6, until: 17 }), window, 1)).toEqual([6, 8, 10, 12, 13]);
  });

  it('stay inside the segment where nothing is beside it', () => {
    expect(placeWindows(grid(), window, 5)).toEqual([10]);
  });

  it('longer than what is there have it in their middle', () => {
    expect(placeWindows(grid(), { ...window, frames: 10 }, 0)).toEqual([7]);
    expect(placeWindows(grid(), { ...window, frames: 5 }, 0)).toEqual([10]);
  });

  it('for their middle alone lie around every frame', () => {
    const middle: ModelWindow = { ...window, frames: 3, stride: 1, anchor: 'middle' };
    expect(placeWindows(grid(), middle, 0)).toEqual([9, 10, 11, 12]);
    expect(placeWindows(grid({ from: 6, until: 17 }), middle, 1)).toEqual([8, 9, 10, 11, 12, 13]);
  });

  it('are filled up with the nearest picture, or left black', () => {
    expect(pictureOf(grid(), 8, 'edge')?.atMs).toBe(10_000);
    expect(pictureOf(grid(), 20, 'edge')?.atMs).toBe(13_000);
    expect(pictureOf(grid(), 8, 'zero')).toBeUndefined();
    expect(pictureOf(grid(), 12, 'zero')?.atMs).toBe(12_000);
  });
});

describe('scores of several windows', () => {
  it('become one a frame: their mean, or their maximum', () => {
    const windows = [rows(10, 0, 0.2, 0.4, 0.6), rows(12, 0.8, 0.8, 0, 0)];
    expect(valuesOf(grid({ until: 16 }), window, windows)).toEqual([0, 0.2, (0.4 + 0.8) / 2, 0.7, 0, 0]);
    expect(valuesOf(grid({ until: 16 }), { ...window, merge: 'max' }, windows)).toEqual([
      0, 0.2, 0.8, 0.8, 0, 0,
    ]);
  });

  it('count only where the whole receptive field is in the window, as long as one has it whole', () => {
    const windows = [rows(10, 0.1, 0.1, 0.1, 0.9), rows(12, 0.9, 0.2, 0.2, 0.2)];
    // Frame 12 is whole in the first, 13 in the second; the ends are whole in none.
    expect(valuesOf(grid({ until: 16 }), { ...window, receptiveField: 3 }, windows)).toEqual([
      0.1, 0.1, 0.1, 0.2, 0.2, 0.2,
    ]);
  });

  it('do not count padding as seen', () => {
    const windows = [rows(8, 0.9, 0.9, 0.3, 0.9), rows(9, 0.9, 0.5, 0.9, 0.9)];
    // Frame 10 is the first there is: no window sees what is before it, so both count.
    expect(valuesOf(grid(), { ...window, receptiveField: 3 }, windows)[0]).toBeCloseTo(0.4, 9);
  });

  it('are of the middle frame alone where the model gives one row a window', () => {
    const middle: ModelWindow = { ...window, frames: 3, stride: 1, anchor: 'middle' };
    expect(mergeScores(grid(), middle, [rows(9, 0.1), rows(10, 0.7)])).toEqual([
      { atMs: 10_000, scores: [0.1] },
      { atMs: 11_000, scores: [0.7] },
    ]);
  });
});
