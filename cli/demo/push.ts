import type { Readable } from 'node:stream';

import { TouchlineError } from '../../core/errors.ts';
import { feed } from '../../core/ffmpeg.ts';
import { probe, startChild } from '../../core/process.ts';
import type { Secret } from '../../core/secret.ts';

/** What is pushed: a transport stream as it is made, or a file of the user's own. */
export type PushSource = { stream: Readable } | { path: string };

/**
 * Publishes by RTMP in real time, with ffmpeg in the part of the contributor's encoder: outside the sandbox, because it
 * needs the network. The key of this one channel stands among its arguments, as in everybody's encoder on this machine;
 * the demo takes the key back at its end.
 */
export async function pushByRtmp(options: {
  source: PushSource;
  rtmpBase: string;
  key: Secret;
  wallMsMax: number;
  signal: AbortSignal;
}): Promise<void> {
  const { source, signal, wallMsMax } = options;
  const input = 'stream' in source ? ['-f', 'mpegts', '-i', 'pipe:0'] : ['-i', source.path];
  const codecs = 'stream' in source ? ['-c', 'copy'] : codecsFor(source.path);
  const output = [
    '-f',
    'flv',
    '-flvflags',
    'no_duration_filesize',
    `${options.rtmpBase}/${options.key.reveal()}`,
  ];
  const child = await startChild({
    command: 'ffmpeg',
    args: ['-nostdin', '-hide_banner', '-loglevel', 'error', '-re', ...input, ...codecs, ...output],
    wallMsMax,
    signal,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
  });
  for (const output of child.outputs) output.resume();
  await feed(child, 'stream' in source ? source.stream : undefined);
  const exit = await child.exit;
  if (exit.exitCode === 0 || signal.aborted) return;
  const lastLine = (exit.stderrTail.at(-1) ?? 'it said nothing').replaceAll(options.key.reveal(), '***');
  throw new TouchlineError({
    code: 'demo.push-failed',
    message: `ffmpeg stopped pushing after ${Math.round(exit.wallMs / 1000)} s (last line: "${lastLine}")`,
    retryable: true,
    blame: 'path' in source ? 'input' : 'environment',
  });
}

/** RTMP takes H.264 and AAC: those are passed on as they are, anything else is encoded. */
function codecsFor(path: string): string[] {
  const codecOf = (stream: 'v:0' | 'a:0'): string =>
    probe(
      'ffprobe',
      `-v error -select_streams ${stream} -show_entries stream=codec_name -of csv=p=0`
        .split(' ')
        .concat(path),
    ).stdout.trim();
  const isH264 = codecOf('v:0') === 'h264';
  const isAac = codecOf('a:0') === 'aac';
  const encode = '-preset veryfast -pix_fmt yuv420p -force_key_frames expr:gte(t,n_forced*2)'.split(' ');
  const video = isH264 ? ['copy'] : ['libx264', ...encode];
  const audio = isAac ? ['copy'] : 'aac -b:a 128k -ar 48000'.split(' ');
  return ['-map', '0:v:0', '-map', '0:a:0?', '-c:v', ...video, '-c:a', ...audio];
}
