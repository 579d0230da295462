import type { Command } from 'commander';

import type { CliIo } from '../cli-io.ts';

/** `touchline config`: what is set, by whom, and whether it is right. */
export function register(program: Command, io: CliIo): void {
  const config = program.command('config').description('Look at the settings of this folder');
  config
    .command('check')
    .description('Read all settings and name every problem at once; exit code 78 when there is one')
    .action(async () => {
      const { readConfig } = await import('../config.ts');
      const { policyOf } = await import('../scaling-policy.ts');
      const config = readConfig(io.env, io.cwd);
      policyOf(config);
      const { given } = config;
      const count = given.origins.filter(({ origin }) => origin !== 'default').length;
      io.print(
        `ok: ${count} of ${given.origins.length} settings are given (${given.file ?? 'no touchline.yaml'})`,
      );
    });
  config
    .command('show')
    .description('Print every setting with its value and where that comes from; secrets are masked')
    .option('--json', 'print { file, settings: [{ path, env, value, origin }] }')
    .action(async (options: { json?: true }) => {
      const { readConfig } = await import('../config.ts');
      const { file, origins } = readConfig(io.env, io.cwd).given;
      if (options.json) {
        io.printJson({ file: file ?? null, settings: origins });
        return;
      }
      for (const { path, env, value, origin } of origins) {
        io.print(`${path.padEnd(20)} ${(value ?? '-').padEnd(28)} ${origin} (${env})`);
      }
    });
}
