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

function bucketsFor(range: { fromMs: number; toMs: number; bucketsMax: number }): {
  startMs: number;
  stepMs: number;
  count: number;
} {
  const spanMs = Math.max(0, range.toMs - range.fromMs);
  const steps = Math.max(1, Math.ceil(spanMs / range.bucketsMax / excitementStepMs));
  // One more bucket than fits may be cut at the ends; the next width has room for it.
  for (let stepMs = steps * excitementStepMs; ; stepMs += excitementStepMs) {
    const startMs = Math.floor(range.fromMs / stepMs) * stepMs;
    const count = Math.ceil((range.toMs - startMs) / stepMs);
    if (count <= range.bucketsMax || stepMs > spanMs) {
      return { startMs, stepMs, count: Math.max(0, Math.min(count, range.bucketsMax)) };
    }
  }
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
