import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import {
  access,
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { TouchlineError } from '../core/errors.ts';
import { canEnter, type SystemUser } from './postgres-binaries.ts';

/** Where the server lives and as whom it runs. */
export interface PostgresPlace {
  /** 0700, the server's own. */
  folder: string;
  dataFolder: string;
  socketFolder: string;
  /** Undefined: the server runs as we do. */
  user: SystemUser | undefined;
}

/** sun_path holds 108 bytes with the closing zero. */
const socketFolderBytesMax = 107 - '/.s.PGSQL.5432'.length;
/** Where root puts what must not lie under a closed home. */
const sharedFolder = '/var/lib/touchline';

/**
 * Normally `<home>/postgres`. PostgreSQL refuses to run as root, so for root it runs as the system's `postgres` or
 * `nobody`; and where that user cannot enter the home (a clone under /root), the folder lies under /var/lib/touchline
 * and `<home>/postgres` is a link to it.
 *
 * @throws TouchlineError `postgres.unwritable`, `postgres.unsupported`
 */
export async function postgresPlace(home: string): Promise<PostgresPlace> {
  try {
    await mkdir(home, { recursive: true });
    const wish = process.getuid?.() === 0 ? await unprivilegedUser() : undefined;
    const { folder, user } = await ownFolder(join(await realpath(home), 'postgres'), wish);
    return { folder, user, dataFolder: join(folder, 'data'), socketFolder: await socketFolder(folder, user) };
  } catch (error) {
    if (error instanceof TouchlineError) throw error;
    throw unwritable(resolve(home, 'postgres'), error);
  }
}

/** Of the users that Debian has: the one that PostgreSQL's own package makes, where it is installed. */
async function unprivilegedUser(): Promise<SystemUser> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((fields) => fields[0] === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new TouchlineError({
    code: 'postgres.unsupported',
    message:
      'PostgreSQL refuses to run as root, and this system has no user `postgres` or `nobody` to run it as: ' +
      'start touchline as another user, or set DATABASE_URL.',
    retryable: false,
    blame: 'environment',
  });
}

async function ownFolder(
  path: string,
  wish: SystemUser | undefined,
): Promise<{ folder: string; user: SystemUser | undefined }> {
  if (!(await exists(path))) {
    if (wish === undefined || (await canEnter(dirname(path), wish))) await makeFolder(path, wish);
    else await makeLinkedFolder(path, wish);
  }
  const folder = await realpath(path);
  if (wish === undefined) {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return { folder, user: undefined };
  }
  // What exists keeps its user, also when the system has got another since.
  const { uid, gid } = await stat(folder);
  const user = uid === 0 ? wish : { uid, gid };
  if (uid === 0) await chown(folder, user.uid, user.gid);
  if (await canEnter(folder, user)) return { folder, user };
  throw new TouchlineError({
    code: 'postgres.unwritable',
    message:
      `${folder} lies in a folder that user ${user.uid}, as whom PostgreSQL runs, cannot enter: ` +
      'open that folder (chmod o+x), or move the postgres folder away to start empty.',
    retryable: false,
    blame: 'environment',
  });
}

async function makeFolder(path: string, user: SystemUser | undefined): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (user) await chown(path, user.uid, user.gid);
}

async function makeLinkedFolder(path: string, user: SystemUser): Promise<void> {
  await mkdir(sharedFolder, { recursive: true, mode: 0o755 });
  const folder = await mkdtemp(join(sharedFolder, 'postgres-')); // mkdtemp makes it 0700
  await chown(folder, user.uid, user.gid);
  await symlink(folder, path).catch(async (error: NodeJS.ErrnoException) => {
    await rm(folder, { recursive: true });
    if (error.code !== 'EEXIST') throw error; // Otherwise a neighbour was faster.
  });
}

/** The folder itself, or a short name for it where its path is too long for a socket. */
async function socketFolder(folder: string, user: SystemUser | undefined): Promise<string> {
  if (Buffer.byteLength(folder) <= socketFolderBytesMax) return folder;
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  const short = join(Buffer.byteLength(tmpdir()) < 60 ? tmpdir() : '/tmp', `touchline-${name}`);
  const uid = user?.uid ?? process.getuid?.();
  await mkdir(short, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(short);
  if (user && found.uid === 0) await chown(short, user.uid, user.gid);
  if (found.isDirectory() && (found.uid === uid || (user && found.uid === 0))) {
    await chmod(short, 0o700);
    return short;
  }
  // Anybody may make a folder in /tmp: one that is not ours would hand our connections to its owner.
  throw unwritable(short, new Error('it belongs to somebody else'));
}

function unwritable(path: string, cause: unknown): TouchlineError {
  return new TouchlineError({
    code: 'postgres.unwritable',
    message:
      `the embedded PostgreSQL needs ${path}, and cannot use it (${(cause as Error).message}): ` +
      'make it writable for the user that runs touchline, set TOUCHLINE_HOME to another folder, or set DATABASE_URL.',
    retryable: false,
    blame: 'environment',
    cause,
  });
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
