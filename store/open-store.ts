import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import { openFsStore } from './fs-store.ts';
import type { ObjectStore } from './object-store.ts';
import type { StorePlace } from './store-place.ts';

export interface StoreOptions {
  store: StorePlace;
  storeKmsKey?: string | undefined;
  storeTags?: Readonly<Record<string, string>>;
  s3Endpoint?: string | undefined;
}

/** @throws TouchlineError `store.unavailable` when a folder cannot be made; S3 is asked nothing yet */
export async function openStore(
  options: StoreOptions,
  parts: { clock: Clock; random: Random; log: Log },
): Promise<ObjectStore> {
  const { store: place } = options;
  switch (place.kind) {
    case 'folder':
      return await openFsStore({ folder: place.folder, ...parts });
    case 's3': {
      // Loading the SDK takes longer than a command that needs none of it.
      const { openS3Store } = await import('./s3-store.ts');
      const { storeKmsKey: kmsKey, storeTags: tags = {}, s3Endpoint: endpoint } = options;
      return openS3Store({ bucket: place.bucket, prefix: place.prefix, endpoint, kmsKey, tags, ...parts });
    }
  }
}
