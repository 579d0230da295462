import type { Command } from 'commander';

import type { CliIo } from '../cli-io.ts';
import { runServer } from '../run-server.ts';

/** `touchline up`: everything on this machine, until Ctrl-C. */
export function register(program: Command, io: CliIo): void {
  program
    .command('up')
    .description('Run everything on this machine: ingest, the match desk, the page and worker processes')
    .option('--workers <count>', 'worker processes, 0 to 64 (default: one per core)')
    .option('--json', 'print { url, rtmp, pid } once it listens')
    .action(async (options: { workers?: string; json?: true }) => {
      const env = options.workers === undefined ? io.env : { ...io.env, TOUCHLINE_WORKERS: options.workers };
      await runServer({ ...io, env }, { hasWorkers: true, isJson: options.json === true });
    });
}
