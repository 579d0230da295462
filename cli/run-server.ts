import { readConfig, type Config } from './config.ts';
import { createLog } from '../core/log.ts';
import { untilAborted } from '../core/until-aborted.ts';
import type { CliIo } from './cli-io.ts';
import { policyOf } from './scaling-policy.ts';
import type { Workforce } from './wire-fleet.ts';

/** Runs a server in the foreground until the process is told to end. */
export async function runServer(io: CliIo, how: { hasWorkers: boolean; isJson: boolean }): Promise<void> {
  const config = readConfig(io.env, io.cwd);
  const log = createLog({ level: config.logLevel });
  const workforce = workforceOf(config, how.hasWorkers);
  const { runHouse } = await import('./wire.ts');
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

/**
 * A number that was asked for stays; else this machine has as many workers as there is work for.
 *
 * @throws TouchlineError `config.invalid`: a policy that is wrong ends the start before anything is opened
 */
function workforceOf(config: Config, hasWorkers: boolean): Workforce {
  const { scaling, workerCount, coreCount } = config;
  const policy = policyOf(config);
  switch (scaling) {
    case 'asg':
      return { kind: 'elsewhere', provider: scaling, policy, count: hasWorkers ? (workerCount ?? 0) : 0 };
    case 'dry-run':
      return {
        kind: 'elsewhere',
        provider: scaling,
        policy,
        count: hasWorkers ? (workerCount ?? coreCount) : 0,
      };
    case 'local':
      if (hasWorkers && workerCount === undefined) return { kind: 'scaled', policy };
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
      return `${workforce.policy.countMin} to ${workforce.policy.countMax}, as there is work`;
    case 'elsewhere':
      return `${workforce.count} here, the others by ${workforce.provider}`;
  }
}
