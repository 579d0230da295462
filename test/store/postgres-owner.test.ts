import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Clock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { startChild, type RunningChild } from '../../core/process.ts';
import { clearPostmaster, ownerName } from '../../store/postgres-owner.ts';
import type { PostgresPlace } from '../../store/postgres-place.ts';

/** A clock on which waiting takes no time. */
function makeClock(): Clock {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
    },
  };
}

describe.skipIf(process.platform !== 'linux')('a server on our data folder', () => {
  let place: PostgresPlace;
  let stranger: RunningChild;
  beforeEach(async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'touchline-owner-')));
    place = { folder, dataFolder: join(folder, 'data'), socketFolder: folder, user: undefined };
    await mkdir(place.dataFolder);
    // Stands in the data folder, as a server does, and does nothing.
    stranger = await startChild({
      command: 'sleep',
      args: ['60'],
      wallMsMax: 60_000,
      cwd: place.dataFolder,
    });
  });
  afterEach(async () => {
    stranger.kill();
    await stranger.exit;
    await rm(place.folder, { recursive: true });
  });

  const announce = async (pid: number, status: string): Promise<void> =>
    await writeFile(
      join(place.dataFolder, 'postmaster.pid'),
      `${pid}\n${place.dataFolder}\n0\n5432\n${place.folder}\n\n0 0\n${status}\n`,
    );
  const look = async (showOwner: () => Promise<string>): Promise<string> =>
    await clearPostmaster({ place, clock: makeClock(), log: silentLog, showOwner });

  it('is not there without a pid file, and not with a pid file of a process that has ended', async () => {
    expect(await look(async () => 'nobody')).toBe('free');
    await announce(999_999_999, 'ready');
    expect(await look(async () => 'nobody')).toBe('free');
    await expect(readFile(join(place.dataFolder, 'postmaster.pid'))).rejects.toThrow();
  });

  it('is shared while its owner lives, and when it is somebody else’s', async () => {
    await announce(stranger.pid, 'ready');
    const own = await ownerName(false);
    expect(await look(async () => own)).toBe('in-use');
    expect(await look(async () => '')).toBe('in-use');
  });

  it.each(['touchline/999999999/1', `touchline/${process.pid}/1`])(
    'is stopped when its owner has ended, also when its number was given away (%s)',
    async (owner) => {
      await announce(stranger.pid, 'ready');
      expect(await look(async () => owner)).toBe('free');
      expect((await stranger.exit).signal).toBe('SIGINT');
    },
  );

  it.each([
    { status: 'ready', why: /does not answer \(no socket\)/ },
    { status: 'starting', why: /neither becomes ready nor ends/ },
    { status: 'stopping', why: /neither becomes ready nor ends/ },
  ])('that is $status and stays so is named, with what to do', async ({ status, why }) => {
    await announce(stranger.pid, status);
    const looked = look(async () => {
      throw new Error('no socket');
    });
    await expect(looked).rejects.toMatchObject({ code: 'postgres.in-use', blame: 'environment' });
    await expect(looked).rejects.toThrow(why);
    await expect(looked).rejects.toThrow(`kill -INT ${stranger.pid}`);
  });
});
