import { excitementStepMs, type ExcitementPoint } from '../../analytics/moments/excitement.ts';

/** The curve in buckets of one width; see `web/api/schemas/timeline.ts` for what people are told of it. */
export interface Curve {
  startMs: number;
  stepMs: number;
  min: (number | null)[];
  max: (number | null)[];
  clues: Record<string, number[]>;
}

/**
 * Puts the points into at most `bucketsMax` buckets and keeps the lowest and the highest of each, so that no peak is lost however
 * far one looks from. Buckets begin at multiples of their width: they stay where they are when the range moves.
 *
 * @param points those above 0; others are 0 where `known` says that somebody looked, and null elsewhere
 * @param known ascending, apart from each other
 */
export function curveOf(
  points: readonly ExcitementPoint[],
  known: readonly { fromMs: number; toMs: number }[],
  range: { fromMs: number; toMs: number; bucketsMax: number },
): Curve {
  const { startMs, stepMs, count } = bucketsFor(range);
  const highest: (ExcitementPoint | undefined)[] = Array.from({ length: count }, () => undefined);
  const lowest = new Float64Array(count).fill(Infinity);
  const above = new Int32Array(count);
  for (const point of points) {
    if (point.atMs < range.fromMs || point.atMs >= range.toMs) continue;
    const at = Math.floor((point.atMs - startMs) / stepMs);
    above[at] = (above[at] ?? 0) + 1;
    lowest[at] = Math.min(lowest[at] ?? Infinity, point.value);
    if (point.value > (highest[at]?.value ?? -1)) highest[at] = point;
  }
  const looked = lookedAt(known, range, { startMs, stepMs, count });
  const min: (number | null)[] = [];
  const max: (number | null)[] = [];
  for (let at = 0; at < count; at += 1) {
    const lookedCount = looked[at] ?? 0;
    const top = highest[at];
    const isKnown = lookedCount > 0 || top !== undefined;
    max.push(isKnown ? rounded(top?.value ?? 0) : null);
    // Where some point of the bucket is not among those above 0, the lowest is 0.
    const low = (above[at] ?? 0) < lookedCount ? 0 : (lowest[at] ?? 0);
    min.push(isKnown ? rounded(low) : null);
  }
  return { startMs, stepMs, min, max, clues: cluesOf(highest) };
}

/** The width follows from how much is shown alone: one bucket is kept for what is cut at the ends. */
function bucketsFor(range: { fromMs: number; toMs: number; bucketsMax: number }): {
  startMs: number;
  stepMs: number;
  count: number;
} {
  const { fromMs, toMs, bucketsMax } = range;
  const spanMs = bucketsMax > 1 ? (toMs - fromMs) / (bucketsMax - 1) : toMs;
  const stepMs = Math.max(1, Math.ceil(spanMs / excitementStepMs)) * excitementStepMs;
  const startMs = Math.floor(fromMs / stepMs) * stepMs;
  return { startMs, stepMs, count: toMs > fromMs ? Math.ceil((toMs - startMs) / stepMs) : 0 };
}

/** How many points of the grid were looked at, by bucket. */
function lookedAt(
  known: readonly { fromMs: number; toMs: number }[],
  range: { fromMs: number; toMs: number },
  buckets: { startMs: number; stepMs: number; count: number },
): Int32Array {
  const looked = new Int32Array(buckets.count);
  for (const stretch of known) {
    const fromMs = Math.max(stretch.fromMs, range.fromMs);
    const toMs = Math.min(stretch.toMs, range.toMs);
    const firstMs = Math.ceil(fromMs / excitementStepMs) * excitementStepMs;
    for (let atMs = firstMs; atMs < toMs; atMs += excitementStepMs) {
      const at = Math.floor((atMs - buckets.startMs) / buckets.stepMs);
      looked[at] = (looked[at] ?? 0) + 1;
    }
  }
  return looked;
}

function cluesOf(highest: readonly (ExcitementPoint | undefined)[]): Record<string, number[]> {
  const kinds = new Set(highest.flatMap((point) => (point ? Object.keys(point.clues) : [])));
  return Object.fromEntries(
    [...kinds].toSorted().map((kind) => [kind, highest.map((point) => rounded(point?.clues[kind] ?? 0))]),
  );
}

/** More is not seen on a screen. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
