import type { Command } from 'commander';

import type { CliIo } from '../cli-io.ts';
import { exitCodes } from '../exit-codes.ts';

/** `touchline aws ...`: what has to be there in an account, and what should not be. */
export function register(program: Command, io: CliIo): void {
  const aws = program.command('aws').description('Make and check what touchline needs in an AWS account');
  aws
    .command('queues')
    .description(
      'Make the queues of TOUCHLINE_QUEUE (sqs://REGION/PREFIX), or bring them to what they should be',
    )
    .option('--dry-run', 'only say what would be done')
    .option('--kms-key <id>', 'encrypt with this key of KMS instead of one that SQS manages')
    .option('--json', 'print { region, queues: [{ name, state, differences }] }')
    .action(async (options: { dryRun?: true; kmsKey?: string; json?: true }) => {
      const { readConfig } = await import('../config.ts');
      const { systemClock } = await import('../../core/clock.ts');
      const { systemRandom } = await import('../../core/random.ts');
      const { createQueues, requireSqs } = await import('../../queue/create-queues.ts');
      const { region, prefix } = requireSqs(readConfig(io.env, io.cwd).queue);
      const isDryRun = options.dryRun === true;
      const queues = await createQueues({
        region,
        prefix,
        kmsKeyId: options.kmsKey,
        isDryRun,
        clock: systemClock,
        random: systemRandom,
      });
      if (options.json) return io.printJson({ region, queues });
      for (const { name, state, differences } of queues) {
        io.print(`${name}: ${isDryRun && state !== 'as it should be' ? `would be ${state}` : state}`);
        for (const { attribute, is, shouldBe } of differences) {
          io.print(`  ${attribute} was ${is ?? 'not set'}, should be ${shouldBe}`);
        }
      }
    });
  aws
    .command('sweep')
    .description(
      'Stop MediaLive channels that no server renews or nobody feeds, and take away what is left over',
    )
    .option('--env <name>', 'of which environment; TOUCHLINE_ENV unless told otherwise')
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'print { env, swept: [{ channelId, action, id, reason, failure }] }')
    .action(async (options: { env?: string; dryRun?: true; json?: true }) => {
      const { readConfig } = await import('../config.ts');
      const { systemClock: clock } = await import('../../core/clock.ts');
      const { systemRandom: random } = await import('../../core/random.ts');
      const { limitsOf, openAws } = await import('../wire-medialive.ts');
      const { sweep } = await import('../../ingest/medialive/sweep.ts');
      const config = readConfig(io.env, io.cwd);
      const env = options.env ?? config.env;
      const isDryRun = options.dryRun === true;
      const { api, close } = openAws({ ...config, env }, { clock, random });
      try {
        const swept = await sweep({ api, env, limits: limitsOf(config), nowMs: clock.nowMs(), isDryRun });
        if (options.json) io.printJson({ env, swept });
        else {
          for (const { channelId, action, id, reason, failure } of swept) {
            io.print(`${isDryRun ? 'would ' : ''}${action} ${id} of ${channelId}: ${reason}`);
            if (failure !== undefined) io.print(`  ${failure}`);
          }
          if (swept.length === 0) io.tell(`Nothing of the environment ${env} is left alone.`);
        }
        if (swept.some(({ failure }) => failure !== undefined)) process.exitCode = exitCodes.unavailable;
      } finally {
        close();
      }
    });
}
