import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { asTouchlineError } from '../../core/errors.ts';
import { systemRandom } from '../../core/random.ts';
import { openFsStore } from '../../store/fs-store.ts';

/** Fills the small disk under `argv[2]`, and prints what the store said and what it kept. */
const folder = process.argv[2] ?? '';
const binary = { contentType: 'application/octet-stream' };
const store = await openFsStore({ folder, random: systemRandom });
await store.put('kept.bin', Buffer.alloc(400_000), binary);
const fault = await store.put('large.bin', Buffer.alloc(900_000), binary).then(
  () => undefined,
  (error: unknown) => asTouchlineError(error),
);
const listed = (await store.list('')).map((object) => object.key);
const drafts = (await readdir(join(folder, '~drafts'))).length;
const { created: afterwards } = await store.put('small.bin', Buffer.alloc(100_000), binary);
process.stdout.write(
  JSON.stringify({ code: fault?.code, retryable: fault?.retryable, listed, drafts, afterwards }),
);
