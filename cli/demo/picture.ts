import type { TextMask } from './stroke-font.ts';

/** Luma and chroma, BT.709 limited range. */
export type Colour = readonly [number, number, number];

/** A picture in planar 4:2:0, the form that encoders take without converting. Sizes and chroma positions are even. */
export class Picture {
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
  readonly #luma: Uint8Array;
  readonly #chroma: readonly [Uint8Array, Uint8Array];

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    const pixels = width * height;
    this.bytes = new Uint8Array((pixels * 3) / 2);
    this.#luma = this.bytes.subarray(0, pixels);
    this.#chroma = [this.bytes.subarray(pixels, pixels * 1.25), this.bytes.subarray(pixels * 1.25)];
  }

  fillRect(x: number, y: number, width: number, height: number, colour: Colour): void {
    for (let row = 0; row < height; row += 1) this.#fillRow(x, x + width, y + row, colour);
  }

  fillEllipse(cx: number, cy: number, rx: number, ry: number, colour: Colour): void {
    for (let y = Math.ceil(cy - ry); y <= cy + ry; y += 1) {
      const half = rx * Math.sqrt(Math.max(0, 1 - ((y - cy) / ry) ** 2));
      this.#fillRow(cx - half, cx + half, y, colour);
    }
  }

  /** Copies a part of `from`, of this picture's size, whose left top corner is at (`fromX`, `fromY`); both even. */
  copyFrom(from: Picture, fromX: number, fromY: number): void {
    copyPlane(from.#luma, from.width, this.#luma, this.width, this.height, fromX, fromY);
    for (const plane of [0, 1] as const) {
      copyPlane(
        from.#chroma[plane],
        from.width / 2,
        this.#chroma[plane],
        this.width / 2,
        this.height / 2,
        fromX / 2,
        fromY / 2,
      );
    }
  }

  /** The half-size part of `from` at (`fromX`, `fromY`), both even, at twice the size. */
  magnifyFrom(from: Picture, fromX: number, fromY: number): void {
    magnifyPlane(from.#luma, from.width, this.#luma, this.width, this.height, fromX, fromY);
    for (const plane of [0, 1] as const) {
      magnifyPlane(
        from.#chroma[plane],
        from.width / 2,
        this.#chroma[plane],
        this.width / 2,
        this.height / 2,
        fromX / 2,
        fromY / 2,
      );
    }
  }

  /** Text in white or any other luma; the chroma below it stays. */
  drawMask(mask: TextMask, left: number, top: number, luma: number): void {
    for (let y = 0; y < mask.height; y += 1) {
      const row = (top + y) * this.width + left;
      for (let x = 0; x < mask.width; x += 1) {
        const ink = mask.ink[y * mask.width + x] ?? 0;
        if (ink === 0) continue;
        const below = this.#luma[row + x] ?? 0;
        this.#luma[row + x] = below + ((luma - below) * ink) / 255;
      }
    }
  }

  #fillRow(from: number, to: number, y: number, [luma, blue, red]: Colour): void {
    const start = Math.max(0, Math.round(from));
    const end = Math.min(this.width, Math.round(to));
    const row = Math.round(y);
    if (row < 0 || row >= this.height || start >= end) return;
    this.#luma.fill(luma, row * this.width + start, row * this.width + end);
    if (row % 2 === 1) return;
    const chromaRow = (row / 2) * (this.width / 2);
    this.#chroma[0].fill(blue, chromaRow + (start >> 1), chromaRow + ((end + 1) >> 1));
    this.#chroma[1].fill(red, chromaRow + (start >> 1), chromaRow + ((end + 1) >> 1));
  }
}

export function colour(red: number, green: number, blue: number): Colour {
  const luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return [
    Math.round(16 + (luma * 219) / 255),
    Math.round(128 + ((blue - luma) / 1.8556 / 255) * 224),
    Math.round(128 + ((red - luma) / 1.5748 / 255) * 224),
  ];
}

function copyPlane(
  from: Uint8Array,
  fromWidth: number,
  to: Uint8Array,
  width: number,
  height: number,
  fromX: number,
  fromY: number,
): void {
  for (let y = 0; y < height; y += 1) {
    const start = (fromY + y) * fromWidth + fromX;
    to.set(from.subarray(start, start + width), y * width);
  }
}

function magnifyPlane(
  from: Uint8Array,
  fromWidth: number,
  to: Uint8Array,
  width: number,
  height: number,
  fromX: number,
  fromY: number,
): void {
  for (let y = 0; y < height; y += 2) {
    let source = (fromY + (y >> 1)) * fromWidth + fromX;
    const row = y * width;
    for (let x = 0; x < width; x += 2) {
      const value = from[source] ?? 0;
      to[row + x] = value;
      to[row + x + 1] = value;
      source += 1;
    }
    to.copyWithin(row + width, row, row + width);
  }
}
