import { resolve } from 'node:path';

import type { Command } from 'commander';

import type { RunReport } from '../../control/match-desk.ts';
import type { CliIo } from '../cli-io.ts';
import { momentLine } from '../moment-line.ts';

interface Options {
  as: string;
  sport?: string;
  realtime?: true;
  json?: true;
}

/** What a server that is asked about a file can do; the running one over HTTP, or one of our own. */
interface Server {
  ingestFile(wish: {
    path: string;
    name: string;
    sport?: string;
    isRealtime?: boolean;
  }): Promise<{ runId: string }>;
  runReport(runId: string): Promise<RunReport>;
}

const pollMs = 300;
/** No job runs longer than a few minutes: when nothing at all has moved for so long, nothing will. */
const stuckMs = 10 * 60_000;

/** `touchline ingest FILE --as NAME`: a recording as a run of a channel, waited for until all of it is final. */
export function register(program: Command, io: CliIo): void {
  program
    .command('ingest <file>')
    .description('Take a recording in, cut its clips, and wait until all is done')
    .requiredOption('--as <name>', 'the channel; made when there is none of that name')
    .option('--sport <sport>', 'soccer, basketball, tennis, cricket or generic')
    .option('--realtime', 'at its own pace instead of as fast as this machine can')
    .option('--json', 'print { channel, run, segments, moments, clips, notes }')
    .action(async (file: string, options: Options) => {
      const { keptQuiet, readConfig } = await import('../config.ts');
      const { findServer } = await import('../connect.ts');
      const config = keptQuiet(readConfig(io.env, io.cwd));
      const path = resolve(io.cwd, file);
      const running = await findServer(config);
      if (running) {
        await ingest(io, path, options, {
          ingestFile: async (wish) => await running.post('/ingest', wish),
          runReport: async (runId) => await running.get(`/runs/${runId}/report`),
        });
        return;
      }
      const { createLog } = await import('../../core/log.ts');
      const { runHouse } = await import('../wire.ts');
      const log = createLog({ level: config.logLevel });
      const workforce = {
        kind: 'fixed',
        count: Math.max(1, config.workerCount ?? config.coreCount),
      } as const;
      const parts = { isOpen: false, workforce };
      await runHouse(
        config,
        parts,
        log,
        io.signal,
        async ({ desks: { desk } }) => await ingest(io, path, options, desk),
      );
    });
}

async function ingest(io: CliIo, path: string, options: Options, server: Server): Promise<void> {
  const { runId } = await server.ingestFile({
    path,
    name: options.as,
    ...(options.sport === undefined ? {} : { sport: options.sport }),
    isRealtime: options.realtime ?? false,
  });
  const report = await untilTerminal(io, server, runId);
  io.progress('');
  for (const note of report.notes) io.tell(note);
  const { isTerminal: _, ...document } = report;
  if (options.json) {
    io.printJson(document);
    return;
  }
  for (const moment of report.moments) {
    const clip = report.clips.find((one) => one.momentId === moment.id);
    const wide = clip?.renditions.find((one) => one.preset === 'wide');
    io.print(`${momentLine(moment)}${wide ? `\n  ${wide.path ?? wide.key}` : `  (${moment.state})`}`);
  }
  const { total, clip, noClip, dead } = report.segments;
  io.tell(
    `${report.moments.length} moments; segments: ${total} = ${clip} clip + ${noClip} no-clip + ${dead} dead`,
  );
}

async function untilTerminal(io: CliIo, server: Server, runId: string): Promise<RunReport> {
  const { systemClock: clock } = await import('../../core/clock.ts');
  const { TouchlineError } = await import('../../core/errors.ts');
  let last = '';
  let movedAtMs = clock.monotonicMs();
  for (;;) {
    const report = await server.runReport(runId);
    if (report.isTerminal) return report;
    const { total, clip, noClip, dead } = report.segments;
    const text = `${clip + noClip + dead} of ${total} segments done, ${report.moments.length} moments, ${report.clips.length} clips`;
    const state = JSON.stringify([report.segments, report.moments, report.clips]);
    if (state !== last) movedAtMs = clock.monotonicMs();
    last = state;
    io.progress(text);
    if (clock.monotonicMs() - movedAtMs > stuckMs) {
      throw new TouchlineError({
        code: 'ingest.timeout',
        message: `nothing has moved for ${stuckMs / 60_000} minutes (${text}): look at the log of the server and at its workers`,
        retryable: true,
        blame: 'environment',
      });
    }
    await clock.sleep(pollMs, io.signal).catch(() => {
      throw new TouchlineError({
        code: 'interrupted',
        message: `interrupted: ${text}`,
        retryable: true,
        blame: 'caller',
      });
    });
  }
}
