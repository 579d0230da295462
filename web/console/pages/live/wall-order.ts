/** Where the tiles of the wall are. No DOM in here. */

/** As many columns as make the tiles large: 1, 2, 3, 4. */
export function columnsFor(count: number): 1 | 2 | 3 | 4 {
  if (count <= 1) return 1;
  if (count <= 4) return 2;
  return count <= 9 ? 3 : 4;
}

/**
 * The order of last time, without what went and with what is new where the server puts it. Tiles never change places under the
 * hand; `S` sorts them anew.
 */
export function keepOrder(before: readonly string[], now: readonly { channelId: string }[]): string[] {
  const there = new Set(now.map(({ channelId }) => channelId));
  const kept = before.filter((id) => there.has(id));
  for (const [nth, { channelId }] of now.entries()) {
    if (!kept.includes(channelId)) kept.splice(Math.min(nth, kept.length), 0, channelId);
  }
  return kept;
}

/** The tile beside one, in a grid of `columns`; undefined at the edge. */
export function neighbourOf(
  order: readonly string[],
  fromId: string | undefined,
  step: 'left' | 'right' | 'up' | 'down',
  columns: number,
): string | undefined {
  const at = fromId === undefined ? -1 : order.indexOf(fromId);
  if (at < 0) return order[0];
  const by = { left: -1, right: 1, up: -columns, down: columns }[step];
  return order[at + by];
}
