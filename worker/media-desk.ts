import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { CutHost } from '../clipper/cut-clip.ts';
import { clipSidecar, type ClipSidecar } from '../core/clip.ts';
import { TouchlineError } from '../core/errors.ts';
import type { SegmentRecord } from '../core/segment.ts';
import type { ObjectStore } from '../store/object-store.ts';

/**
 * The bytes that the record speaks of, and no others.
 *
 * @throws TouchlineError `store.not-found`, `segment.corrupt`
 */
export async function readSegment(store: ObjectStore, segment: SegmentRecord): Promise<Uint8Array> {
  const bytes = await store.get(segment.key);
  const sha256 = hashOf(bytes);
  if (sha256 === segment.sha256) return bytes;
  throw new TouchlineError({
    code: 'segment.corrupt',
    message: `${segment.key} is not what was written: ${bytes.length} bytes with SHA-256 ${sha256.slice(0, 12)}... instead of ${segment.bytes} with ${segment.sha256.slice(0, 12)}...`,
    retryable: false,
    blame: 'environment',
  });
}

/** The store as a cut sees it: conditional, and closed once the job has been called off. */
export function createCutHost(options: {
  store: ObjectStore;
  workFolder: string;
  signal: AbortSignal;
}): CutHost & { cleanUp: () => Promise<void> } {
  const { store, workFolder, signal } = options;
  const folders: string[] = [];
  return {
    readSegment: async (segment) => await readSegment(store, segment),
    putObject: async (key, body, contentType) => {
      // Another worker may have the job already; two of them must not write side by side.
      signal.throwIfAborted();
      const { created } = await store.put(key, body, { contentType, ifNoneMatch: true });
      // What lies there was made from the same plan, though an encoder may have chosen other bits.
      const stored = created ? body : await store.get(key);
      return { bytes: stored.length, sha256: hashOf(stored) };
    },
    putSidecar: async (key, sidecar) => {
      signal.throwIfAborted();
      if (await isOutdone(store, key, sidecar)) return;
      const body = new TextEncoder().encode(`${JSON.stringify(sidecar, null, 2)}\n`);
      await store.put(key, body, { contentType: 'application/json' });
    },
    workFolder: async () => {
      await mkdir(workFolder, { recursive: true });
      const folder = await mkdtemp(join(workFolder, 'job-'));
      folders.push(folder);
      return folder;
    },
    cleanUp: async () => {
      await Promise.all(folders.map(async (folder) => await rm(folder, { recursive: true, force: true })));
    },
  };
}

/** What lies there already is newer: of a later edit, or the exact revision of the same one. */
async function isOutdone(store: ObjectStore, key: string, sidecar: ClipSidecar): Promise<boolean> {
  if ((await store.head(key)) === undefined) return false;
  const text = new TextDecoder().decode(await store.get(key));
  const known = clipSidecar.safeParse(JSON.parse(text));
  if (!known.success) return false;
  const [theirs, ours] = [known.data.edit?.version ?? 0, sidecar.edit?.version ?? 0];
  if (theirs !== ours) return theirs > ours;
  return (
    sidecar.revision === 'fast' &&
    known.data.revision === 'exact' &&
    known.data.moment.id === sidecar.moment.id
  );
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
