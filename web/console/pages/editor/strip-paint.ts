import { columnsOf } from '../../timeline/curve.ts';
import type { Palette } from '../../timeline/palette.ts';
import type { Curve } from '../../timeline/timeline-data.ts';
import { paintTickLabel } from '../../timeline/tick-label.ts';
import { ticksOf } from '../../timeline/ticks.ts';
import { type TimeView, xOf } from '../../timeline/time-view.ts';

/** What a strip of the editor shows: sound below, excitement as a line over it, the clip bright and the rest in the shade. */
export interface StripScene {
  inMs: number;
  outMs: number;
  playheadMs: number | undefined;
  /** Where it happened. */
  peakMs: number | undefined;
  /** Half-height of the sound, 0 to 1. */
  sound: Curve | undefined;
  excitement: Curve | undefined;
  gaps: readonly { fromMs: number; toMs: number }[];
  /** What the other strip shows, framed in this one. */
  window: { fromMs: number; toMs: number } | undefined;
  labelOf: (atMs: number) => string;
}

const rulerPx = 20;

export function paintStrip(
  pen: CanvasRenderingContext2D,
  palette: Palette,
  view: TimeView,
  heightPx: number,
  scene: StripScene,
): void {
  const [left, right] = [xOf(view, scene.inMs), xOf(view, scene.outMs)];
  pen.clearRect(0, 0, view.widthPx, heightPx);
  pen.fillStyle = palette.surface;
  pen.fillRect(0, rulerPx, view.widthPx, heightPx - rulerPx);
  pen.fillStyle = palette.raised;
  pen.fillRect(left, rulerPx, right - left, heightPx - rulerPx);
  paintGrid(pen, palette, view, heightPx, scene);
  if (scene.sound) paintSound(pen, palette, view, heightPx, scene.sound, [left, right]);
  if (scene.excitement) paintExcitement(pen, palette, view, heightPx, scene.excitement);
  for (const gap of scene.gaps) {
    pen.globalAlpha = 0.5;
    pen.fillStyle = palette.warn;
    pen.fillRect(xOf(view, gap.fromMs), rulerPx, Math.max(2, xOf(view, gap.toMs) - xOf(view, gap.fromMs)), 6);
    pen.globalAlpha = 1;
  }
  if (scene.peakMs !== undefined) {
    const x = xOf(view, scene.peakMs);
    pen.fillStyle = palette.must;
    pen.beginPath();
    pen.moveTo(x - 6, rulerPx);
    pen.lineTo(x + 6, rulerPx);
    pen.lineTo(x, rulerPx + 9);
    pen.fill();
  }
  if (scene.window) {
    const [from, to] = [xOf(view, scene.window.fromMs), xOf(view, scene.window.toMs)];
    pen.strokeStyle = palette.muted;
    pen.lineWidth = 1;
    pen.strokeRect(
      Math.max(0.5, from),
      rulerPx + 0.5,
      Math.min(view.widthPx - 1, to - from),
      heightPx - rulerPx - 1,
    );
  }
  pen.fillStyle = palette.accent;
  for (const x of [left, right]) pen.fillRect(Math.round(x) - 1, rulerPx, 2, heightPx - rulerPx);
  if (scene.playheadMs === undefined) return;
  pen.fillStyle = palette.ink;
  pen.fillRect(Math.round(xOf(view, scene.playheadMs)), 0, 1, heightPx);
}

function paintGrid(
  pen: CanvasRenderingContext2D,
  palette: Palette,
  view: TimeView,
  heightPx: number,
  { labelOf }: StripScene,
): void {
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
  pen.textBaseline = 'middle';
  for (const { xPx, label } of ticksOf(view, labelOf)) {
    pen.fillStyle = palette.line;
    pen.fillRect(Math.round(xPx), label === '' ? rulerPx : 0, 1, heightPx);
    pen.fillStyle = palette.muted;
    paintTickLabel(pen, view, { xPx, label }, rulerPx / 2);
  }
}

function paintSound(
  pen: CanvasRenderingContext2D,
  palette: Palette,
  view: TimeView,
  heightPx: number,
  sound: Curve,
  [left, right]: readonly [number, number],
): void {
  const middle = rulerPx + (heightPx - rulerPx) / 2;
  const half = (heightPx - rulerPx) / 2 - 4;
  const columns = columnsOf(sound, view);
  for (const [nth, { xPx, value }] of columns.entries()) {
    if (Number.isNaN(value)) continue;
    const next = columns[nth + 1]?.xPx ?? xPx + 1;
    const loud = Math.max(0.5, value * half);
    pen.fillStyle = xPx >= left && xPx < right ? palette.accent : palette.muted;
    pen.globalAlpha = xPx >= left && xPx < right ? 0.65 : 0.35;
    pen.fillRect(xPx, middle - loud, Math.max(1, Math.min(4, next - xPx - 0.5)), loud * 2);
  }
  pen.globalAlpha = 1;
}

function paintExcitement(
  pen: CanvasRenderingContext2D,
  palette: Palette,
  view: TimeView,
  heightPx: number,
  excitement: Curve,
): void {
  const floor = heightPx - 3;
  pen.strokeStyle = palette.likely;
  pen.lineWidth = 2;
  pen.beginPath();
  let isBroken = true;
  for (const { xPx, value } of columnsOf(excitement, view)) {
    if (Number.isNaN(value)) {
      isBroken = true;
      continue;
    }
    const y = floor - value * (heightPx - rulerPx - 8);
    if (isBroken) pen.moveTo(xPx, y);
    else pen.lineTo(xPx, y);
    isBroken = false;
  }
  pen.stroke();
}
