import { constants } from 'node:fs';
import {
  link,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';

import type { TouchlineError } from '../core/errors.ts';
import { silentLog, type Log } from '../core/log.ts';
import { isRunning } from '../core/process.ts';
import type { Random } from '../core/random.ts';
import { contentTypeOf } from './content-type.ts';
import { storeFault } from './fs-fault.ts';
import { badKey, checkKey } from './object-key.ts';
import type { ObjectInfo, ObjectStore } from './object-store.ts';

/** `~` is in no key, so no object can lie in here. */
const draftsName = '~drafts';
const listCountMax = 1000;

/**
 * Objects as files in a folder: `clips/ch_1/x.mp4` is `<folder>/clips/ch_1/x.mp4`, for people to look into. An object is
 * written under another name on the same file system, flushed, and then given its name in one step, so that a reader
 * or a power cut never meets half of it. What was being written when a process was killed is removed here.
 *
 * Two keys of which one is a folder of the other (`a` and `a/b`) cannot both exist.
 *
 * @throws TouchlineError `store.unavailable` when the folder cannot be made
 */
export async function openFsStore(options: {
  folder: string;
  random: Random;
  log?: Log;
}): Promise<ObjectStore> {
  const drafts = join(resolve(options.folder), draftsName);
  try {
    await mkdir(drafts, { recursive: true });
    await sweepDrafts(drafts, options.log ?? silentLog);
    return new FsStore(await realpath(options.folder), options.random);
  } catch (error) {
    // Whatever it was, it is the folder as such that cannot be used.
    throw storeFault(new Error((error as Error).message), resolve(options.folder));
  }
}

class FsStore implements ObjectStore {
  readonly #folder: string;
  readonly #random: Random;

  constructor(folder: string, random: Random) {
    this.#folder = folder;
    this.#random = random;
  }

  async put(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: { contentType: string; ifNoneMatch?: boolean },
  ): Promise<{ created: boolean; object: ObjectInfo }> {
    const path = this.#pathOf(key);
    if (contentTypeOf(key) !== options.contentType) {
      // A folder keeps no types: the name has to say it all, and must not say something else.
      throw badKey(key, `its name says ${contentTypeOf(key)}, and its content is ${options.contentType}`);
    }
    if (options.ifNoneMatch) {
      const known = await this.head(key);
      if (known !== undefined) return { created: false, object: known };
    }
    const draft = join(this.#folder, draftsName, draftName(this.#random));
    try {
      await writeWhole(draft, body);
      await this.#makeFolder(key);
      const created = options.ifNoneMatch ? await linkOnce(draft, path) : await replace(draft, path);
      await flushFolder(dirname(path));
      return { created, object: await this.#infoOf(key, await this.#open(key)) };
    } catch (error) {
      throw writeFault(error, key);
    } finally {
      await rm(draft, { force: true });
    }
  }

  async get(key: string, range?: { start: number; end: number }): Promise<Uint8Array> {
    const file = await this.#open(key);
    try {
      const { size } = await file.stat();
      const { start, length } = within(size, range);
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await file.read(bytes, filled, length - filled, start + filled);
        if (bytesRead === 0) throw new Error(`the file ends at ${start + filled} of ${size} bytes`);
        filled += bytesRead;
      }
      return bytes;
    } catch (error) {
      throw storeFault(error, key);
    } finally {
      await file.close();
    }
  }

  async stream(key: string, range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array>> {
    const file = await this.#open(key);
    const { start, length } = within((await file.stat()).size, range);
    if (length === 0) {
      await file.close();
      return noBytes();
    }
    // Closes the file at the end, and when the reader turns away early.
    return file.createReadStream({ start, end: start + length - 1 });
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    try {
      return await this.#infoOf(key, await this.#open(key));
    } catch (error) {
      if (storeFault(error, key).code === 'store.not-found') return undefined;
      throw error;
    }
  }

  async list(prefix: string, options: { startAfter?: string; limit?: number } = {}): Promise<ObjectInfo[]> {
    const limit = Math.min(options.limit ?? listCountMax, listCountMax);
    const found: ObjectInfo[] = [];
    for await (const key of this.#keys('', prefix, options.startAfter ?? '')) {
      if (found.length >= limit) break;
      const info = await this.head(key);
      if (info !== undefined) found.push(info); // Otherwise it was removed while we looked.
    }
    return found;
  }

  async remove(key: string): Promise<void> {
    const path = this.#pathOf(key);
    try {
      await this.#assertNoLink(path, key);
      await rm(path);
      await flushFolder(dirname(path));
    } catch (error) {
      const fault = storeFault(error, key);
      if (fault.code !== 'store.not-found') throw fault;
    }
  }

  localPath(key: string): string {
    return this.#pathOf(key);
  }

  async check(): Promise<void> {
    const key = `probes/${draftName(this.#random)}.bin`;
    await this.put(key, Buffer.from(key), { contentType: contentTypeOf(key) });
    const back = Buffer.from(await this.get(key)).toString();
    await this.remove(key);
    if (back !== key) throw storeFault(new Error('it gave back other bytes than were written'), key);
  }

  #pathOf(key: string): string {
    checkKey(key);
    return join(this.#folder, ...key.split('/'));
  }

  async #open(key: string): Promise<FileHandle> {
    const path = this.#pathOf(key);
    try {
      await this.#assertNoLink(path, key);
      const file = await open(path, readOnly);
      if ((await file.stat()).isFile()) return file;
      // A folder is no object, though its name may well be the beginning of keys.
      await file.close();
      throw Object.assign(new Error('it is a folder'), { code: 'ENOENT' });
    } catch (error) {
      throw storeFault(error, key);
    }
  }

  /** Our keys cannot climb out of the folder; a link that somebody put into it could. */
  async #assertNoLink(path: string, key: string): Promise<void> {
    const folder = dirname(path);
    if ((await realpath(folder)) !== folder) throw badKey(key, 'a symbolic link stands in its way');
  }

  async #infoOf(key: string, file: FileHandle): Promise<ObjectInfo> {
    try {
      const found = await file.stat({ bigint: true });
      return {
        key,
        bytes: Number(found.size),
        contentType: contentTypeOf(key),
        // A replaced object is another file, so these three never meet again.
        etag: `"${found.ino.toString(36)}-${found.mtimeNs.toString(36)}-${found.size.toString(36)}"`,
        modifiedAtMs: Number(found.mtimeMs),
      };
    } finally {
      await file.close();
    }
  }

  /** With every new folder flushed into the one above it: else a power cut takes the folder, and all in it. */
  async #makeFolder(key: string): Promise<void> {
    let folder = this.#folder;
    for (const part of key.split('/').slice(0, -1)) {
      const above = folder;
      folder = join(folder, part);
      try {
        await mkdir(folder);
        await flushFolder(above);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    await this.#assertNoLink(join(folder, 'x'), key);
  }

  /** In key order: a folder sorts as its name with the `/` that its keys continue with (`a.txt` < `a/b` < `a0`). */
  async *#keys(folder: string, prefix: string, startAfter: string): AsyncGenerator<string> {
    const entries = await readdir(join(this.#folder, folder), { withFileTypes: true }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw storeFault(error, folder);
      },
    );
    const keys = entries
      .filter((entry) => entry.name !== draftsName && (entry.isDirectory() || entry.isFile()))
      .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
      .toSorted((a, b) => (a < b ? -1 : 1));
    for (const key of keys) {
      if (key.endsWith('/')) {
        const mayMatch = key.startsWith(prefix) || prefix.startsWith(key);
        const isBehind = startAfter >= key && !startAfter.startsWith(key);
        if (mayMatch && !isBehind) yield* this.#keys(key, prefix, startAfter);
      } else if (key.startsWith(prefix) && key > startAfter) {
        yield key;
      }
    }
  }
}

