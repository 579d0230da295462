import type { ModelWindow } from '../inference/model-manifest.ts';
import type { ScoredTime } from './class-scores.ts';
import type { Picture, SegmentSample } from './detector.ts';

/** The pictures that are there, on a grid of 1/fps from the start of the run: neighbouring segments share it. */
export interface FrameGrid {
  /** Of every frame from `first` on; undefined = there is no picture near it. */
  pictures: readonly (Picture | undefined)[];
  /** Number of the first frame of the grid, and of the first and the one behind the last of the segment itself. */
  first: number;
  ownFrom: number;
  ownUntil: number;
  periodMs: number;
}

type Shown = Pick<SegmentSample, 'startMs' | 'endMs' | 'pictures' | 'neighbours'>;

export function frameGrid(sample: Shown, fps: number): FrameGrid {
  const periodMs = 1000 / fps;
  const { before = [], behind = [] } = sample.neighbours ?? {};
  const pictures = [...before, ...sample.pictures, ...behind].toSorted((one, other) => one.atMs - other.atMs);
  const first = Math.round((pictures[0]?.atMs ?? sample.startMs) / periodMs);
  const last = Math.round((pictures.at(-1)?.atMs ?? sample.startMs) / periodMs);
  const nearest: (Picture | undefined)[] = [];
  for (let frame = first, at = 0; pictures.length > 0 && frame <= last; frame += 1) {
    const distance = (index: number): number =>
      Math.abs((pictures[index]?.atMs ?? Infinity) - frame * periodMs);
    while (distance(at + 1) <= distance(at)) at += 1;
    nearest.push(distance(at) <= periodMs ? pictures[at] : undefined);
  }
  return {
    pictures: nearest,
    first,
    ownFrom: Math.ceil(sample.startMs / periodMs),
    ownUntil: Math.ceil(sample.endMs / periodMs),
    periodMs,
  };
}

/**
 * Numbers of the first frames of the windows that see the segment or `reach` frames beside it. Windows lie within what is
 * there where that is long enough; a longer window has what is there in its middle.
 */
export function placeWindows(grid: FrameGrid, window: ModelWindow, reach: number): number[] {
  const { first, ownFrom, ownUntil } = grid;
  const until = first + grid.pictures.length;
  const from = Math.max(first, ownFrom - reach);
  const to = Math.min(until, ownUntil + reach);
  if (from >= to) return [];
  if (window.anchor === 'middle') {
    const half = Math.floor(window.frames / 2);
    return Array.from({ length: to - from }, (_, index) => from + index - half);
  }
  const spare = window.frames - (until - first);
  if (spare >= 0) return [first - Math.floor(spare / 2)];
  const starts: number[] = [];
  for (let start = first; start + window.frames < until; start += window.stride) starts.push(start);
  starts.push(until - window.frames);
  return starts.filter((start) => start < to && start + window.frames > from);
}

/** The picture of a frame, or the nearest one that is there (`edge`), or none, which is black (`zero`). */
export function pictureOf(grid: FrameGrid, frame: number, pad: ModelWindow['pad']): Picture | undefined {
  const { pictures, first } = grid;
  const here = pictures[frame - first];
  if (here || pad === 'zero') return here;
  for (let away = 1; away <= pictures.length + Math.abs(frame - first); away += 1) {
    const near = pictures[frame - first - away] ?? pictures[frame - first + away];
    if (near) return near;
  }
  return undefined;
}

/**
 * One row of probabilities for each frame that is there: the mean or the maximum of what the windows say of it, those alone
 * in which its whole receptive field is, as long as there is one.
 *
 * @param windows with their rows: one a frame, or one for the middle
 */
export function mergeScores(
  grid: FrameGrid,
  window: ModelWindow,
  windows: readonly { start: number; rows: readonly (readonly number[])[] }[],
): ScoredTime[] {
  const until = grid.first + grid.pictures.length;
  const halfField = Math.floor((window.receptiveField - 1) / 2);
  return grid.pictures.flatMap((picture, index): ScoredTime[] => {
    if (!picture) return [];
    const frame = grid.first + index;
    const seen = windows.flatMap(({ start, rows }) => {
      const row = window.anchor === 'middle' ? 0 : frame - start;
      const isMiddle = frame === start + Math.floor(window.frames / 2);
      const scores = window.anchor === 'middle' && !isMiddle ? undefined : rows[row];
      if (!scores) return [];
      const isWhole =
        frame - Math.max(start, grid.first) >= halfField &&
        Math.min(start + window.frames, until) - 1 - frame >= halfField;
      return [{ scores, isWhole }];
    });
    if (seen.length === 0) return [];
    const whole = seen.filter((one) => one.isWhole);
    const used = (whole.length > 0 ? whole : seen).map((one) => one.scores);
    return [{ atMs: Math.round(frame * grid.periodMs), scores: merge(used, window.merge) }];
  });
}

function merge(rows: readonly (readonly number[])[], how: ModelWindow['merge']): number[] {
  const [first = []] = rows;
  return first.map((_, column) => {
    const values = rows.map((row) => row[column] ?? 0);
    return how === 'max'
      ? Math.max(...values)
      : values.reduce((sum, value) => sum + value, 0) / values.length;
  });
}
