/** Which part of the picture an upright or square version shows. `x` is 0 (left edge) to 1 (right edge) of the room there is. */
export interface CropWindow {
  leftPx: number;
  topPx: number;
  widthPx: number;
  heightPx: number;
}

export const aspects = { '16:9': 16 / 9, '9:16': 9 / 16, '1:1': 1 } as const;
export type Aspect = keyof typeof aspects;

/** The largest window of this shape in a picture; of a picture that is narrower than it, the middle in height. */
export function cropWindow(
  picture: { widthPx: number; heightPx: number },
  aspect: Aspect,
  x: number,
): CropWindow {
  const shape = aspects[aspect];
  const widthPx = Math.min(picture.widthPx, picture.heightPx * shape);
  const heightPx = Math.min(picture.heightPx, widthPx / shape);
  return {
    leftPx: (picture.widthPx - widthPx) * clamped(x),
    topPx: (picture.heightPx - heightPx) / 2,
    widthPx,
    heightPx,
  };
}

/** `x` after the window was dragged to the right by `byPx`. Where it fills the picture there is nothing to drag. */
export function draggedX(
  picture: { widthPx: number; heightPx: number },
  aspect: Aspect,
  x: number,
  byPx: number,
): number {
  const room = picture.widthPx - cropWindow(picture, aspect, x).widthPx;
  return room <= 0.5 ? x : rounded(clamped(x + byPx / room));
}

export function clamped(x: number): number {
  return Math.max(0, Math.min(1, x));
}

/** A thousandth of the room is less than two pixels of 1080p. */
export function rounded(x: number): number {
  return Math.round(x * 1000) / 1000;
}
