import { columnsOf } from './curve.ts';
import { boxesOf } from './hit-areas.ts';
import { filmSlots, type Lane, type Lanes, rowPx, yOfValue } from './lanes.ts';
import type { Palette } from './palette.ts';
import type { StillCache } from './still-cache.ts';
import { paintTickLabel } from './tick-label.ts';
import { ticksOf } from './ticks.ts';
import type { MomentTone, TimelineData } from './timeline-data.ts';
import { type TimeView, xOf } from './time-view.ts';

export interface Scene {
  data: TimelineData;
  playheadMs: number | undefined;
  selectedId: string | undefined;
  /** 0 to 1; undefined = no line. */
  threshold: number | undefined;
  /** Being marked for a clip. */
  stretch: { fromMs: number; toMs: number } | undefined;
  /** Undefined where the footage has no picture. */
  stillUrlAt: (atMs: number) => string | undefined;
  stillEveryMs: number;
  labelOf: (atMs: number) => string;
}

interface Paper {
  pen: CanvasRenderingContext2D;
  view: TimeView;
  lanes: Lanes;
  palette: Palette;
}

export const toneTint: Record<MomentTone, keyof Palette> = {
  undecided: 'likely',
  approved: 'good',
  rejected: 'maybe',
  failed: 'bad',
};

/** Draws everything anew: some thousand strokes, 1 to 2 ms. In CSS pixels; the caller has scaled for the device. */
export function paint(paper: Paper, scene: Scene, stills: StillCache, hoverPx: number | undefined): void {
  const { pen, view, lanes, palette } = paper;
  pen.clearRect(0, 0, view.widthPx, lanes.heightPx);
  for (const lane of [lanes.curve, lanes.film, lanes.moments]) box(paper, lane, palette.surface);
  paintGrid(paper, scene);
  paintFilm(paper, scene, stills);
  paintCurve(paper, scene);
  paintMoments(paper, scene);
  paintGaps(paper, scene);
  if (scene.stretch) paintStretch(paper, scene.stretch);
  if (hoverPx !== undefined) line(paper, hoverPx, palette.muted, [2, 3]);
  if (scene.data.isLive) line(paper, xOf(view, scene.data.toMs), palette.bad, [6, 3]);
  if (scene.playheadMs !== undefined) paintPlayhead(paper, scene.playheadMs);
}

function paintGrid({ pen, view, lanes, palette }: Paper, scene: Scene): void {
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
  pen.textBaseline = 'middle';
  for (const { xPx, label } of ticksOf(view, (atMs) => scene.labelOf(atMs))) {
    const isMain = label !== '';
    pen.fillStyle = palette.line;
    const top = isMain ? lanes.ruler.topPx : lanes.curve.topPx;
    pen.fillRect(Math.round(xPx), top, 1, lanes.heightPx - top);
    pen.fillStyle = palette.muted;
    paintTickLabel(pen, view, { xPx, label }, lanes.ruler.heightPx / 2);
  }
}

function paintFilm({ pen, view, lanes: { film }, palette }: Paper, scene: Scene, stills: StillCache): void {
  stills.forgetWishes();
  pen.save();
  pen.beginPath();
  pen.rect(0, film.topPx, view.widthPx, film.heightPx);
  pen.clip();
  const slotPx = (film.heightPx * 16) / 9;
  for (const { atMs, xPx, widthPx } of filmSlots(view, slotPx, scene.stillEveryMs)) {
    if (atMs < scene.data.fromMs || atMs > scene.data.toMs) continue;
    const url = scene.stillUrlAt(atMs);
    const still = url === undefined ? undefined : stills.get(url);
    if (!still) {
      pen.fillStyle = palette.track;
      pen.fillRect(xPx + 1, film.topPx, slotPx - 2, film.heightPx);
      continue;
    }
    // As wide as the slot, cut above and below; zoomed in so far that it would lose a third it stands alone.
    const shownPx = Math.min(widthPx, slotPx * 1.5);
    const cut = Math.max(0, 1 - (film.heightPx * still.naturalWidth) / (shownPx * still.naturalHeight)) / 2;
    const { naturalWidth, naturalHeight } = still;
    const top = naturalHeight * cut;
    pen.drawImage(
      still,
      0,
      top,
      naturalWidth,
      naturalHeight - 2 * top,
      xPx,
      film.topPx,
      shownPx,
      film.heightPx,
    );
  }
  pen.restore();
}

function paintCurve(paper: Paper, scene: Scene): void {
  const { pen, view, lanes, palette } = paper;
  const { curve } = lanes;
  const floor = curve.topPx + curve.heightPx;
  const threshold = scene.threshold;
  for (const part of unbroken(columnsOf(scene.data.curve, view))) {
    const [first, last] = [part[0], part.at(-1)];
    if (!first || !last) continue;
    const outline = () => {
      pen.beginPath();
      for (const { xPx, value } of part) pen.lineTo(xPx, yOfValue(curve, value));
    };
    outline();
    pen.lineTo(last.xPx, floor);
    pen.lineTo(first.xPx, floor);
    pen.closePath();
    pen.globalAlpha = 0.28;
    pen.fillStyle = palette.likely;
    pen.fill();
    if (threshold !== undefined) paintAbove(paper, yOfValue(curve, threshold));
    pen.globalAlpha = 1;
    outline();
    pen.strokeStyle = palette.likely;
    pen.lineWidth = 1.5;
    pen.stroke();
  }
  if (threshold === undefined) return;
  const y = Math.round(yOfValue(curve, threshold)) + 0.5;
  pen.strokeStyle = palette.must;
  pen.setLineDash([7, 4]);
  pen.beginPath();
  pen.moveTo(0, y);
  pen.lineTo(view.widthPx, y);
  pen.stroke();
  pen.setLineDash([]);
  pen.fillStyle = palette.must;
  pen.beginPath();
  pen.roundRect(view.widthPx - 22, y - 6, 18, 12, 4);
  pen.fill();
}

