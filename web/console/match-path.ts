/** `match('/clips/:id', '/clips/clp_1')` is `{ id: 'clp_1' }`; undefined where it does not fit. */
export function match(pattern: string, at: string): Record<string, string> | undefined {
  const wanted = pattern.split('/');
  const parts = at.replace(/(.)\/$/, '$1').split('/');
  if (wanted.length !== parts.length) return undefined;
  const found: Record<string, string> = {};
  for (const [nth, want] of wanted.entries()) {
    const part = parts[nth] ?? '';
    if (want.startsWith(':')) {
      const text = decoded(part);
      if (text === undefined || text === '') return undefined;
      found[want.slice(1)] = text;
    } else if (want !== part) return undefined;
  }
  return found;
}

/** `%zz` is no text at all: such an address is none of ours. */
function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
