import type { Tensor } from './inference.ts';
import type { VideoInput } from './model-manifest.ts';

/**
 * RGB bytes [N, height, width, 3], or [N, T, height, width, 3] for windows, as the model wants them: colour order, scale,
 * mean and deviation, layout, type.
 */
export function picturesToInput(pictures: Tensor, input: VideoInput): Tensor {
  const leading = pictures.dims.slice(0, -3);
  const [height = 0, width = 0] = pictures.dims.slice(-3);
  const count = leading.reduce((product, size) => product * size, 1);
  const bytes = pictures.data as Uint8Array;
  const pixelCount = height * width;
  const isPlanar = input.layout.endsWith('CHW');
  const dims = isPlanar ? [...leading, 3, height, width] : [...leading, height, width, 3];
  const data =
    input.dtype === 'uint8' ? new Uint8Array(bytes.length) : new Float32Array(count * pixelCount * 3);
  for (let channel = 0; channel < 3; channel += 1) {
    const from = input.color === 'BGR' ? 2 - channel : channel;
    const deviation = input.std[channel] ?? 1;
    const factor = input.scale / deviation;
    const offset = -(input.mean[channel] ?? 0) / deviation;
    const step = isPlanar ? 1 : 3;
    for (let picture = 0; picture < count; picture += 1) {
      const first = picture * pixelCount * 3;
      let at = isPlanar ? first + channel * pixelCount : first + channel;
      const end = first + pixelCount * 3;
      // The hot loop of every picture model: one multiplication and one addition a byte.
      for (let source = first + from; source < end; source += 3, at += step) {
        data[at] = (bytes[source] ?? 0) * factor + offset;
      }
    }
  }
  return { dims, data };
}

/** The best of `columns` (default all) in every row of the last dimension. */
export function bestOfRows(rows: Tensor, columns: Int32Array | undefined): { index: Tensor; value: Tensor } {
  const width = rows.dims.at(-1) ?? 1;
  const dims = rows.dims.slice(0, -1);
  const rowCount = rows.data.length / width;
  const data = rows.data as Float32Array;
  const index = new Int32Array(rowCount);
  const value = new Float32Array(rowCount).fill(-Infinity);
  const candidates = columns ?? Int32Array.from({ length: width }, (_, column) => column);
  for (let row = 0; row < rowCount; row += 1) {
    for (const column of candidates) {
      const score = data[row * width + column] ?? -Infinity;
      if (score <= (value[row] ?? -Infinity)) continue;
      value[row] = score;
      index[row] = column;
    }
  }
  return { index: { dims, data: index }, value: { dims, data: value } };
}
