/** A rectangle of pixels, right and bottom exclusive. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface RgbPicture {
  width: number;
  height: number;
  /** 3 bytes a pixel. */
  rgb: Uint8Array;
}

/** Brightness of every `step`-th pixel of every `step`-th row: what differences and textures are measured on. */
export interface Luma {
  width: number;
  height: number;
  step: number;
  values: Uint8Array;
}

export function lumaOf(picture: RgbPicture, step: number): Luma {
  const width = Math.floor(picture.width / step);
  const height = Math.floor(picture.height / step);
  const values = new Uint8Array(width * height);
  let to = 0;
  for (let y = 0; y < height; y += 1) {
    let from = y * step * picture.width * 3;
    for (let x = 0; x < width; x += 1, from += step * 3, to += 1) {
      // BT.601 weights in 1/256.
      values[to] =
        ((picture.rgb[from] ?? 0) * 77 +
          (picture.rgb[from + 1] ?? 0) * 150 +
          (picture.rgb[from + 2] ?? 0) * 29) >>
        8;
    }
  }
  return { width, height, step, values };
}

/** A cut of the picture in another size, bilinear. Parts outside the picture repeat its edge. */
export function resample(picture: RgbPicture, box: Box, width: number, height: number): RgbPicture {
  const rgb = new Uint8Array(width * height * 3);
  const columns = taps(box.left, box.right, width, picture.width);
  const rows = taps(box.top, box.bottom, height, picture.height);
  let to = 0;
  for (let y = 0; y < height; y += 1) {
    const upper = (rows.first[y] ?? 0) * picture.width;
    const lower = (rows.second[y] ?? 0) * picture.width;
    const down = rows.share[y] ?? 0;
    for (let x = 0; x < width; x += 1) {
      const left = columns.first[x] ?? 0;
      const right = columns.second[x] ?? 0;
      const across = columns.share[x] ?? 0;
      for (let channel = 0; channel < 3; channel += 1, to += 1) {
        const above = mix(picture.rgb, (upper + left) * 3 + channel, (upper + right) * 3 + channel, across);
        const below = mix(picture.rgb, (lower + left) * 3 + channel, (lower + right) * 3 + channel, across);
        rgb[to] = above + (below - above) * down + 0.5;
      }
    }
  }
  return { width, height, rgb };
}

function mix(rgb: Uint8Array, one: number, other: number, share: number): number {
  const value = rgb[one] ?? 0;
  return value + ((rgb[other] ?? 0) - value) * share;
}

/** For each target position the two source positions it lies between, and how near it is to the second. */
function taps(
  from: number,
  until: number,
  count: number,
  limit: number,
): { first: Int32Array; second: Int32Array; share: Float32Array } {
  const first = new Int32Array(count);
  const second = new Int32Array(count);
  const share = new Float32Array(count);
  const scale = (until - from) / count;
  for (let index = 0; index < count; index += 1) {
    const at = Math.min(limit - 1, Math.max(0, from + (index + 0.5) * scale - 0.5));
    const whole = Math.floor(at);
    first[index] = whole;
    second[index] = Math.min(limit - 1, whole + 1);
    share[index] = at - whole;
  }
  return { first, second, share };
}
