import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { text as readStream } from 'node:stream/consumers';

import type { Command } from 'commander';

import type { CalendarImport, Fixture } from '../../control/schedule.ts';
import { systemClock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { CliIo } from '../cli-io.ts';
import { instant } from '../instant.ts';
import { wholeNumber } from '../number-options.ts';

interface Options {
  json?: true;
}

/** `touchline fixture ...`: what will be played, so that machines are there before it begins. */
export function register(program: Command, io: CliIo): void {
  const fixture = program.command('fixture').description('The matches that will be played, and when');

  fixture
    .command('add <name>')
    .description('Expect a match: machines are ready before its kick-off, and stay while it is live')
    .requiredOption('--at <time>', 'kick-off, such as 2026-11-28T15:00:00Z', instant)
    .option('--channel <name>', 'the channel that will carry it')
    .option(
      '--length <minutes>',
      'with the break and what is added; 135 unless told otherwise',
      wholeNumber(1, 720),
    )
    .option('--priority <n>', '-9 to 9; 0 is usual', wholeNumber(-9, 9))
    .option('--json', 'print the fixture')
    .action(
      async (
        name: string,
        options: Options & { at: string; channel?: string; length?: number; priority?: number },
      ) => {
        const { withServer } = await import('../with-server.ts');
        const { made, channels } = await withServer(io, async (api) => ({
          made: await api.post<Fixture>('/fixtures', {
            name,
            kickOffAt: options.at,
            channel: options.channel,
            lengthMinutes: options.length,
            priority: options.priority,
          }),
          channels:
            options.channel === undefined
              ? []
              : (await api.get<{ channels: { name: string }[] }>('/channels')).channels,
        }));
        if (options.json) io.printJson(made);
        else io.print(lineOf(made));
        for (const doubt of doubtsAbout(made, channels)) io.tell(doubt);
      },
    );

  fixture
    .command('list')
    .description('Show what is expected')
    .option('--json', 'print { fixtures: [...] }')
    .action(async (options: Options) => {
      const { withServer } = await import('../with-server.ts');
      const { fixtures } = await withServer(
        io,
        async (api) => await api.get<{ fixtures: Fixture[] }>('/fixtures'),
      );
      if (options.json) io.printJson({ fixtures });
      else if (fixtures.length === 0)
        io.tell('Nothing is expected. Tell of a match: touchline fixture add NAME --at TIME');
      else for (const one of fixtures) io.print(lineOf(one));
    });

  fixture
    .command('cancel <id>')
    .description('Expect a match no longer')
    .option('--json', 'print the fixture')
    .action(async (id: string, options: Options) => {
      const { withServer } = await import('../with-server.ts');
      const gone = await withServer(
        io,
        async (api) => await api.delete<Fixture>(`/fixtures/${encodeURIComponent(id)}`),
      );
      if (options.json) io.printJson(gone);
      else io.tell(`${gone.name} is expected no longer.`);
    });

  fixture
    .command('import <file>')
    .description(
      'Take in a calendar (iCalendar; - is stdin); the same one again moves what was moved, and drops what is gone',
    )
    .option(
      '--source <name>',
      'what its matches are known by; the name of the file unless told otherwise, "calendar" of stdin',
    )
    .option('--channel <name>', 'the channel that will carry them, where the calendar names none')
    .option('--zone <name>', 'of times without one, such as Europe/London', hostZone())
    .option('--json', 'print { added, changed, cancelled, unchanged, skipped }')
    .action(async (file: string, options: Options & { source?: string; channel?: string; zone: string }) => {
      const text = file === '-' ? await readStream(process.stdin) : await readText(resolve(io.cwd, file));
      const { withServer } = await import('../with-server.ts');
      const query = new URLSearchParams({
        source: options.source ?? (file === '-' ? 'calendar' : basename(file)),
        zone: options.zone,
        ...(options.channel === undefined ? {} : { channel: options.channel }),
      });
      const done = await withServer(
        io,
        async (api) =>
          await api.postText<CalendarImport>(`/fixtures/import?${query.toString()}`, text, 'text/calendar'),
      );
      if (options.json) io.printJson(done);
      else
        io.tell(
          `${done.added} added, ${done.changed} changed, ${done.cancelled} cancelled, ${done.unchanged} as before, ${done.skipped} passed over${done.skipped > 0 ? ' (without a time of day, over, or more than 400 days ahead)' : ''}`,
        );
    });
}

/** What is taken, and may yet be a slip. */
function doubtsAbout(fixture: Fixture, channels: readonly { name: string }[]): string[] {
  const { channel, kickOffAtMs, lengthMs } = fixture;
  return [
    ...(channel === null || channels.some(({ name }) => name === channel)
      ? []
      : [`There is no channel "${channel}" yet; until there is, this match is counted as one of its own.`]),
    ...(kickOffAtMs + lengthMs > systemClock.nowMs() ? [] : ['It is over already, and is not listed.']),
  ];
}

function lineOf({ id, name, channel, kickOffAtMs, lengthMs, isCancelled }: Fixture): string {
  const at = new Date(kickOffAtMs).toISOString().replace('T', ' ').slice(0, 16);
  const what = `${at} UTC  ${Math.round(lengthMs / 60_000)} min  ${name}`;
  return `${what}${channel === null ? '' : `  on ${channel}`}${isCancelled ? '  CANCELLED' : ''}  (${id})`;
}

function hostZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    throw new TouchlineError({
      code: 'schedule.no-file',
      message: `${path} cannot be read (${code})`,
      retryable: false,
      blame: 'caller',
      cause,
    });
  }
}
