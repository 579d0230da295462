import type { TimeView } from './time-view.ts';

const gapPx = 5;

/** Beside its line, unless the edge would cut it off: half a time is a wrong one. */
export function paintTickLabel(
  pen: CanvasRenderingContext2D,
  view: TimeView,
  { xPx, label }: { xPx: number; label: string },
  yPx: number,
): void {
  const leftPx = Math.round(xPx) + gapPx;
  if (label !== '' && leftPx + pen.measureText(label).width <= view.widthPx) pen.fillText(label, leftPx, yPx);
}
