import type { ApiClient } from './api-client.ts';

/** As many as one answer of the API holds. */
const pageMax = 200;

/**
 * Rows of a list of the API, page after page, until there are `limit` of them or the list ends.
 *
 * @param path of the list, with its filters: `/moments?decision=approved`
 * @param name of the rows in the answer: `moments`
 */
export async function allPages<Row>(
  api: ApiClient,
  { path, name, limit }: { path: string; name: string; limit: number },
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let cursor: string | null | undefined; cursor !== null && rows.length < limit;) {
    const url = new URL(path, 'http://api');
    url.searchParams.set('limit', String(Math.min(pageMax, limit - rows.length)));
    if (cursor !== undefined) url.searchParams.set('cursor', cursor);
    const page = await api.get<Record<string, unknown>>(url.pathname + url.search);
    rows.push(...(page[name] as Row[]));
    cursor = page['next'] as string | null;
  }
  return rows;
}
