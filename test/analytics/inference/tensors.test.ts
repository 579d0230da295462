import { describe, expect, it } from 'vitest';

import type { VideoInput } from '../../../analytics/inference/model-manifest.ts';
import { bestOfRows, picturesToInput } from '../../../analytics/inference/tensors.ts';

const input: VideoInput = {
  name: 'x',
  media: 'video',
  fps: 1,
  layout: 'BCHW',
  dtype: 'float32',
  shape: ['N', 3, 1, 2],
  resize: 'exact',
  padValue: 0,
  color: 'RGB',
  scale: 1,
  mean: [0, 0, 0],
  std: [1, 1, 1],
};
/** Two pictures of two pixels. */
const pictures = { dims: [2, 1, 2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) };

describe('pictures on their way into a model', () => {
  it.each<[string, Partial<VideoInput>, number[], number[]]>([
    ['channel by channel', {}, [2, 3, 1, 2], [1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12]],
    ['blue first', { color: 'BGR' }, [2, 3, 1, 2], [3, 6, 2, 5, 1, 4, 9, 12, 8, 11, 7, 10]],
    ['pixel by pixel', { layout: 'BHWC' }, [2, 1, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]],
    [
      'pixel by pixel, blue first',
      { layout: 'BHWC', color: 'BGR' },
      [2, 1, 2, 3],
      [3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10],
    ],
    [
      "scaled, then by mean and deviation in the model's own order",
      { color: 'BGR', scale: 2, mean: [2, 0, 0], std: [4, 1, 1] },
      [2, 3, 1, 2],
      [1, 2.5, 4, 10, 2, 8, 4, 5.5, 16, 22, 14, 20],
    ],
  ])('are laid out %s', (_what, change, dims, values) => {
    const tensor = picturesToInput(pictures, { ...input, ...change });
    expect(tensor.dims).toEqual(dims);
    expect(Array.from(tensor.data, Number)).toEqual(values);
  });

  it('stay bytes where the graph does the rest', () => {
    expect(picturesToInput(pictures, { ...input, dtype: 'uint8', layout: 'BHWC' }).data).toEqual(
      pictures.data,
    );
  });
});

describe('the best of each row', () => {
  const rows = { dims: [1, 2, 4], data: Float32Array.of(0.1, 0.7, 0.2, 0, 0.4, 0.1, 0.4, 0.1) };

  it('is the first of the highest', () => {
    const { index, value } = bestOfRows(rows, undefined);
    expect(index).toEqual({ dims: [1, 2], data: Int32Array.of(1, 0) });
    expect(Array.from(value.data, Number)).toEqual([expect.closeTo(0.7), expect.closeTo(0.4)]);
  });

  it('comes from the allowed columns alone', () => {
    expect(bestOfRows(rows, Int32Array.of(2, 3)).index.data).toEqual(Int32Array.of(2, 2));
  });
});
