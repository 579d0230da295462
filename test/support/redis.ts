import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { isOnPath, startChild, type RunningChild } from '../../core/process.ts';
import { awaitLine } from './await-line.ts';
import { freePort } from './touchline.ts';

/** Debian's package `redis-server`. Tests that need it are skipped where it is missing. */
export const hasRedis = isOnPath('redis-server');

export interface TestRedis {
  /** `redis://127.0.0.1:PORT`; append `/1` ... `/15` for another empty database. */
  url: string;
  /** Ends the server as a crash does (what it wrote to its log of changes stays), and starts it again on the same port. */
  kill(): Promise<void>;
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}

/** A server of one's own (50 ms), on a free port; gone with the process that started it. `settings` as on its command line. */
export async function startRedis(settings: readonly string[] = []): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'touchline-redis-'));
  const port = await freePort();
  const start = async (): Promise<RunningChild> => {
    const child = await startChild({
      command: 'redis-server',
      args: [...argsOf(port, folder), ...settings],
      wallMsMax: 'unlimited',
    });
    await awaitLine(child, /Ready to accept connections/);
    return child;
  };
  let child = await start();
  const kill = async (): Promise<void> => {
    child.kill();
    await child.exit;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    startAgain: async () => {
      child = await start();
    },
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function argsOf(port: number, folder: string): string[] {
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    dir: folder,
    save: '',
    appendonly: 'yes',
    appendfsync: 'no',
    'maxmemory-policy': 'noeviction',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}
