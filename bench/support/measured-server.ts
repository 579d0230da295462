import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { startChild } from '../../core/process.ts';
import { systemRandom } from '../../core/random.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { startEmbeddedPostgres } from '../../store/embedded-postgres.ts';
import { install } from '../../test/support/touchline.ts';

/** Bytes, after all garbage was collected. */
export interface Memory {
  rss: number;
  heapUsed: number;
  external: number;
  arrayBuffers: number;
}

export interface MeasuredServer {
  url: string;
  token: string;
  home: string;
  env: NodeJS.ProcessEnv;
  /** The server's own database. */
  catalogue: Catalogue;
  memory: () => Promise<Memory>;
  /** One command of the program, to its end. */
  run(args: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** The compiled `touchline up` in a home of its own, with a door to its ledger and to its memory. */
export async function startMeasuredServer(settings: NodeJS.ProcessEnv): Promise<MeasuredServer> {
  const installation = await install(settings);
  const { home, env, main } = installation;
  const memoryFile = join(home, 'memory.json');
  const preload = fileURLToPath(new URL('tell-memory.mjs', import.meta.url));
  const child = await startChild({
    command: process.execPath,
    args: ['--expose-gc', '--import', preload, main, 'up'],
    env: { ...env, BENCH_MEMORY_FILE: memoryFile },
    wallMsMax: 3_600_000,
  });
  child.outputs[0]?.resume();
  const url = `http://127.0.0.1:${env['TOUCHLINE_HTTP_PORT']}`;
  await until(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok ?? false);
  const tools = { clock: systemClock, random: systemRandom, log: silentLog };
  // It runs already, so this only asks for its address.
  const postgres = await startEmbeddedPostgres({ home, ...tools });
  const catalogue = await openCatalogue({
    databaseUrl: postgres.databaseUrl.reveal(),
    statementMsMax: 300_000,
  });
  return {
    url,
    token: readFileSync(join(home, 'token'), 'utf8').trim(),
    home,
    env,
    catalogue,
    memory: async () => {
      rmSync(memoryFile, { force: true });
      process.kill(child.pid, 'SIGUSR2');
      await until(() => existsSync(memoryFile));
      return JSON.parse(readFileSync(memoryFile, 'utf8')) as Memory;
    },
    run: async (args) => {
      const { exitCode } = await installation.run(args, { wallMsMax: 300_000 });
      if (exitCode !== 0) throw new Error(`${args.join(' ')} ended with ${exitCode}`);
    },
    stop: async () => {
      await catalogue.close();
      process.kill(child.pid, 'SIGTERM');
      await child.exit;
      installation.remove();
    },
  };
}

export async function until(holds: () => boolean | Promise<boolean>, msMax = 60_000): Promise<void> {
  const giveUpMs = systemClock.monotonicMs() + msMax;
  while (!(await holds())) {
    if (systemClock.monotonicMs() > giveUpMs)
      throw new Error(`waited ${msMax} ms for nothing: ${holds.toString()}`);
    await systemClock.sleep(50);
  }
}
