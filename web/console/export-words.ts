/** What the server says of clips, which it calls by their ids, in the names that the page shows. No DOM in here. */
export function namedIn(text: string, clips: readonly { clipId: string; name: string }[]): string {
  const names = new Map(clips.map(({ clipId, name }) => [clipId, name]));
  return text.replaceAll(/\bclp_\w+/g, (id) => {
    const name = names.get(id);
    return name === undefined ? id : `“${name}”`;
  });
}
