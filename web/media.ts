import type { Context } from 'hono';

import { clipFileName } from '../core/clip.ts';
import type { ObjectInfo, ObjectStore } from '../store/object-store.ts';
import { callerError, notFound } from './problem.ts';

/**
 * One object over HTTP, with validators and byte ranges (RFC 9110 §13, §14): what a `<video>` needs in order to seek.
 * `cache`: `immutable` for keys that are written once; `revalidate` for addresses whose content is replaced.
 * `from`: `here` for what a script reads: it may ask nobody but us, and no bucket need know our address.
 */
export async function sendObject(
  context: Context,
  store: ObjectStore,
  key: string,
  cache: 'immutable' | 'revalidate',
  from: 'anywhere' | 'here' = 'anywhere',
): Promise<Response> {
  const object = await store.head(key);
  if (!object) throw notFound(`file "${key}"`);
  const headers: Record<string, string> = {
    etag: object.etag,
    'accept-ranges': 'bytes',
    'content-type': object.contentType,
    'last-modified': new Date(object.modifiedAtMs).toUTCString(),
    'cache-control': cache === 'immutable' ? 'private, max-age=31536000, immutable' : 'private, no-cache',
  };
  if (context.req.query('download') !== undefined) {
    headers['content-disposition'] = `attachment; filename="${clipFileName(key)}"`;
  }
  if (matchesEtag(context.req.header('if-none-match'), object.etag)) return context.body(null, 304, headers);

  const elsewhere = from === 'anywhere' && (await addressElsewhere(context, store, object));
  if (elsewhere)
    return context.body(null, 302, { location: elsewhere, 'cache-control': 'private, no-store' });

  const range = rangeOf(context, object);
  if (range === 'unsatisfiable') {
    context.header('content-range', `bytes */${object.bytes}`);
    throw callerError(
      'media.no-such-range',
      `the file has ${object.bytes} bytes: none of the range is in it`,
    );
  }
  const length = range ? range.end - range.start + 1 : object.bytes;
  headers['content-length'] = String(length);
  if (range) headers['content-range'] = `bytes ${range.start}-${range.end}/${object.bytes}`;
  const status = range ? 206 : 200;
  if (context.req.method === 'HEAD' || length === 0) return context.body(null, status, headers);
  const body = await store.stream(key, range);
  return context.body(ReadableStream.from<Uint8Array>(body), status, headers);
}

/** Longer than anybody looks at a clip; S3 answers its ranges with the same address. */
const addressSeconds = 900;

/** Pictures and sound go from the store to the browser directly, where the store can do that. Text is read by our page, which may ask nobody else. */
async function addressElsewhere(
  context: Context,
  store: ObjectStore,
  { key, contentType }: ObjectInfo,
): Promise<string | undefined> {
  if (context.req.method !== 'GET' || !/^(video|audio|image)\//.test(contentType)) return undefined;
  const isDownload = context.req.query('download') !== undefined;
  const name = isDownload ? { downloadName: clipFileName(key) } : {};
  return await store.presign?.(key, { seconds: addressSeconds, ...name });
}

/** From where a browser will fetch media besides our own address, for the policy of the page. */
export async function mediaOriginOf(store: ObjectStore): Promise<string | undefined> {
  const address = await store.presign?.('clips/any.mp4', { seconds: 1 });
  return address === undefined ? undefined : new URL(address).origin;
}

type ByteRange = { start: number; end: number };

/** One range, or none: several ranges, other units and stale `If-Range` get the whole object, which §14.2 allows. */
function rangeOf(context: Context, object: ObjectInfo): ByteRange | 'unsatisfiable' | undefined {
  const header = context.req.header('range');
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.replaceAll(' ', '') ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const ifRange = context.req.header('if-range');
  if (ifRange !== undefined && ifRange !== object.etag) return undefined;
  const [, from = '', to = ''] = match;
  const last = object.bytes - 1;
  // "bytes=-500" are the last 500.
  const start = from === '' ? Math.max(0, object.bytes - Number(to)) : Number(from);
  const end = from === '' || to === '' ? last : Math.min(last, Number(to));
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined;
  if (start > last || (from === '' && Number(to) === 0)) return 'unsatisfiable';
  return { start, end };
}

export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}
