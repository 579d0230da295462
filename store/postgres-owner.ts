import { readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { isRunning } from '../core/process.ts';
import type { PostgresPlace } from './postgres-place.ts';

/** What a server writes into its data folder while it runs (PostgreSQL: utils/pidfile.h). */
interface Postmaster {
  pid: number;
  status: 'starting' | 'stopping' | 'ready' | 'standby' | 'unknown';
}

/** A server that starts or stops gets this long; then something is wrong with it. */
const settleMsMax = 30_000;
const stopMsMax = 10_000;

/**
 * Looks for a server on the data folder. `in-use`: it belongs to a touchline that lives, and can be shared. `free`:
 * there is none, or there was one whose owner was killed, and it has been stopped. One that is there for a moment alone is
 * waited for: it would go under whoever shares it.
 *
 * @throws TouchlineError `postgres.in-use` when a server is there that is not ours or does not answer
 */
export async function clearPostmaster(options: {
  place: PostgresPlace;
  clock: Clock;
  log: Log;
  /** Asks the server for its `cluster_name`, which is its owner's name. */
  showOwner: () => Promise<string>;
}): Promise<'in-use' | 'free'> {
  const { place, clock } = options;
  const deadlineMs = clock.monotonicMs() + settleMsMax;
  let reason = 'it neither becomes ready nor ends';
  while (clock.monotonicMs() < deadlineMs) {
    const postmaster = await readPostmaster(place);
    if (postmaster === undefined) return 'free';
    if (!(await isPostmaster(postmaster.pid, place))) {
      // Left behind by a power cut or SIGKILL; its number may belong to an innocent process by now, which would keep
      // PostgreSQL from starting.
      await rm(join(place.dataFolder, 'postmaster.pid'), { force: true });
      return 'free';
    }
    if (postmaster.status === 'ready') {
      const owner = await options.showOwner().catch((error: unknown) => {
        reason = `it does not answer (${(error as Error).message})`;
      });
      const isHeld = owner !== undefined && (await isAlive(owner));
      if (isHeld && !owner.endsWith(momentSuffix)) return 'in-use';
      if (isHeld) reason = 'a command that opened it for a moment does not end';
      else if (owner !== undefined) {
        options.log.warn('postgres of a killed touchline found: stopping it', { pid: postmaster.pid, owner });
        await stopOrphan(postmaster.pid, place, clock);
        return 'free';
      }
    }
    await clock.sleep(50);
  }
  const pid = (await readPostmaster(place))?.pid ?? 0;
  throw new TouchlineError({
    code: 'postgres.in-use',
    message:
      `${place.dataFolder} is held by the PostgreSQL server with process id ${pid}, and ${reason}: ` +
      `stop it (kill -INT ${pid}), or set TOUCHLINE_HOME to another folder.`,
    retryable: false,
    blame: 'environment',
  });
}

/** Undefined when no server has announced itself in the data folder. */
export async function readPostmaster(place: PostgresPlace): Promise<Postmaster | undefined> {
  const text = await readFile(join(place.dataFolder, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const status = (lines[7] ?? '').trim();
  const known = ['starting', 'stopping', 'ready', 'standby'] as const;
  return { pid, status: known.find((name) => name === status) ?? 'unknown' };
}

const namePrefix = 'touchline/';
const momentSuffix = '/moment';

/** This process, in a name that no later process with the same number has: `touchline/4711/8812345`. */
export async function ownerName(isForAMoment: boolean): Promise<string> {
  const name = `${namePrefix}${process.pid}/${(await startedTicks(process.pid)) ?? 0}`;
  return isForAMoment ? name + momentSuffix : name;
}

async function isAlive(owner: string): Promise<boolean> {
  // Somebody has started a server of their own on our data, to look into it perhaps.
  if (!owner.startsWith(namePrefix)) return true;
  const [, pid, ticks] = owner.split('/');
  if (!isRunning(Number(pid))) return false;
  const now = await startedTicks(Number(pid));
  return now === undefined || String(now) === ticks;
}

/** proc_pid_stat(5), field 22. Undefined where there is no /proc. */
async function startedTicks(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is the program's name in brackets, and may hold spaces and brackets itself.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields === undefined ? undefined : Number(fields[22 - 3]);
}

/** A postmaster stands in its data folder. Where that cannot be seen, a living process is taken for one. */
async function isPostmaster(pid: number, place: PostgresPlace): Promise<boolean> {
  if (!isRunning(pid)) return false;
  const folder = await readlink(`/proc/${pid}/cwd`).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' && process.platform === 'linux' ? '' : undefined,
  );
  return folder === undefined || folder === place.dataFolder;
}

async function stopOrphan(pid: number, place: PostgresPlace, clock: Clock): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return; // It has just ended.
    }
    const deadlineMs = clock.monotonicMs() + stopMsMax;
    while (clock.monotonicMs() < deadlineMs) {
      if (!(await isPostmaster(pid, place))) return;
      await clock.sleep(20);
    }
  }
}
