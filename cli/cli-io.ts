/** What a command may touch of the terminal it runs in: data goes to stdout, everything else to stderr. */
export interface CliIo {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** One line on stdout. */
  print(line: string): void;
  /** The one document of `--json`. */
  printJson(document: unknown): void;
  /** One line on stderr. */
  tell(line: string): void;
  /** Replaces the last progress line on stderr; says nothing unless a person is watching. An empty text clears it. */
  progress(text: string): void;
  /** Aborts on the first SIGINT or SIGTERM; the second ends the process at once. */
  signal: AbortSignal;
}

export function terminalIo(
  env: CliIo['env'],
  signal: AbortSignal,
  streams: Pick<NodeJS.Process, 'stdout' | 'stderr'> = process,
): CliIo {
  const { stdout, stderr } = streams;
  let progressChars = 0;
  const clear = (): void => {
    if (progressChars > 0) stderr.write(`\r${' '.repeat(progressChars)}\r`);
    progressChars = 0;
  };
  return {
    env,
    cwd: process.cwd(),
    signal,
    print: (line) => {
      clear();
      stdout.write(`${line}\n`);
    },
    printJson: (document) => {
      clear();
      stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    },
    tell: (line) => {
      clear();
      stderr.write(`${line}\n`);
    },
    progress: (text) => {
      if (!stderr.isTTY) return;
      clear();
      stderr.write(text);
      progressChars = text.length;
    },
  };
}
