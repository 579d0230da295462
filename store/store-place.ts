import { resolve } from 'node:path';

import { isKey } from './object-key.ts';

/** Where objects lie: the one setting that chooses the engine. */
export type StorePlace =
  | { kind: 'folder'; /** Absolute. */ folder: string }
  | { kind: 's3'; bucket: string; /** Without a `/` at its end; empty for none. */ prefix: string };

/** Of the 1024 bytes of a name in S3, a key takes 512. */
const prefixCharsMax = 500;

/** @returns what is wrong with the text, as a part of a sentence, when it names no place */
export function parseStorePlace(text: string): StorePlace | string {
  if (!/^[a-z][a-z0-9+.-]+:/i.test(text)) return { kind: 'folder', folder: text };
  const [, bucket, rest = ''] = /^s3:\/\/([^/]*)\/?(.*)$/.exec(text) ?? [];
  if (bucket === undefined) return 'must be a folder or s3://bucket/prefix';
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    return 'must name a bucket as S3 does: 3 to 63 of a-z, 0-9, "-" and "."';
  }
  // They list their objects in no order.
  if (bucket.endsWith('--x-s3')) return 'must not be a directory bucket (S3 Express One Zone)';
  const prefix = rest.replace(/\/$/, '');
  if (prefix === '' || (prefix.length <= prefixCharsMax && isKey(prefix)))
    return { kind: 's3', bucket, prefix };
  return `must have a prefix of at most ${prefixCharsMax} characters, parts of [A-Za-z0-9._-] joined by "/"`;
}

/** What `parseStorePlace` reads as the same place. */
export function storePlaceText(place: StorePlace): string {
  if (place.kind === 'folder') return place.folder;
  return `s3://${place.bucket}${place.prefix === '' ? '' : `/${place.prefix}`}`;
}

/** A folder is relative to where it was written; an address is not. */
export function resolveStorePlace(text: string, folder: string): string {
  const path = text.replace(/^(file|fs):(\/\/)?/, '');
  return /^[a-z][a-z0-9+.-]+:/i.test(path) ? path : resolve(folder, path);
}
