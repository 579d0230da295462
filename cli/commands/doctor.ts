import type { Command } from 'commander';

import type { CliIo } from '../cli-io.ts';
import type { Finding } from '../doctor/checks.ts';
import { exitCodes } from '../exit-codes.ts';

/** `touchline doctor`: is everything here that a match needs, and if not, what is to be done. */
export function register(program: Command, io: CliIo): void {
  program
    .command('doctor')
    .description('Check this machine, and say how to mend what is wrong')
    .option('--aws', 'try each permission that the settings need in AWS instead')
    .option(
      '--json',
      'print { ok, checks: [{ name, level, message }] }, with --aws { ok, permissions: [{ action, resource, level, message }] }',
    )
    .action(async (options: { json?: true; aws?: true }) => {
      if (options.aws) return await checkPermissions(io, options.json === true);
      const { readConfig } = await import('../config.ts');
      const { systemClock } = await import('../../core/clock.ts');
      const { systemRandom } = await import('../../core/random.ts');
      const { checks, examine } = await import('../doctor/checks.ts');
      const { findServer } = await import('../connect.ts');
      const config = readConfig(io.env, io.cwd);
      const isRunning = (await findServer(config).catch(() => undefined)) !== undefined;
      const context = { config, clock: systemClock, random: systemRandom, isRunning };

      const findings: Finding[] = [];
      for (const { name, check } of checks) {
        io.progress(`checking ${name} ...`);
        const finding = await examine(name, async () => await check(context));
        findings.push(finding);
        if (!options.json) io.print(`${marks[finding.level]} ${name.padEnd(9)} ${finding.message}`);
      }
      const isOk = findings.every(({ level }) => level !== 'bad');
      if (options.json) io.printJson({ ok: isOk, checks: findings });
      else io.tell(isOk ? 'Ready: touchline up' : 'Not ready: mend what is marked with FAIL.');
      process.exitCode = exitCodeFor(findings);
    });
}

async function checkPermissions(io: CliIo, isJson: boolean): Promise<void> {
  const { readConfig } = await import('../config.ts');
  const { systemClock: clock } = await import('../../core/clock.ts');
  const { systemRandom: random } = await import('../../core/random.ts');
  const { checkAws } = await import('../doctor/aws-checks.ts');
  const permissions = await checkAws(readConfig(io.env, io.cwd), { clock, random });
  const isOk = permissions.every(({ level }) => level === 'ok' || level === 'note');
  if (isJson) io.printJson({ ok: isOk, permissions });
  else {
    for (const { action, resource, level, message } of permissions) {
      io.print(`${marks[level]} ${action} on ${resource}${level === 'ok' ? '' : `: ${message}`}`);
    }
    if (permissions.length === 0)
      io.tell('No setting names AWS: the store is a folder, the queue is not SQS.');
  }
  if (!isOk) process.exitCode = exitCodes.auth;
}

const marks = { ok: 'ok  ', note: 'note', warn: 'warn', bad: 'FAIL' } as const;

/** 69 when something has to be installed, 7 when something that is installed does not answer. */
function exitCodeFor(findings: readonly Finding[]): number {
  const broken = findings.filter(({ level }) => level === 'bad').map(({ name }) => name);
  if (broken.length === 0) return exitCodes.ok;
  return broken.some((name) => name === 'node' || name === 'ffmpeg')
    ? exitCodes.dependencyMissing
    : exitCodes.unavailable;
}
