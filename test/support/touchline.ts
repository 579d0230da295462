import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { RunReport } from '../../control/match-desk.ts';
import { systemClock } from '../../core/clock.ts';
import { startChild, type ProcessExit, type RunningChild } from '../../core/process.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** The compiled program as a person would run it, in a home and on ports of its own. */
export interface Installation {
  home: string;
  env: NodeJS.ProcessEnv;
  /** The compiled `touchline`, for those who start it in their own way. */
  main: string;
  /** Runs one command to its end; `json` is what it printed on stdout, parsed. */
  run(args: readonly string[], options?: { wallMsMax?: number }): Promise<Finished>;
  /** `touchline up`, until it answers. */
  up(options?: { wallMsMax?: number }): Promise<RunningUp>;
  remove(): void;
}

export interface Finished extends ProcessExit {
  stdout: string;
  json: unknown;
}

export interface RunningUp {
  pid: number;
  url: string;
  token: string;
  /** A GET of the API, with the token. */
  get(path: string): Promise<unknown>;
  /** The report of a channel's newest run, once nothing is left to happen in it. */
  terminalReport(channelId: string, wallMsMax: number): Promise<RunReport>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<ProcessExit>;
  /** Ctrl-C: SIGINT to the whole process group, as a terminal sends it. */
  interrupt(): Promise<ProcessExit>;
  kill(): Promise<ProcessExit>;
}

export async function install(settings: NodeJS.ProcessEnv = {}): Promise<Installation> {
  const home = mkdtempSync(join(tmpdir(), 'touchline-home-'));
  // As root, a home that others cannot enter makes PostgreSQL keep its data elsewhere, where nobody would remove it.
  chmodSync(home, 0o755);
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    TOUCHLINE_HOME: home,
    TOUCHLINE_HTTP_PORT: String(await freePort()),
    TOUCHLINE_RTMP_PORT: String(await freePort()),
    TOUCHLINE_LOG: 'warn',
    ...settings,
  };
  const start = async (args: readonly string[], wallMsMax: number): Promise<RunningChild> =>
    await startChild({ command: process.execPath, args: [main, ...args], env, wallMsMax });

  return {
    home,
    env,
    main,
    run: async (args, options) => {
      const child = await start(args, options?.wallMsMax ?? 60_000);
      const stdout = Buffer.concat((await child.outputs[0]?.toArray()) ?? []).toString();
      return {
        ...(await child.exit),
        stdout,
        json: stdout.trimStart().startsWith('{') ? JSON.parse(stdout) : undefined,
      };
    },
    up: async (options) => {
      const child = await start(['up'], options?.wallMsMax ?? 600_000);
      child.outputs[0]?.resume();
      const url = `http://127.0.0.1:${env['TOUCHLINE_HTTP_PORT']}`;
      await untilReady(url, child);
      const token = readFileSync(join(home, 'token'), 'utf8').trim();
      const get = async (path: string): Promise<unknown> => {
        const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
        if (!response.ok)
          throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
        return await response.json();
      };
      return {
        pid: child.pid,
        url,
        token,
        get,
        terminalReport: async (channelId, wallMsMax) => await untilTerminal(get, channelId, wallMsMax),
        stop: async () => {
          process.kill(child.pid, 'SIGTERM');
          return await child.exit;
        },
        interrupt: async () => {
          process.kill(-child.pid, 'SIGINT');
          return await child.exit;
        },
        kill: async () => {
          child.kill();
          return await child.exit;
        },
      };
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || !address) throw new Error('no address');
  return address.port;
}

/** A dead process whose parent has not asked yet (Z) is dead: what a sandbox leaves behind is reaped by init when it pleases. */
export function isAlive(pid: number): boolean {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  return stat !== '' && stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
}

/** A process and everything below it that is alive now. Linux only. */
export function processTree(rootPid: number): { pid: number; command: string[]; residentMiB: number }[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readOrEmpty(`/proc/${entry}/stat`);
    parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const pids = [rootPid];
  for (const pid of pids) for (const [child, parent] of parents) if (parent === pid) pids.push(child);
  return pids.flatMap((pid) => {
    const command = readOrEmpty(`/proc/${pid}/cmdline`).split('\0').filter(Boolean);
    const kiB = /VmRSS:\s+(\d+)/.exec(readOrEmpty(`/proc/${pid}/status`))?.[1];
    return command.length === 0 || kiB === undefined
      ? []
      : [{ pid, command, residentMiB: Number(kiB) / 1024 }];
  });
}

async function untilReady(url: string, child: RunningChild): Promise<void> {
  let ended: ProcessExit | undefined;
  void child.exit.then((exit) => (ended = exit));
  const deadline = systemClock.monotonicMs() + 60_000;
  while (systemClock.monotonicMs() < deadline) {
    if (ended) throw new Error(`touchline up ended at once: ${JSON.stringify(ended)}`);
    const ready = await fetch(`${url}/readyz`).catch(() => undefined);
    if (ready?.ok) return;
    await systemClock.sleep(100);
  }
  throw new Error('touchline up was not ready within a minute');
}

async function untilTerminal(
  get: RunningUp['get'],
  channelId: string,
  wallMsMax: number,
): Promise<RunReport> {
  const deadline = systemClock.monotonicMs() + wallMsMax;
  for (;;) {
    const { runs } = (await get(`/api/v1/runs?channelId=${channelId}`)) as { runs: { id: string }[] };
    const run = runs[0];
    const report = run && ((await get(`/api/v1/runs/${run.id}/report`)) as RunReport);
    if (report?.isTerminal) return report;
    if (systemClock.monotonicMs() > deadline) throw new Error(`not terminal: ${JSON.stringify(report)}`);
    await systemClock.sleep(500);
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has just ended
  }
}
