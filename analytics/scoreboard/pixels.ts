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

/** 4:2:0 as `detector.ts` describes it. */
export interface PlanarPicture {
  width: number;
  height: number;
  planes: Uint8Array;
}

/** Brightness of every `step`-th pixel of every `step`-th row: what differences and textures are measured on. */
export interface Luma {
  width: number;
  height: number;
  step: number;
  /** 0 to 255. */
  values: Uint8Array;
}

/** From 16 to 235 to the whole range. */
export const brightnessOf = Uint8ClampedArray.from({ length: 256 }, (_, value) => ((value - 16) * 255) / 219);

export function lumaOf(picture: PlanarPicture, step: number): Luma {
  const width = Math.floor(picture.width / step);
  const height = Math.floor(picture.height / step);
  const values = new Uint8Array(width * height);
  let to = 0;
  for (let y = 0; y < height; y += 1) {
    let from = y * step * picture.width;
    for (let x = 0; x < width; x += 1, from += step, to += 1) {
      values[to] = brightnessOf[picture.planes[from] as number] as number;
    }
  }
  return { width, height, step, values };
}

/** A cut of the picture in colour and in another size. */
export function resampleInColour(
  picture: PlanarPicture,
  box: Box,
  width: number,
  height: number,
): RgbPicture {
  // Bilinear: one pixel more on each side.
  const cut = {
    left: clamp(Math.floor(box.left) - 1, picture.width - 1),
    top: clamp(Math.floor(box.top) - 1, picture.height - 1),
    right: clamp(Math.ceil(box.right) + 1, picture.width),
    bottom: clamp(Math.ceil(box.bottom) + 1, picture.height),
  };
  const from = { left: box.left - cut.left, right: box.right - cut.left };
  const rows = { top: box.top - cut.top, bottom: box.bottom - cut.top };
  return resample(inColour(picture, cut), { ...from, ...rows }, width, height);
}

/** BT.601, as ffmpeg takes what is not labelled; text is as readable in the slightly other colours of BT.709. */
function inColour({ width, height, planes }: PlanarPicture, box: Box): RgbPicture {
  const chromaWidth = Math.ceil(width / 2);
  const blue = width * height;
  const red = blue + chromaWidth * Math.ceil(height / 2);
  const cut = { width: Math.max(1, box.right - box.left), height: Math.max(1, box.bottom - box.top) };
  const rgb = new Uint8ClampedArray(cut.width * cut.height * 3);
  let to = 0;
  for (let y = box.top; y < box.top + cut.height; y += 1) {
    const chromaRow = (y >> 1) * chromaWidth;
    for (let x = box.left; x < box.left + cut.width; x += 1, to += 3) {
      const chroma = chromaRow + (x >> 1);
      const brightness = 298 * ((planes[y * width + x] as number) - 16) + 128;
      const blueness = (planes[blue + chroma] as number) - 128;
      const redness = (planes[red + chroma] as number) - 128;
      rgb[to] = (brightness + 409 * redness) >> 8;
      rgb[to + 1] = (brightness - 100 * blueness - 208 * redness) >> 8;
      rgb[to + 2] = (brightness + 516 * blueness) >> 8;
    }
  }
  return { ...cut, rgb: new Uint8Array(rgb.buffer) };
}

function clamp(value: number, most: number): number {
  return Math.min(most, Math.max(0, value));
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
