import type { Box, Luma } from './pixels.ts';

/** A tile is 16 x 16 picture pixels: about the height of the smallest text that can be read. */
const tilePixels = 16;
/** Mean difference of a tile that stands still, in brightness steps: compression moves a still tile by 1 to 3. */
const stillDifferenceMax = 5;
/** Brightness range of a tile with an edge of text in it; grass and crowd stay below. */
const textRangeMin = 70;
/** Fewer tiles are a glint. */
const tileCountMin = 3;

/**
 * Where the picture has edges that stay in place from one picture to the next: overlays, while the camera moves. Boxes in
 * picture pixels with room around them for the digits that do change; largest first.
 *
 * @param bandRows pictures are two bands, one above the other; no region spans both
 */
export function staticRegions(before: Luma, after: Luma, bandRows: number): Box[] {
  const perTile = Math.max(1, Math.round(tilePixels / after.step));
  const columns = Math.floor(after.width / perTile);
  const rows = Math.floor(after.height / perTile);
  const isStill = new Uint8Array(columns * rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      if (isStillText(before, after, column * perTile, row * perTile, perTile))
        isStill[row * columns + column] = 1;
    }
  }
  const pixels = perTile * after.step;
  const bandTiles = Math.round(bandRows / pixels);
  return groups(isStill, columns, bandTiles)
    .filter((group) => group.count >= tileCountMin)
    .toSorted((one, other) => other.count - one.count)
    .map(({ left, top, right, bottom }) => {
      const inTop = top < bandTiles;
      return {
        left: Math.max(0, (left - 3) * pixels),
        right: Math.min(after.width * after.step, (right + 3) * pixels),
        top: Math.max(inTop ? 0 : bandRows, (top - 1) * pixels),
        bottom: Math.min(inTop ? bandRows : after.height * after.step, (bottom + 1) * pixels),
      };
    });
}

function isStillText(before: Luma, after: Luma, left: number, top: number, size: number): boolean {
  let difference = 0;
  let darkest = 255;
  let brightest = 0;
  for (let y = top; y < top + size; y += 1) {
    for (let x = left, at = y * after.width + left; x < left + size; x += 1, at += 1) {
      const value = after.values[at] ?? 0;
      difference += Math.abs(value - (before.values[at] ?? 0));
      if (value < darkest) darkest = value;
      if (value > brightest) brightest = value;
    }
  }
  return difference <= stillDifferenceMax * size * size && brightest - darkest >= textRangeMin;
}

interface Group extends Box {
  count: number;
}

/** Still tiles at most three columns and one row apart belong together: the fields of one bug. */
function groups(isStill: Uint8Array, columns: number, bandTiles: number): Group[] {
  const seen = new Uint8Array(isStill.length);
  const found: Group[] = [];
  for (let start = 0; start < isStill.length; start += 1) {
    if (isStill[start] === 0 || seen[start] === 1) continue;
    const group: Group = { left: columns, right: 0, top: Infinity, bottom: 0, count: 0 };
    const open = [start];
    seen[start] = 1;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const column = at % columns;
      const row = Math.floor(at / columns);
      group.count += 1;
      group.left = Math.min(group.left, column);
      group.right = Math.max(group.right, column + 1);
      group.top = Math.min(group.top, row);
      group.bottom = Math.max(group.bottom, row + 1);
      for (let y = row - 1; y <= row + 1; y += 1) {
        if (y < bandTiles !== row < bandTiles) continue;
        for (let x = Math.max(0, column - 3); x <= Math.min(columns - 1, column + 3); x += 1) {
          const next = y * columns + x;
          if (isStill[next] !== 1 || seen[next] === 1) continue;
          seen[next] = 1;
          open.push(next);
        }
      }
    }
    found.push(group);
  }
  return found;
}
