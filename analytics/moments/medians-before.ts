import { firstIndex } from '../../core/first-index.ts';
import { gapEndBefore, medianOfSorted, type Evidence, type Sample } from './evidence.ts';

/** With fewer samples before it there is no telling what is usual. */
const countMin = 4;

/**
 * For each sample the median of those before it, at most `windowMs` back and behind the last gap: what was usual. Undefined where
 * there are fewer than four of them. One sorted window is carried along, for sorting it anew for each of three hours' samples
 * holds up a server (docs/benchmarks.md).
 *
 * @param samples ascending in time
 */
export function mediansBefore(
  samples: readonly Sample[],
  { windowMs, gaps }: { windowMs: number; gaps: Evidence['gaps'] },
): (number | undefined)[] {
  const sorted: number[] = [];
  let first = 0;
  return samples.map(({ atMs, value }) => {
    const fromMs = Math.max(atMs - windowMs, gapEndBefore(gaps, atMs));
    for (let oldest = samples[first]; oldest && oldest.atMs < fromMs; oldest = samples[first]) {
      sorted.splice(placeOf(sorted, oldest.value), 1);
      first += 1;
    }
    const median = sorted.length < countMin ? undefined : medianOfSorted(sorted);
    sorted.splice(placeOf(sorted, value), 0, value);
    return median;
  });
}

/** Where a value is, or belongs. */
function placeOf(sorted: readonly number[], value: number): number {
  return firstIndex(sorted, (one) => one >= value);
}
