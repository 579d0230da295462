import type { Command } from 'commander';

import type { CliIo } from '../cli-io.ts';

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
}
