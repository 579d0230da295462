import type { Command } from 'commander';

import type { CliIo } from '../cli-io.ts';

/** `touchline migrate`: what `up` and `serve` do at their start, for those who want it done before. */
export function register(program: Command, io: CliIo): void {
  program
    .command('migrate')
    .description('Bring the database to the schema of this version; forward only')
    .option('--json', 'print { applied: [...] }')
    .action(async (options: { json?: true }) => {
      const { readConfig } = await import('../config.ts');
      const { createLog } = await import('../../core/log.ts');
      const config = readConfig(io.env, io.cwd);
      const { migrateCatalogue } = await import('../wire.ts');
      const applied = await migrateCatalogue(config, createLog({ level: config.logLevel }));
      if (options.json) io.printJson({ applied });
      else io.print(applied.length === 0 ? 'nothing to do' : `applied ${applied.join(', ')}`);
    });
}
