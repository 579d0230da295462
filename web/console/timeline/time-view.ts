/** What a timeline shows, ms on the run's timeline, across `widthPx` CSS pixels. Every function returns a new view. */
export interface TimeView {
  fromMs: number;
  toMs: number;
  widthPx: number;
  /** What there is to see: a view never leaves it, but for the room at its right end. */
  bounds: { fromMs: number; toMs: number };
}

/** Closer than this a frame is wider than a thumb; nothing is gained. */
const spanMsMin = 2_000;
/** Room behind the end, as a share of the view: the live edge is not glued to the border. */
const roomShare = 0.05;

export function makeView(bounds: TimeView['bounds'], widthPx: number): TimeView {
  return fit({ ...bounds, widthPx, bounds });
}

export function xOf(view: TimeView, atMs: number): number {
  return ((atMs - view.fromMs) / spanMsOf(view)) * view.widthPx;
}

export function timeAt(view: TimeView, xPx: number): number {
  return view.fromMs + (xPx / Math.max(1, view.widthPx)) * spanMsOf(view);
}

export function spanMsOf(view: TimeView): number {
  return view.toMs - view.fromMs;
}

/** All there is. */
export function fit(view: TimeView): TimeView {
  const { fromMs, toMs } = view.bounds;
  const spanMs = Math.max(spanMsMin, (toMs - fromMs) / (1 - roomShare));
  return { ...view, fromMs, toMs: fromMs + spanMs };
}

/** The stretch in the middle of the view, with room to both sides. */
export function fitTo(view: TimeView, stretch: { fromMs: number; toMs: number }): TimeView {
  const spanMs = Math.max(spanMsMin, (stretch.toMs - stretch.fromMs) * 1.6);
  const middleMs = (stretch.fromMs + stretch.toMs) / 2;
  return held({ ...view, fromMs: middleMs - spanMs / 2, toMs: middleMs + spanMs / 2 });
}

/** `factor` > 1 shows more time. What lies under `xPx` stays under it. */
export function zoomAt(view: TimeView, xPx: number, factor: number): TimeView {
  const anchorMs = timeAt(view, xPx);
  const spanMs = Math.min(fullSpanMs(view), Math.max(spanMsMin, spanMsOf(view) * factor));
  const fromMs = anchorMs - (xPx / Math.max(1, view.widthPx)) * spanMs;
  return held({ ...view, fromMs, toMs: fromMs + spanMs });
}

/** To the right with `byPx` > 0, as a hand moves paper. */
export function pan(view: TimeView, byPx: number): TimeView {
  const byMs = (byPx / Math.max(1, view.widthPx)) * spanMsOf(view);
  return held({ ...view, fromMs: view.fromMs - byMs, toMs: view.toMs - byMs });
}

/** Moves as little as it takes to have `atMs` in view. */
export function reveal(view: TimeView, atMs: number): TimeView {
  if (atMs >= view.fromMs && atMs <= view.toMs) return view;
  const spanMs = spanMsOf(view);
  const fromMs = atMs < view.fromMs ? atMs - spanMs * 0.1 : atMs - spanMs * 0.9;
  return held({ ...view, fromMs, toMs: fromMs + spanMs });
}

/**
 * More has come (or the window was resized). Whoever looks at all of it, or at its live end, goes on doing so; what anybody
 * else looks at does not move by a pixel.
 */
export function grow(view: TimeView, bounds: TimeView['bounds'], widthPx = view.widthPx): TimeView {
  const next = { ...view, bounds, widthPx };
  if (showsAll(view)) return fit(next);
  const isAtEdge = view.toMs >= view.bounds.toMs && view.bounds.toMs > view.fromMs;
  if (!isAtEdge) return next;
  const byMs = bounds.toMs - view.bounds.toMs;
  return held({ ...next, fromMs: view.fromMs + byMs, toMs: view.toMs + byMs });
}

export function showsAll(view: TimeView): boolean {
  return view.fromMs <= view.bounds.fromMs && view.toMs >= view.bounds.toMs;
}

function fullSpanMs({ bounds }: TimeView): number {
  return Math.max(spanMsMin, (bounds.toMs - bounds.fromMs) / (1 - roomShare));
}

/** Inside the bounds, the span kept. */
function held(view: TimeView): TimeView {
  const spanMs = spanMsOf(view);
  const lastMs = view.bounds.toMs + spanMs * roomShare;
  const fromMs = Math.max(view.bounds.fromMs, Math.min(view.fromMs, lastMs - spanMs));
  return { ...view, fromMs, toMs: fromMs + spanMs };
}
