import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Log } from '../core/log.ts';
import { isRunning } from '../core/process.ts';

/**
 * The folder in which the jobs of this process keep what they are making, as `<parent>/<machine>,<pid>`. What processes
 * of this machine left that are gone, killed in the middle of a cut, is taken away first: tens of megabytes each. The
 * folders of other machines that write into the same home are left alone: nobody here knows who of them is alive.
 */
export async function openWorkFolder(options: {
  parent: string;
  instanceId: string;
  pid: number;
  log: Log;
}): Promise<{ path: string; close: () => Promise<void> }> {
  const { parent, pid, log } = options;
  const machine = `${encodeURIComponent(options.instanceId)},`;
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (!name.startsWith(machine)) continue;
    const owner = Number(name.slice(machine.length));
    // One of our own number is that of a process before us.
    if (owner !== pid && isRunning(owner)) continue;
    await rm(join(parent, name), { recursive: true, force: true });
    log.info('what a worker that is gone left behind is removed', { folder: join(parent, name) });
  }
  const path = join(parent, `${machine}${pid}`);
  await mkdir(path);
  return { path, close: async () => await rm(path, { recursive: true, force: true }) };
}
