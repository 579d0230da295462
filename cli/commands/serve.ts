import type { Command } from 'commander';

import type { CliIo } from '../cli-io.ts';
import { runServer } from '../run-server.ts';

/** `touchline serve`: as `up`, for workers that run elsewhere. */
export function register(program: Command, io: CliIo): void {
  program
    .command('serve')
    .description('Run ingest, the match desk and the page; workers are started apart with `touchline worker`')
    .option('--json', 'print { url, rtmp, pid } once it listens')
    .action(async (options: { json?: true }) => {
      await runServer(io, { hasWorkers: false, isJson: options.json === true });
    });
}
