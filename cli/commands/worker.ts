import type { Command } from 'commander';

import type { CliIo } from '../cli-io.ts';
import { exitCodes } from '../exit-codes.ts';

/** `touchline worker`: takes jobs from the queue until it is told to end. */
export function register(program: Command, io: CliIo): void {
  program
    .command('worker')
    .description('Run one worker process: analysis and cutting')
    .option('--supervised', 'end at once when the process that started this one is gone')
    .action(async (options: { supervised?: true }) => {
      const { readConfig } = await import('../config.ts');
      const { createLog } = await import('../../core/log.ts');
      const config = readConfig(io.env, io.cwd);
      const log = createLog({ level: config.logLevel });
      let hasEnded = false;
      if (options.supervised) {
        // Nobody would restart us, collect us or give us a queue: what is in hand goes to another worker.
        process.once('disconnect', () => !hasEnded && process.exit(exitCodes.temporary));
        // It may have died while we were still loading: then nobody tells us any more.
        if (!process.connected) process.exit(exitCodes.temporary);
        const { heartbeat, heartbeatMs } = await import('../worker-heartbeat.ts');
        setInterval(() => process.connected && process.send?.(heartbeat), heartbeatMs).unref();
      }
      const { runWorkerProcess } = await import('../wire.ts');
      try {
        await runWorkerProcess(config, log, io.signal);
      } finally {
        // Also when it failed: the open channel would keep it alive, beating, and its supervisor content.
        hasEnded = true;
        if (process.connected) process.disconnect();
      }
    });
}
