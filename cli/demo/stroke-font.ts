type Point = readonly [number, number];
type Stroke = readonly Point[];

/** How much of each pixel of a text is inked, 0 to 255. */
export interface TextMask {
  width: number;
  height: number;
  ink: Uint8Array;
}

/**
 * Draws text with strokes of its own, so that the score bug looks the same on a machine without any font. Letters stand
 * in a box 0.6 wide and 1 high, y downwards.
 */
export function drawText(text: string, heightPx: number): TextMask {
  const weight = 0.085; // half a stroke: 34 px high text gets strokes of 6 px, which OCR and people read alike
  const advancePx = Math.round(heightPx * 0.86);
  const marginPx = Math.ceil(heightPx * weight) + 1;
  const width = Math.max(1, text.length * advancePx) + marginPx;
  const height = heightPx + 2 * marginPx;
  const ink = new Uint8Array(width * height);
  for (let index = 0; index < text.length; index += 1) {
    const strokes = letters[text.charAt(index)] ?? [];
    const left = index * advancePx + marginPx;
    for (let y = 0; y < height; y += 1) {
      for (let x = left - marginPx; x < Math.min(width, left + advancePx); x += 1) {
        const distance = distanceTo(strokes, (x - left + 0.5) / heightPx, (y - marginPx + 0.5) / heightPx);
        const cover = (weight - distance) * heightPx + 0.5;
        const at = y * width + x;
        ink[at] = Math.max(ink[at] ?? 0, Math.min(255, Math.max(0, cover * 255)));
      }
    }
  }
  return { width, height, ink };
}

function distanceTo(strokes: readonly Stroke[], x: number, y: number): number {
  let nearest = Infinity;
  for (const stroke of strokes) {
    for (let index = 0; index < stroke.length; index += 1) {
      const [ax, ay] = stroke[Math.max(0, index - 1)] ?? [0, 0];
      const [bx, by] = stroke[index] ?? [0, 0];
      const lengthSquared = (bx - ax) ** 2 + (by - ay) ** 2;
      const along = lengthSquared === 0 ? 0 : ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / lengthSquared;
      const clamped = Math.min(1, Math.max(0, along));
      nearest = Math.min(nearest, Math.hypot(x - ax - clamped * (bx - ax), y - ay - clamped * (by - ay)));
    }
  }
  return nearest;
}

/** Part of an ellipse, in degrees, 0 = right, clockwise because y points down. */
function arc(cx: number, cy: number, rx: number, ry: number, from: number, to: number): Point[] {
  return Array.from({ length: 17 }, (_, step) => {
    const angle = ((from + ((to - from) * step) / 16) * Math.PI) / 180;
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });
}

const letters: Record<string, readonly Stroke[]> = {
  '0': [[...arc(0.3, 0.27, 0.27, 0.27, 180, 360), ...arc(0.3, 0.73, 0.27, 0.27, 0, 180), [0.03, 0.27]]],
  '1': [
    [
      [0.12, 0.2],
      [0.34, 0],
      [0.34, 1],
    ],
  ],
  '2': [[...arc(0.3, 0.28, 0.27, 0.28, 180, 390), [0.03, 1], [0.57, 1]]],
  '3': [arc(0.28, 0.25, 0.25, 0.25, 200, 450), arc(0.28, 0.74, 0.29, 0.26, 270, 515)],
  '4': [
    [
      [0.57, 0.7],
      [0, 0.7],
      [0.4, 0],
      [0.4, 1],
    ],
  ],
  '5': [[[0.53, 0], [0.1, 0], [0.06, 0.45], ...arc(0.28, 0.69, 0.29, 0.31, 235, 510)]],
  '6': [
    [
      [0.45, 0],
      [0.1, 0.5],
    ],
    arc(0.3, 0.69, 0.28, 0.31, 0, 360),
  ],
  '7': [
    [
      [0.03, 0],
      [0.57, 0],
      [0.2, 1],
    ],
  ],
  '8': [arc(0.3, 0.245, 0.24, 0.245, 0, 360), arc(0.3, 0.745, 0.28, 0.255, 0, 360)],
  '9': [
    arc(0.3, 0.31, 0.28, 0.31, 0, 360),
    [
      [0.5, 0.5],
      [0.15, 1],
    ],
  ],
  A: [
    [
      [0, 1],
      [0.3, 0],
      [0.6, 1],
    ],
    [
      [0.1, 0.68],
      [0.5, 0.68],
    ],
  ],
  H: [
    [
      [0.04, 0],
      [0.04, 1],
    ],
    [
      [0.56, 0],
      [0.56, 1],
    ],
    [
      [0.04, 0.5],
      [0.56, 0.5],
    ],
  ],
  L: [
    [
      [0.06, 0],
      [0.06, 1],
      [0.55, 1],
    ],
  ],
  N: [
    [
      [0.04, 1],
      [0.04, 0],
      [0.56, 1],
      [0.56, 0],
    ],
  ],
  V: [
    [
      [0, 0],
      [0.3, 1],
      [0.6, 0],
    ],
  ],
  Y: [
    [
      [0, 0],
      [0.3, 0.5],
      [0.6, 0],
    ],
    [
      [0.3, 0.5],
      [0.3, 1],
    ],
  ],
  '-': [
    [
      [0.1, 0.55],
      [0.5, 0.55],
    ],
  ],
  ':': [[[0.3, 0.28]], [[0.3, 0.78]]],
};
