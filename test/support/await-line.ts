import { createInterface } from 'node:readline';

import type { RunningChild } from '../../core/process.ts';

/** The first group of `pattern` in what a server prints on stdout when it is ready. Goes on reading, so that it never blocks. */
export async function awaitLine(child: RunningChild, pattern: RegExp): Promise<string> {
  const [stdout] = child.outputs;
  if (!stdout) throw new Error('a child has a stdout');
  const seen: string[] = [];
  const found = new Promise<string>((resolve) => {
    createInterface({ input: stdout }).on('line', (line) => {
      const match = pattern.exec(line);
      if (match) resolve(match[1] ?? line);
      else if (seen.length < 20) seen.push(line);
    });
  });
  const ended = child.exit.then(({ exitCode, stderrTail }) => {
    throw new Error(
      `it ended (exit code ${exitCode}) before it was ready: ${[...seen, ...stderrTail].join(' | ')}`,
    );
  });
  ended.catch(() => {}); // Its later end is no fault.
  return await Promise.race([found, ended]);
}
