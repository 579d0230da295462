import type { CliIo } from '../../cli/cli-io.ts';

/** A terminal in memory: what was printed, and a way to wait for it. */
export function memoryIo(env: Record<string, string> = {}) {
  const lines: string[] = [];
  const told: string[] = [];
  let wake: (() => void) | undefined;
  const io: CliIo = {
    env,
    cwd: '/',
    signal: new AbortController().signal,
    print: (line) => {
      lines.push(line);
      wake?.();
    },
    printJson: (document) => lines.push(JSON.stringify(document)),
    tell: (line) => told.push(line),
    progress: () => {},
  };
  return {
    io,
    told,
    printed: {
      lines,
      until: async (isEnough: (lines: readonly string[]) => boolean): Promise<void> => {
        while (!isEnough(lines)) await new Promise<void>((resolve) => (wake = resolve));
      },
    },
  };
}