/** What the threshold lets through, in its colour; within the curve's own path. */
function paintAbove({ pen, view, lanes: { curve }, palette }: Paper, yPx: number): void {
  pen.save();
  pen.clip();
  pen.globalAlpha = 0.55;
  pen.fillStyle = palette.must;
  pen.fillRect(0, curve.topPx, view.widthPx, yPx - curve.topPx);
  pen.restore();
}

function paintMoments({ pen, view, lanes: { moments }, palette }: Paper, scene: Scene): void {
  const boxes = boxesOf(view, scene.data.moments);
  for (const { what, x0Px, x1Px, row } of boxes) {
    const isSelected = what.id === scene.selectedId;
    const tint = palette[toneTint[what.tone]];
    const [top, height] = [moments.topPx + row * rowPx + 2, rowPx - 3];
    pen.beginPath();
    pen.roundRect(x0Px, top, x1Px - x0Px, height, 3);
    pen.fillStyle = tint;
    // Filled = approved, hollow = rejected or failed: the state can be told without colours.
    pen.globalAlpha = what.tone === 'approved' ? 0.85 : what.tone === 'undecided' ? 0.4 : 0.08;
    pen.fill();
    pen.globalAlpha = 1;
    pen.strokeStyle = isSelected ? palette.focus : tint;
    pen.lineWidth = isSelected ? 3 : 1.5;
    pen.stroke();
    if (x1Px - x0Px < 40) continue;
    pen.save();
    pen.clip();
    pen.fillStyle = what.tone === 'approved' ? palette.ground : palette.ink;
    pen.fillText(what.label, Math.max(x0Px, 0) + 6, top + height / 2 + 1);
    pen.restore();
  }
}

function paintGaps({ pen, view, lanes, palette }: Paper, scene: Scene): void {
  for (const gap of scene.data.gaps) {
    const [x0, x1] = [xOf(view, gap.fromMs), xOf(view, gap.toMs)];
    if (x1 < 0 || x0 > view.widthPx) continue;
    const [top, bottom] = [lanes.curve.topPx, lanes.heightPx];
    const widthPx = Math.max(3, x1 - x0);
    pen.save();
    pen.beginPath();
    pen.rect(x0, top, widthPx, bottom - top);
    pen.fillStyle = palette.raised;
    pen.fill();
    pen.clip();
    pen.strokeStyle = palette.warn;
    pen.lineWidth = 1;
    pen.globalAlpha = 0.7;
    pen.beginPath();
    const [from, to] = [Math.max(0, x0), Math.min(view.widthPx, x0 + widthPx)];
    for (let x = from - (bottom - top); x < to; x += 8) {
      pen.moveTo(x, bottom);
      pen.lineTo(x + bottom - top, top);
    }
    pen.stroke();
    pen.restore();
  }
}

function paintStretch(
  { pen, view, lanes, palette }: Paper,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): void {
  const [x0, x1] = [xOf(view, fromMs), xOf(view, toMs)];
  pen.globalAlpha = 0.25;
  pen.fillStyle = palette.accent;
  pen.fillRect(x0, lanes.curve.topPx, x1 - x0, lanes.heightPx - lanes.curve.topPx);
  pen.globalAlpha = 1;
  pen.fillRect(x0 - 1, lanes.curve.topPx, 2, lanes.heightPx);
  pen.fillRect(x1 - 1, lanes.curve.topPx, 2, lanes.heightPx);
}

function paintPlayhead(paper: Paper, atMs: number): void {
  const { pen, view, palette } = paper;
  const x = Math.round(xOf(view, atMs));
  line(paper, x, palette.ink, []);
  pen.fillStyle = palette.ink;
  pen.beginPath();
  pen.moveTo(x - 5, 0);
  pen.lineTo(x + 6, 0);
  pen.lineTo(x + 0.5, 8);
  pen.fill();
}

function line({ pen, lanes }: Paper, xPx: number, color: string, dash: number[]): void {
  pen.strokeStyle = color;
  pen.lineWidth = 1;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(Math.round(xPx) + 0.5, 0);
  pen.lineTo(Math.round(xPx) + 0.5, lanes.heightPx);
  pen.stroke();
  pen.setLineDash([]);
}

function box({ pen, view }: Paper, { topPx, heightPx }: Lane, color: string): void {
  pen.fillStyle = color;
  pen.fillRect(0, topPx, view.widthPx, heightPx);
}

/** The stretches between holes (NaN). */
function unbroken<T extends { value: number }>(columns: readonly T[]): T[][] {
  const parts: T[][] = [[]];
  for (const column of columns) {
    if (Number.isNaN(column.value)) parts.push([]);
    else parts.at(-1)?.push(column);
  }
  return parts.filter((part) => part.length > 0);
}
