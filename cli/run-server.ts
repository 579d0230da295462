import { readConfig, type Config } from './config.ts';
import { createLog } from '../core/log.ts';
import type { CliIo } from './cli-io.ts';
import type { Workforce } from './wire-fleet.ts';

/** Runs a server in the foreground until the process is told to end. */
export async function runServer(io: CliIo, how: { hasWorkers: boolean; isJson: boolean }): Promise<void> {
  const config = readConfig(io.env, io.cwd);
  const log = createLog({ level: config.logLevel });
  const { runHouse } = await import('./wire.ts');
  const workforce = workforceOf(config, how.hasWorkers);
  await runHouse(config, { isOpen: true, workforce }, log, io.signal, async ({ desks, addresses }) => {
    if (!addresses) return;
    const { url, rtmp } = addresses;
    if (how.isJson) io.printJson({ url, rtmp, pid: process.pid });
    io.tell(`touchline is up: ${url}`);
    if (!(await desks.accounts.users.hasAdmin())) {
      // It makes the first account. It is shown to whoever started the server, and to no log.
      const link = await desks.accounts.makeLink(null);
      io.tell(`Begin here (works once, for a day): ${url}/welcome#${link.reveal()}`);
    }
    io.tell(
      `publish to ${rtmp}/KEY (a key: touchline channel create NAME); workers: ${inWords(workforce)}; end: Ctrl-C`,
    );
    await untilAborted(io.signal);
    io.tell('touchline is ending: closing feeds, finishing jobs (again Ctrl-C: at once)');
  });
}

/** A number that was asked for stays; else this machine has as many workers as there is work for. */
function workforceOf(config: Config, hasWorkers: boolean): Workforce {
  const { scaling, workerCount, coreCount } = config;
  switch (scaling) {
    case 'asg':
      return { kind: 'elsewhere', provider: scaling, count: hasWorkers ? (workerCount ?? 0) : 0 };
    case 'dry-run':
      return { kind: 'elsewhere', provider: scaling, count: hasWorkers ? (workerCount ?? coreCount) : 0 };
    case 'local':
      if (hasWorkers && workerCount === undefined) return { kind: 'scaled', countMax: coreCount };
      return { kind: 'fixed', count: hasWorkers ? (workerCount ?? 0) : 0 };
    case 'off':
      return { kind: 'fixed', count: hasWorkers ? (workerCount ?? coreCount) : 0 };
  }
}

function inWords(workforce: Workforce): string {
  switch (workforce.kind) {
    case 'fixed':
      return String(workforce.count);
    case 'scaled':
      return `1 to ${workforce.countMax}, as there is work`;
    case 'elsewhere':
      return `${workforce.count} here, the others by ${workforce.provider}`;
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
