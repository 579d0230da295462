import { clockOf } from '../words.ts';
import { spanMsOf, type TimeView, xOf } from './time-view.ts';

export interface Tick {
  atMs: number;
  xPx: number;
  /** Empty on the lines between. */
  label: string;
}

const second = 1_000;
const minute = 60 * second;
/** Steps that people count in, and into how many each is divided. */
const steps: readonly (readonly [stepMs: number, parts: number])[] = [
  [100, 2],
  [500, 5],
  [second, 2],
  [2 * second, 2],
  [5 * second, 5],
  [10 * second, 2],
  [30 * second, 3],
  [minute, 2],
  [2 * minute, 2],
  [5 * minute, 5],
  [10 * minute, 2],
  [30 * minute, 3],
  [60 * minute, 2],
  [120 * minute, 2],
  [360 * minute, 3],
  [1440 * minute, 4],
];
/** "1:02:03" at 12 px with air around it. */
const labelPxMin = 84;

/** Where the grid stands. Lines lie on round times, so they stay with the picture while the view moves. */
export function ticksOf(view: TimeView, labelOf: (atMs: number) => string = timeLabel): Tick[] {
  const msPerPx = spanMsOf(view) / Math.max(1, view.widthPx);
  const [stepMs, parts] = steps.find(([stepMs]) => stepMs / msPerPx >= labelPxMin) ?? [1440 * minute, 4];
  const lineMs = stepMs / parts;
  const ticks: Tick[] = [];
  const first = Math.ceil(view.fromMs / lineMs);
  const last = Math.floor(view.toMs / lineMs);
  for (let nth = first; nth <= last; nth += 1) {
    const atMs = nth * lineMs;
    ticks.push({ atMs, xPx: xOf(view, atMs), label: nth % parts === 0 ? labelOf(atMs) : '' });
  }
  return ticks;
}

/** `12:30`; with tenths where the grid is that fine. */
export function timeLabel(atMs: number): string {
  const tenths = Math.round(atMs / 100) % 10;
  return tenths === 0 ? clockOf(atMs) : `${clockOf(atMs)}.${tenths}`;
}
