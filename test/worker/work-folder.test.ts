import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { silentLog } from '../../core/log.ts';
import { startChild } from '../../core/process.ts';
import { openWorkFolder } from '../../worker/work-folder.ts';

let parent: string;

beforeEach(async () => {
  parent = join(await mkdtemp(join(tmpdir(), 'touchline-work-')), 'work');
});

afterEach(async () => {
  await rm(join(parent, '..'), { recursive: true, force: true });
});

async function open(pid = process.pid, instanceId = 'i-1') {
  return await openWorkFolder({ parent, instanceId, pid, log: silentLog });
}

async function leave(name: string): Promise<void> {
  await mkdir(join(parent, name, 'job-x'), { recursive: true });
  await writeFile(join(parent, name, 'job-x', 'source.ts'), 'half a cut');
}

async function goneProcess(): Promise<number> {
  const child = await startChild({ command: process.execPath, args: ['-e', ''], wallMsMax: 20_000 });
  await child.exit;
  return child.pid;
}

describe('the work folder', () => {
  test('is there, and gone when it is closed', async () => {
    const folder = await open();
    expect(await readdir(folder.path)).toEqual([]);
    await folder.close();
    expect(await readdir(parent)).toEqual([]);
  });

  test('what a killed worker of this machine left is removed at the next start', async () => {
    await leave(`i-1,${await goneProcess()}`);
    const folder = await open();
    expect(await readdir(parent)).toEqual([`i-1,${process.pid}`]);
    await folder.close();
  });

  test('what a process before us left under our number is removed', async () => {
    await leave(`i-1,${process.pid}`);
    expect(await readdir((await open()).path)).toEqual([]);
  });

  test('what a living worker makes stays', async () => {
    await leave(`i-1,${process.pid}`);
    const folder = await open(await goneProcess());
    expect(await readdir(join(parent, `i-1,${process.pid}`))).toEqual(['job-x']);
    await folder.close();
  });

  test('what another machine left stays: nobody here knows whether it is alive', async () => {
    const pid = await goneProcess();
    await leave(`i-10,${pid}`);
    const folder = await open();
    expect(await readdir(parent)).toContain(`i-10,${pid}`);
    await folder.close();
  });

  test('a machine whose name is no file name has one too', async () => {
    const folder = await open(process.pid, 'rack/7,b');
    expect(await readdir(parent)).toEqual([`rack%2F7%2Cb,${process.pid}`]);
    await folder.close();
  });
});
