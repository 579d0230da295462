import { readConfig } from './config.ts';
import { createLog } from '../core/log.ts';
import type { CliIo } from './cli-io.ts';

/** Runs a server in the foreground until the process is told to end. */
export async function runServer(io: CliIo, how: { hasWorkers: boolean; isJson: boolean }): Promise<void> {
  const config = readConfig(io.env, io.cwd);
  const log = createLog({ level: config.logLevel });
  const { runHouse } = await import('./wire.ts');
  const workerCount = how.hasWorkers ? config.workerCount : 0;
  await runHouse(config, { isOpen: true, workerCount }, log, io.signal, async ({ addresses }) => {
    if (!addresses) return;
    const { url, rtmp, token } = addresses;
    if (how.isJson) io.printJson({ url, rtmp, pid: process.pid });
    // The link signs the browser in. It is shown to whoever started the server, and to no log.
    io.tell(`touchline is up: ${url}/?token=${token.reveal()}`);
    io.tell(
      `publish to ${rtmp}/KEY (a key: touchline channel create NAME); workers: ${workerCount}; end: Ctrl-C`,
    );
    await untilAborted(io.signal);
    io.tell('touchline is ending: closing feeds, finishing jobs (again Ctrl-C: at once)');
  });
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
