import { resolve } from 'node:path';

import { InvalidArgumentError, type Command } from 'commander';

import type { Accounts } from '../../control/account-desk.ts';
import type { Secret } from '../../core/secret.ts';
import type { Clock } from '../../core/clock.ts';
import { untilAborted } from '../../core/until-aborted.ts';
import type { Config } from '../config.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliIo } from '../cli-io.ts';
import type { MatchEvent } from '../demo/match-script.ts';
import type { PushSource } from '../demo/push.ts';
import { exitCodes } from '../exit-codes.ts';

interface Options {
  exit?: true;
  seconds: number;
  seed: number;
}

/** `touchline demo`: a match that nobody has seen before goes through the whole house, on this machine, by itself. */
export function register(program: Command, io: CliIo): void {
  program
    .command('demo')
    .description('Play a made-up match (or your own FILE) by RTMP and watch the clips come')
    .argument('[file]', 'a recorded match of your own')
    .option('--exit', 'end when the match is over; without a terminal it always does')
    .option('--seconds <count>', 'length of the made-up match', wholeNumber, 180)
    .option('--seed <number>', 'another number is another match', wholeNumber, 1)
    .action(async (file: string | undefined, options: Options) => {
      const { keptQuiet, readConfig } = await import('../config.ts');
      const { systemClock } = await import('../../core/clock.ts');
      const { findServer } = await import('../connect.ts');
      const match = file === undefined ? undefined : await ownMatch(file, io.cwd);
      const config = keptQuiet(readConfig(io.env, io.cwd));
      const play = async (api: ApiClient): Promise<void> => {
        const isGood = await playMatch({ api, io, clock: systemClock, options, match });
        process.exitCode = io.signal.aborted
          ? exitCodes.interrupted
          : isGood
            ? exitCodes.ok
            : exitCodes.error;
      };
      const running = await findServer(config);
      if (running) {
        io.tell(`A server runs here already: the demo plays on ${running.url}.`);
        await play(running);
        return;
      }
      await withOwnHouse(config, io, async (api) => {
        await play(api);
        if (!process.stdout.isTTY || options.exit || io.signal.aborted) return;
        io.tell('The page stays up until you press Ctrl-C.');
        await untilAborted(io.signal);
        process.exitCode =
          process.exitCode === exitCodes.interrupted ? exitCodes.ok : (process.exitCode ?? 0);
      });
    });
}

/** Everything that `touchline up` starts, on free ports when the usual ones are taken. */
async function withOwnHouse(
  config: Config,
  io: CliIo,
  use: (api: ApiClient) => Promise<void>,
): Promise<void> {
  const { runHouse } = await import('../wire.ts');
  const { createLog } = await import('../../core/log.ts');
  const { ApiClient } = await import('../api-client.ts');
  const { freePort } = await import('../demo/free-port.ts');
  const log = createLog({ level: config.logLevel });
  const settings: Config = {
    ...config,
    httpPort: await freePort(config.httpHost, config.httpPort),
    rtmpPort: await freePort(config.rtmpHost, config.rtmpPort),
  };
  io.progress('starting the database, the workers and the server ...');
  const workforce = { kind: 'fixed', count: Math.max(1, config.workerCount ?? config.coreCount) } as const;
  const parts = { isOpen: true, workforce };
  await runHouse(settings, parts, log, io.signal, async ({ desks, addresses }) => {
    if (!addresses) return;
    const { url, token } = addresses;
    io.tell(`The page: ${url}/welcome#${(await demoLink(desks.accounts)).reveal()}`);
    await use(new ApiClient({ url, token }));
  });
}

/** A link that signs in at once: a demonstration asks nobody for a password. */
async function demoLink(accounts: Accounts): Promise<Secret> {
  const name = 'demo';
  const user =
    (await accounts.users.find(name)) ??
    (await accounts.users.create({ name, role: 'admin', passwordHash: null }));
  return await accounts.makeLink(user.id, { isDirect: true });
}

async function playMatch(demo: {
  api: ApiClient;
  io: CliIo;
  clock: Clock;
  options: Options;
  match: { path: string; durationMs: number } | undefined;
}): Promise<boolean> {
  const { api, io, clock, options, match } = demo;
  const { runDemo } = await import('../demo/run-demo.ts');
  if (match) {
    io.tell(`Pushing ${match.path} by RTMP, in real time: ${Math.round(match.durationMs / 1000)} s.`);
    return await runDemo({ api, io, clock, source: { path: match.path }, truth: undefined, ...match });
  }
  const { streamMatch } = await import('../demo/write-match.ts');
  const durationMs = options.seconds * 1000;
  const { script, output, finished } = await streamMatch({
    durationMs,
    seed: options.seed,
    signal: io.signal,
  });
  const goals = script.events.filter(({ kind }: MatchEvent) => kind === 'goal').length;
  io.tell(`A made-up match of ${options.seconds} s with ${goals} goals, pushed by RTMP in real time.`);
  const source: PushSource = { stream: output };
  const [isGood] = await Promise.all([
    runDemo({ api, io, clock, source, truth: script.events, durationMs }).finally(() => output.destroy()),
    finished.catch((error: unknown) => {
      // An encoder whose reader has gone says so; the reader's own story is the one that matters.
      if (!output.destroyed) throw error;
    }),
  ]);
  return isGood;
}

async function ownMatch(file: string, cwd: string): Promise<{ path: string; durationMs: number }> {
  const { TouchlineError } = await import('../../core/errors.ts');
  const { probe } = await import('../../core/process.ts');
  const path = resolve(cwd, file);
  const told = probe('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', path]);
  const durationMs = Math.round(Number(told.stdout.trim()) * 1000);
  if (told.ok && durationMs > 0) return { path, durationMs };
  throw new TouchlineError({
    code: 'demo.not-media',
    message: `${path} cannot be played: give a file with video that ffprobe can read`,
    retryable: false,
    blame: 'input',
  });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 7_200) return value;
  throw new InvalidArgumentError('has to be a whole number from 1 to 7200.');
}
