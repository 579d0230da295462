import { describe, expect, it } from 'vitest';

import {
  probabilitiesOf,
  readClassScores,
  type ScoredTime,
} from '../../../analytics/detectors/class-scores.ts';
import { modelManifest, type ModelManifest } from '../../../analytics/inference/model-manifest.ts';
import { spotterManifest } from '../support/model-fixtures.ts';

function manifest(post: { windowSec: number; threshold?: Record<string, number> }): ModelManifest {
  return modelManifest.parse({ ...spotterManifest(new Uint8Array(), { frames: 4, layout: 'BTCHW' }), post });
}

function times(...goal: number[]): ScoredTime[] {
  return goal.map((value, index) => ({ atMs: index * 1000, scores: [1 - value, value] }));
}

function peaks(post: { windowSec: number; threshold?: Record<string, number> }, ...goal: number[]): number[] {
  return readClassScores(manifest(post), times(...goal)).spots.map(({ atMs }) => atMs);
}

describe('the scores of a model', () => {
  it('are a signal for each class of interest, with its name and unit', () => {
    const { signals, spots } = readClassScores(manifest({ windowSec: 2 }), times(0.1, 0.91234, 0.2));
    expect(signals).toEqual([
      { name: 'red-spotter.goal', unit: '0-1', atMs: [0, 1000, 2000], values: [0.1, 0.912, 0.2] },
    ]);
    expect(spots).toEqual([
      {
        atMs: 1000,
        label: 'goal',
        confidence: 0.91234,
        source: 'red-spotter',
        durationMs: 0,
        evidence: { class: 'goal', score: 0.912 },
      },
    ]);
  });

  it('make a spot from the threshold on, the one of the class before that of all', () => {
    expect(peaks({ windowSec: 0, threshold: { '*': 0.5 } }, 0.499, 0.5)).toEqual([1000]);
    expect(peaks({ windowSec: 0, threshold: { '*': 0.5, goal: 0.7 } }, 0.69, 0.7)).toEqual([1000]);
  });

  it('make one spot of those nearer together than the window: the highest, whatever its place', () => {
    expect(peaks({ windowSec: 2 }, 0.6, 0.8, 0.7)).toEqual([1000]);
    expect(peaks({ windowSec: 2 }, 0.6, 0.7, 0.8)).toEqual([0, 2000]);
    expect(peaks({ windowSec: 2.001 }, 0.6, 0.7, 0.8)).toEqual([2000]);
    // What has fallen itself fells nothing.
    expect(peaks({ windowSec: 2 }, 0.9, 0.8, 0.7)).toEqual([0, 2000]);
    expect(peaks({ windowSec: 1 }, 0.6, 0.6)).toEqual([0, 1000]);
  });

  it('of the segment itself alone are reported, though a higher one beside it fells its own', () => {
    const own = { fromMs: 1000, untilMs: 3000 };
    const low = readClassScores(manifest({ windowSec: 2 }), times(0.9, 0.8, 0.1, 0.7), own);
    expect(low.spots).toEqual([]);
    expect(low.signals[0]?.atMs).toEqual([1000, 2000]);
    const high = readClassScores(manifest({ windowSec: 2 }), times(0.7, 0.8, 0.1, 0.9), own);
    expect(high.spots.map(({ atMs }) => atMs)).toEqual([1000]);
  });

  it.each([
    ['none', [0.2, 0.8]],
    ['sigmoid', [1 / (1 + Math.exp(-0.2)), 1 / (1 + Math.exp(-0.8))]],
    ['softmax', [1 / (1 + Math.exp(0.6)), 1 / (1 + Math.exp(-0.6))]],
  ] as const)('become probabilities by %s', (activation, due) => {
    const it = manifest({ windowSec: 1 });
    const made = { ...it, outputs: it.outputs.map((output) => ({ ...output, activation })) };
    const [row, next] = probabilitiesOf(made, {
      dims: [1, 2, 2],
      data: Float32Array.of(0.2, 0.8, 500, -500),
    });
    expect(row?.[0]).toBeCloseTo(due[0], 6);
    expect(row?.[1]).toBeCloseTo(due[1], 6);
    if (activation !== 'none') expect(next?.map(Math.round)).toEqual([1, 0]); // No overflow.
  });
});