/** Never through a link in the last place. */
const readOnly = constants.O_RDONLY | constants.O_NOFOLLOW;

async function writeWhole(path: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await writeFile(file, body);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function replace(draft: string, path: string): Promise<boolean> {
  await rename(draft, path);
  return true;
}

/** False when the name is taken. link(2) decides between two writers, which a look beforehand cannot. */
async function linkOnce(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!(await stat(path)).isFile()) throw error;
    return false;
  }
}

/** For a writer, what is missing is our own folder, and an object in the place of a folder is a clash of keys. */
function writeFault(error: unknown, key: string): TouchlineError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOTDIR') return badKey(key, 'one of its folders is an object');
  if (code === 'ENOENT') return storeFault(new Error((error as Error).message), key);
  return storeFault(error, key);
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** What is there of the wish. @throws when it begins behind the end */
function within(size: number, range?: { start: number; end: number }): { start: number; length: number } {
  if (range === undefined) return { start: 0, length: size };
  if (range.start < 0 || range.start >= size || range.end < range.start) {
    throw Object.assign(new Error(`bytes ${range.start}-${range.end} are not in its ${size} bytes`), {
      code: 'ERANGE',
    });
  }
  return { start: range.start, length: Math.min(range.end, size - 1) - range.start + 1 };
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}

function draftName(random: Random): string {
  return `${process.pid}-${Buffer.from(random.bytes(10)).toString('hex')}`;
}

/** Of processes that are gone: others may be writing into the same folder now. */
async function sweepDrafts(drafts: string, log: Log): Promise<void> {
  for (const name of await readdir(drafts)) {
    const pid = Number(name.split('-')[0]);
    if (pid === process.pid || isRunning(pid)) continue;
    await rm(join(drafts, name), { force: true });
    log.info('unfinished object removed', { draft: `${draftsName}${sep}${name}` });
  }
}
