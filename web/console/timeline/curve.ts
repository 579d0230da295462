import { firstIndex } from '../../../core/first-index.ts';
import type { Curve } from './timeline-data.ts';
import { spanMsOf, type TimeView, xOf } from './time-view.ts';

/** Index of the last point at or before `atMs`; -1 before the first. */
export function indexAt({ atMs: times }: Pick<Curve, 'atMs'>, atMs: number): number {
  return firstIndex(times, (time) => time > atMs) - 1;
}

/** Undefined where nothing is known within `reachMs`. */
export function valueAt(curve: Curve, atMs: number, reachMs = 5_000): number | undefined {
  const index = indexAt(curve, atMs);
  const [before, after] = [curve.atMs[index], curve.atMs[index + 1]];
  const isBeforeNearer = after === undefined || (before !== undefined && atMs - before <= after - atMs);
  const nearest = isBeforeNearer ? index : index + 1;
  const [time, value] = [curve.atMs[nearest], curve.values[nearest]];
  if (time === undefined || value === undefined || Number.isNaN(value)) return undefined;
  return Math.abs(time - atMs) <= reachMs ? value : undefined;
}

/** What to draw: one point per pixel column, the highest of those in it, so that no peak is lost however far one is out. */
export function columnsOf(curve: Curve, view: TimeView): { xPx: number; value: number }[] {
  const columns: { xPx: number; value: number }[] = [];
  // One point beyond each border, so that the line goes on to it.
  const first = Math.max(0, indexAt(curve, view.fromMs));
  const last = Math.min(curve.atMs.length - 1, indexAt(curve, view.toMs) + 1);
  const msPerPx = spanMsOf(view) / Math.max(1, view.widthPx);
  let column = -Infinity;
  for (let index = first; index <= last; index += 1) {
    const [time, value] = [curve.atMs[index] ?? 0, curve.values[index] ?? Number.NaN];
    const own = Math.floor((time - view.fromMs) / msPerPx);
    const newest = columns.at(-1);
    if (own !== column || !newest) columns.push({ xPx: xOf(view, time), value });
    else if (!(newest.value >= value)) newest.value = value;
    column = own;
  }
  return columns;
}

/** The highest point within `reachMs` of `atMs`: where somebody who double clicks meant. */
export function peakNear(curve: Curve, atMs: number, reachMs: number): number | undefined {
  let [best, bestMs]: [number, number | undefined] = [-Infinity, undefined];
  for (let index = Math.max(0, indexAt(curve, atMs - reachMs)); index < curve.atMs.length; index += 1) {
    const [time, value] = [curve.atMs[index] ?? 0, curve.values[index] ?? 0];
    if (time > atMs + reachMs) break;
    if (time >= atMs - reachMs && value > best) [best, bestMs] = [value, time];
  }
  return bestMs;
}
