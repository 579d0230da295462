/** Where the tiles of the wall are. No DOM in here. */

/** As many columns as make the tiles large: 1, 2, 3, 4. */
export function columnsFor(count: number): 1 | 2 | 3 | 4 {
  if (count <= 1) return 1;
  if (count <= 4) return 2;
  return count <= 9 ? 3 : 4;
}

/** As the server sorts, those first that need somebody; only what is `held` (under the hand, or the eye) stays at its place meanwhile. */
export function arrange(
  before: readonly string[],
  now: readonly { channelId: string }[],
  held: ReadonlySet<string>,
): string[] {
  const ids = now.map(({ channelId }) => channelId);
  const isStaying = (id: string): boolean => held.has(id) && before.includes(id);
  const arranged = ids.filter((id) => !isStaying(id));
  for (const [place, id] of before.entries()) {
    if (isStaying(id) && ids.includes(id)) arranged.splice(Math.min(place, arranged.length), 0, id);
  }
  return arranged;
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
