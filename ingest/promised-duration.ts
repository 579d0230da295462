import { startFfmpeg } from '../core/ffmpeg.ts';

/**
 * How long a recording says it is, in ms; undefined for containers that say nothing (a transport stream, raw streams) or
 * when nothing can be read from it. ffmpeg reads what is left of a file that was cut short and calls that a success.
 */
export async function promisedDurationMs(path: string, signal?: AbortSignal): Promise<number | undefined> {
  const child = await startFfmpeg({
    // Without an output it only says what the input is, and that it misses an output.
    args: [
      ...'-loglevel info -protocol_whitelist file -format_whitelist'.split(' '),
      promising,
      '-i',
      `file:${path}`,
    ],
    what: `reading the header of ${path}`,
    wallMsMax: headerMsMax,
    inputFile: path,
    ...(signal ? { signal } : {}),
  });
  child.stdin.end();
  child.outputs[0]?.resume();
  const { stderrTail } = await child.exit;
  const found = /Duration: (\d+):(\d\d):(\d\d\.\d+)/.exec(stderrTail.join('\n'));
  if (!found) return undefined;
  const [hours = 0, minutes = 0, seconds = 0] = found.slice(1).map(Number);
  return Math.round(((hours * 60 + minutes) * 60 + seconds) * 1000);
}

/** Their headers hold a duration. For the others ffmpeg estimates one from the bytes that are there. */
const promising = 'mov,matroska,webm,avi,asf,mxf';
/** A header at the far end of a file on a slow disk. */
const headerMsMax = 30_000;
