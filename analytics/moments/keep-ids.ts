import type { Moment } from '../../core/moment.ts';

/**
 * Gives what was found the ids under which it is known already, and keeps what was found before and is not seen any
 * more: people have looked at it, and its clip exists. Only a moment that has become part of another one goes.
 */
export function keepIds(
  found: readonly { firstMs: number; moment: Moment }[],
  previous: readonly Moment[],
  refractoryMs: number,
): Moment[] {
  const idOf = new Map<number, string>();
  const claimed = new Set<string>();
  const claim = (index: number, id: string): void => {
    idOf.set(index, id);
    claimed.add(id);
  };
  const known = new Set(previous.map((moment) => moment.id));
  for (const [index, { moment }] of found.entries()) {
    if (known.has(moment.id) && !claimed.has(moment.id)) claim(index, moment.id);
  }
  const near = found
    .flatMap(({ firstMs, moment }, index) =>
      previous.map((one) => ({
        index,
        id: one.id,
        distanceMs: Math.min(Math.abs(one.peakMs - moment.peakMs), Math.abs(one.peakMs - firstMs)),
      })),
    )
    .filter((pair) => pair.distanceMs <= refractoryMs)
    .toSorted((one, other) => one.distanceMs - other.distanceMs || one.index - other.index);
  for (const { index, id } of near) {
    if (!idOf.has(index) && !claimed.has(id)) claim(index, id);
  }
  const moments = found.map(({ moment }, index) => ({ ...moment, id: idOf.get(index) ?? moment.id }));
  const standing = previous.filter(
    (one) =>
      !claimed.has(one.id) && !moments.some((moment) => Math.abs(moment.peakMs - one.peakMs) <= refractoryMs),
  );
  return [...moments, ...standing].toSorted((one, other) => one.peakMs - other.peakMs);
}
