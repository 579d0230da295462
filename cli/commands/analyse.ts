import { resolve } from 'node:path';

import type { Command } from 'commander';

import type { CliIo } from '../cli-io.ts';
import { exitCodes } from '../exit-codes.ts';
import { momentLine } from '../moment-line.ts';

/** `touchline analyse FILE`: what would be found, and why. No server, no database, nothing left behind. */
export function register(program: Command, io: CliIo): void {
  program
    .command('analyse <file>')
    .description('Find the moments of a recording without making clips: the way to try out rules')
    .option('--rules <file>', 'a YAML file with rules of your own')
    .option('--sport <sport>', 'soccer, basketball, tennis, cricket or generic')
    .option('--json', 'print { durationMs, segments, signals, moments }')
    .action(async (file: string, options: { rules?: string; sport?: string; json?: true }) => {
      const { keptQuiet, readConfig } = await import('../config.ts');
      const { createLog } = await import('../../core/log.ts');
      const { loadRules, loadRulesFile } = await import('../../analytics/rules/load-rules.ts');
      const { segmentFile } = await import('../../ingest/source-file.ts');
      const { dryRun } = await import('../../control/dry-run.ts');
      const { openAnalyst } = await import('../wire.ts');
      const config = keptQuiet(readConfig(io.env, io.cwd));
      const rules =
        options.rules === undefined
          ? loadRules({ sport: options.sport ?? 'generic' })
          : loadRulesFile(resolve(io.cwd, options.rules));
      const sport = options.sport ?? rules.sport;
      const analyst = openAnalyst(config, createLog({ level: config.logLevel }));
      try {
        // A model that does not load is named at once, not only when something is found worth its look.
        await analyst.ready();
        const found = await dryRun({
          source: segmentFile({
            path: resolve(io.cwd, file),
            channelId: 'ch_dry',
            runId: 'run_dry',
            sessionId: 'ses_dry',
            startWallMs: 0,
            segmentMs: config.segmentMs,
            signal: io.signal,
          }),
          look: async (task) => await analyst.analyse({ ...task, sport, signal: io.signal }),
          rules,
          sport,
          onProgress: (untilMs) => io.progress(`looked at ${Math.round(untilMs / 1000)} s`),
        });
        const { dead, ...document } = found;
        for (const { seq, reason } of dead) io.tell(`segment ${seq} could not be looked at: ${reason}`);
        if (options.json) io.printJson(document);
        else for (const moment of found.moments) io.print(momentLine(moment));
        if (!options.json && found.moments.length === 0) io.tell('no moments were found');
        if (dead.length > 0) process.exitCode = exitCodes.invalid;
      } finally {
        io.progress('');
        await analyst.close();
      }
    });
}
