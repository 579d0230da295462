import { addAbortSignal, type Readable } from 'node:stream';

import { TouchlineError } from '../core/errors.ts';

/** Two seasons of a busy club; more in one command is a mistake sooner than a wish. */
export const idsMax = 10_000;
/** That many ids as long as an id may be (120 characters), each with its line end. */
const stdinBytesMax = idsMax * 121;

/** The ids that a command was given, each once: `-` among its words is those on stdin, with any white space between. */
export async function idsOf(
  words: readonly string[],
  { stdin, signal }: { stdin: () => Readable; signal: AbortSignal },
): Promise<string[]> {
  const piped = words.includes('-') ? (await readAll(stdin(), signal)).split(/\s+/) : [];
  const ids = new Set(words.flatMap((word) => (word === '-' ? piped : [word])));
  ids.delete('');
  if (ids.size > idsMax) throw tooMany(`${ids.size} ids`);
  return [...ids];
}

async function readAll(stdin: Readable, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of addAbortSignal(signal, stdin) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > stdinBytesMax) throw tooMany(`more than ${stdinBytesMax} bytes`);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (!signal.aborted) throw cause;
    const message = 'interrupted while waiting for ids on stdin';
    throw new TouchlineError({ code: 'interrupted', message, retryable: false, blame: 'caller', cause });
  }
  return Buffer.concat(chunks).toString();
}

function tooMany(what: string): TouchlineError {
  return new TouchlineError({
    code: 'ids.invalid',
    message: `one command takes up to ${idsMax} ids (got ${what}): give it fewer at a time`,
    retryable: false,
    blame: 'caller',
  });
}
