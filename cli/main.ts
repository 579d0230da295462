#!/usr/bin/env node
import { Command, CommanderError } from 'commander';

import { readEnvironment, silenceSdkNodeWarning } from '../core/env.ts';
import { asTouchlineError } from '../core/errors.ts';
import { terminalIo, type CliIo } from './cli-io.ts';
import { register as registerAnalyse } from './commands/analyse.ts';
import { register as registerAws } from './commands/aws.ts';
import { register as registerChannel } from './commands/channel.ts';
import { register as registerClips } from './commands/clips.ts';
import { register as registerConfig } from './commands/config.ts';
import { register as registerDemo } from './commands/demo.ts';
import { register as registerDoctor } from './commands/doctor.ts';
import { register as registerExport } from './commands/export.ts';
import { register as registerFixture } from './commands/fixture.ts';
import { register as registerIngest } from './commands/ingest.ts';
import { register as registerMigrate } from './commands/migrate.ts';
import { register as registerMoments } from './commands/moments.ts';
import { register as registerRedrive } from './commands/redrive.ts';
import { register as registerScale } from './commands/scale.ts';
import { register as registerServe } from './commands/serve.ts';
import { register as registerToken } from './commands/token.ts';
import { register as registerUp } from './commands/up.ts';
import { register as registerUser } from './commands/user.ts';
import { register as registerVersion } from './commands/version.ts';
import { register as registerWebhook } from './commands/webhook.ts';
import { register as registerWorker } from './commands/worker.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';

/**
 * `touchline ...`: one file of `commands/` per command, each with a `register(program, io)` that only declares. What a
 * command needs it imports in its action, so that `touchline version` does not load a database client.
 */
const commands: readonly ((program: Command, io: CliIo) => void)[] = [
  registerAnalyse,
  registerAws,
  registerChannel,
  registerClips,
  registerConfig,
  registerDemo,
  registerDoctor,
  registerExport,
  registerFixture,
  registerIngest,
  registerMigrate,
  registerMoments,
  registerRedrive,
  registerScale,
  registerServe,
  registerToken,
  registerUp,
  registerUser,
  registerVersion,
  registerWebhook,
  registerWorker,
];

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  silenceSdkNodeWarning();
  const io = terminalIo(readEnvironment(), untilInterrupted(args.includes('--supervised')));
  const program = new Command('touchline')
    .description('Live sport in, finished clips out')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => process.stdout.write(text),
      writeErr: (text) => io.tell(text.trimEnd()),
    })
    .showHelpAfterError('(touchline --help shows what there is)');
  for (const register of commands) register(program, io);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return Number(process.exitCode ?? exitCodes.ok);
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    return report(thrown, io, args.includes('--json'));
  }
}

function report(thrown: unknown, io: CliIo, isJson: boolean): number {
  const error = asTouchlineError(thrown);
  if (isJson)
    io.printJson({ error: { code: error.code, message: error.message, retryable: error.retryable } });
  io.tell(`touchline: ${error.message}`);
  // Ours to mend, so ours to be able to find; the world's faults are told without a stack.
  if (error.code === 'unknown' && thrown instanceof Error) io.tell(thrown.stack ?? '');
  return exitCodeOf(error);
}

/** Who is supervised may be told twice, by its supervisor and by a service manager: it drains, and is killed when that takes too long. */
function untilInterrupted(isSupervised: boolean): AbortSignal {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted && !isSupervised) process.exit(exitCodes.interrupted);
    controller.abort(new Error('interrupted'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}
