/** From top to bottom. The ruler carries the grid's labels; gaps are hatched across all of them. */
export interface Lane {
  topPx: number;
  heightPx: number;
}

export interface Lanes {
  ruler: Lane;
  curve: Lane;
  film: Lane;
  moments: Lane;
  heightPx: number;
}

/** Of one row of moments; a thumb needs 24. */
export const rowPx = 26;

const gapPx = 4;

/** `isCompact`: on a phone held upright. `rowCount`: how many moments lie over one another. */
export function lanesOf(isCompact: boolean, rowCount = 1): Lanes {
  const ruler = { topPx: 0, heightPx: 22 };
  const curve = { topPx: below(ruler), heightPx: isCompact ? 72 : 104 };
  const film = { topPx: below(curve), heightPx: isCompact ? 36 : 54 };
  const moments = { topPx: below(film), heightPx: rowCount * rowPx + 2 };
  return { ruler, curve, film, moments, heightPx: below(moments) };
}

function below({ topPx, heightPx }: Lane): number {
  return topPx + heightPx + gapPx;
}

/** Which row of moments lies at this height. */
export function rowAtY({ topPx }: Lane, yPx: number): number {
  return Math.max(0, Math.floor((yPx - topPx) / rowPx));
}

export function isIn({ topPx, heightPx }: Lane, yPx: number): boolean {
  return yPx >= topPx && yPx < topPx + heightPx;
}

/** Height of a value of 0 to 1 in the curve's lane; 6 % of air above a full one. */
export function yOfValue({ topPx, heightPx }: Lane, value: number): number {
  return topPx + heightPx * (1 - 0.94 * Math.min(1, Math.max(0, value)));
}

export function valueAtY({ topPx, heightPx }: Lane, yPx: number): number {
  return Math.min(1, Math.max(0, (1 - (yPx - topPx) / heightPx) / 0.94));
}

/** Stills of the filmstrip side by side: where each stands, and the time it shows. */
export function filmSlots(
  view: { fromMs: number; toMs: number; widthPx: number },
  slotPx: number,
  everyMs: number,
): { atMs: number; xPx: number; widthPx: number }[] {
  const msPerPx = (view.toMs - view.fromMs) / Math.max(1, view.widthPx);
  // Whole steps, counted from 0: a slot keeps its place and its picture while the view moves.
  const slotMs = everyMs * Math.max(1, Math.ceil((slotPx * msPerPx) / everyMs));
  const slots = [];
  for (let nth = Math.floor(view.fromMs / slotMs); nth * slotMs < view.toMs; nth += 1) {
    const atMs = nth * slotMs;
    slots.push({ atMs, xPx: (atMs - view.fromMs) / msPerPx, widthPx: slotMs / msPerPx });
  }
  return slots;
}
