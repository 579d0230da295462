import { chmod, mkdtemp, readFile, readlink, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { startModule, type ModuleChild } from '../../core/process.ts';
import { systemRandom } from '../../core/random.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../store/embedded-postgres.ts';
import { postgresPlace } from '../../store/postgres-place.ts';

const isRoot = process.getuid?.() === 0;
/** For where a power cut is not what is tested. */
const fast = { fsync: 'off' };
const undo: (() => Promise<void>)[] = [];

/** Where making a new data folder is not what is tested, the tests share one. */
let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'touchline-pg-'));
  await chmod(home, 0o755);
});
afterAll(async () => await rm(home, { recursive: true, force: true }));

afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

describe('the embedded PostgreSQL', () => {
  it('starts from nothing, keeps its data over a restart, and is not reachable by TCP', async () => {
    const first = await start(home);
    await query(first.databaseUrl.reveal(), 'create table kept as select 7 as x');
    expect(await query(first.databaseUrl.reveal(), 'show listen_addresses')).toEqual([
      { listen_addresses: '' },
    ]);
    expect(await query(first.databaseUrl.reveal(), 'show fsync')).toEqual([{ fsync: 'on' }]);
    await first.stop();
    await expect(query(first.databaseUrl.reveal(), 'select 1')).rejects.toThrow();

    const second = await start(home);
    expect(second.isOurs).toBe(true);
    expect(second.databaseUrl.reveal()).toBe(first.databaseUrl.reveal());
    expect(await query(second.databaseUrl.reveal(), 'select x from kept')).toEqual([{ x: 7 }]);
  });

  it('keeps its folder and its password from other users, and asks for the password', async () => {
    const { databaseUrl } = await start(home);
    expect((await stat(join(home, 'postgres'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(home, 'postgres', 'password'))).mode & 0o777).toBe(0o600);
    const wrong = databaseUrl.reveal().replace(/:[0-9a-f]{48}@/, ':guess@');
    expect(wrong).not.toBe(databaseUrl.reveal());
    await expect(query(wrong, 'select 1')).rejects.toThrow(/password/);
    expect(String(databaseUrl)).not.toContain('postgresql');
  });

  it('is shared by two processes with one home that start at the same time, and stays with the first', async () => {
    const [one, other] = await Promise.all([hold(home), hold(home)]);
    expect(one.isOurs).toBe(!other.isOurs);
    expect(one.url).toBe(other.url);
    const guest = one.isOurs ? other : one;
    guest.child.terminate();
    await guest.child.exit;
    expect(await query(one.url, 'select 1 as x')).toEqual([{ x: 1 }]);
  });

  it('has its database for whoever shares it, also when its owner has not made it yet', async () => {
    const held = await hold(home);
    await query(held.url.replace('/touchline?', '/postgres?'), 'drop database touchline with (force)');
    const guests = await Promise.all([start(home), start(home), start(home)]);
    for (const { databaseUrl } of guests)
      expect(await query(databaseUrl.reveal(), 'select 1 as x')).toEqual([{ x: 1 }]);
  });

  it('is not shared with a command that takes it along in a moment: who comes meanwhile waits, and has its own', async () => {
    const held = await hold(home, { isForAMoment: true });
    let isThere = false;
    const next = start(home).then((server) => {
      isThere = true;
      return server;
    });
    expect(await query(held.url, 'select 1 as x')).toEqual([{ x: 1 }]);
    expect(isThere).toBe(false);
    held.child.terminate();
    await held.child.exit;
    expect((await next).isOurs).toBe(true);
    expect(await query((await next).databaseUrl.reveal(), 'select 1 as x')).toEqual([{ x: 1 }]);
  });

  it('ends when its owner is killed, and starts again', async () => {
    const held = await hold(home);
    await query(held.url, 'create table kept_too as select 8 as x');
    held.child.kill();
    await held.child.exit;
    const next = await start(home);
    expect(next.isOurs).toBe(true);
    expect(await query(next.databaseUrl.reveal(), 'select x from kept_too')).toEqual([{ x: 8 }]);
  });

  it.skipIf(process.platform !== 'linux')(
    'stops an orphan that outlived its owner, because the kernel could not tell it',
    async () => {
      const held = await hold(home, { env: { ...process.env, PATH: '/nonexistent' } }); // without `setpriv`
      const pid = Number(
        (await readFile(join(home, 'postgres', 'data', 'postmaster.pid'), 'utf8')).split('\n')[0],
      );
      held.child.kill();
      await held.child.exit;
      expect(await isPostmaster(pid)).toBe(true);
      const next = await start(home);
      expect(next.isOurs).toBe(true);
      expect(await isPostmaster(pid)).toBe(false);
    },
  );

  it('starts although a power cut left a pid file whose number belongs to another program now', async () => {
    const first = await start(home);
    await first.stop();
    const path = join(home, 'postgres', 'data', 'postmaster.pid');
    await writeFile(path, `${process.pid}\n${join(home, 'postgres', 'data')}\n0\n5432\n`);
    expect((await start(home)).isOurs).toBe(true);
  });

  it('starts in a folder whose path is too long for a unix socket', async () => {
    const deep = join(await temporaryFolder(), 'a'.repeat(60), 'b'.repeat(60));
    const server = await start(deep, fast);
    expect(await query(server.databaseUrl.reveal(), 'select 1 as x')).toEqual([{ x: 1 }]);
    const place = await postgresPlace(deep);
    undo.push(async () => await rm(place.socketFolder, { recursive: true, force: true }));
  });

  it.skipIf(!isRoot)('runs for root in a home that others cannot enter', async () => {
    const closed = await temporaryFolder();
    await chmod(closed, 0o700);
    const inside = join(closed, 'clone', '.touchline');
    const server = await start(inside, fast);
    const place = await postgresPlace(inside);
    undo.push(async () => await rm(place.folder, { recursive: true, force: true }));
    expect(await realpath(join(inside, 'postgres'))).toBe(place.folder);
    expect(place.folder.startsWith(closed)).toBe(false);
    expect(await query(server.databaseUrl.reveal(), 'select 1 as x')).toEqual([{ x: 1 }]);
    await server.stop();
    expect((await start(inside, fast)).isOurs).toBe(true);
  });

  it('says what is wrong when its folder cannot be used', async () => {
    const path = join(await temporaryFolder(), 'file');
    await writeFile(path, 'not a folder');
    await expect(start(path)).rejects.toMatchObject({
      code: 'postgres.unwritable',
      retryable: false,
      message: expect.stringContaining('TOUCHLINE_HOME') as string,
    });
  });

  it('does not touch the data of another major version', async () => {
    const path = join(home, 'postgres', 'data', 'PG_VERSION');
    expect(await readFile(path, 'utf8')).toBe('18\n');
    await writeFile(path, '17\n');
    await expect(start(home)).rejects.toMatchObject({ code: 'postgres.failed' });
    await expect(start(home)).rejects.toThrow(/PostgreSQL 17 and this is 18/);
    await writeFile(path, '18\n');
  });
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'touchline-pg-'));
  await chmod(folder, 0o755);
  undo.push(async () => await rm(folder, { recursive: true, force: true }));
  return await realpath(folder);
}

async function start(home: string, settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({
    home,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    settings,
  });
  undo.push(async () => await server.stop());
  return server;
}

async function hold(
  home: string,
  { env, isForAMoment = false }: { env?: NodeJS.ProcessEnv; isForAMoment?: boolean } = {},
): Promise<{ child: ModuleChild; url: string; isOurs: boolean }> {
  const child = await startModule({
    url: new URL('../support/postgres-holder.ts', import.meta.url),
    args: [home, ...(isForAMoment ? ['moment'] : [])],
    ...(env && { env }),
  });
  undo.push(async () => {
    child.terminate();
    await child.exit;
  });
  const word = await new Promise<{ url: string; isOurs: boolean }>((resolve, reject) => {
    child.onMessage((message) => resolve(message as never));
    void child.exit.then((exit) => reject(new Error(`the holder ended: ${JSON.stringify(exit)}`)));
  });
  return { child, ...word };
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  await client.connect();
  const { rows } = await client.query<Record<string, unknown>>(text);
  await client.end();
  return rows;
}

/** A process that has ended may stay in the table until its parent looks; it has no folder any more. */
async function isPostmaster(pid: number): Promise<boolean> {
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return folder === join(home, 'postgres', 'data');
}
