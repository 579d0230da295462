import { readFileSync } from 'node:fs';

import type { Command } from 'commander';

import type { CliIo } from '../cli-io.ts';

export function register(program: Command, io: CliIo): void {
  program
    .command('version')
    .description('print the version')
    .option('--json', 'print one JSON document')
    .action((options: { json?: boolean }) => {
      const version = touchlineVersion();
      if (options.json) io.printJson({ version, node: process.versions.node, platform: process.platform });
      else io.print(version);
    });
}

/** From package.json, which lies one folder further up once compiled to dist/. */
export function touchlineVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const text = readFileSync(new URL(path, import.meta.url), 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    } catch {
      // Not there: the other place is tried.
    }
  }
  return 'unknown';
}
