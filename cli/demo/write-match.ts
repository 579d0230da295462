import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';

import { feed, startFfmpeg, throwIfFailed } from '../../core/ffmpeg.ts';
import { MatchPainter, pictureHeight, pictureWidth } from './match-scenes.ts';
import { writeScript, type MatchScript } from './match-script.ts';
import { soundOf, waveFile } from './match-sound.ts';
import { Picture } from './picture.ts';

const framesPerSecond = 25;

/** A match on its way out of the encoder, as an MPEG transport stream. */
interface MatchStream {
  script: MatchScript;
  output: Readable;
  /** Resolves when the last byte is out and the work folder is gone; rejects when the encoder failed. */
  finished: Promise<void>;
}

/**
 * Plays a synthetic match into ffmpeg as fast as `output` is read: 1280x720 at 25 fps, H.264 with a keyframe every 2 s,
 * AAC. What happens in it is known from `script` before the first byte is out.
 */
export async function streamMatch(options: {
  durationMs: number;
  seed: number;
  signal?: AbortSignal;
}): Promise<MatchStream> {
  const script = writeScript(options);
  const workFolder = await mkdtemp(join(tmpdir(), 'touchline-match-'));
  const job = {
    what: 'making the synthetic match',
    // Slower than a quarter of real time is a machine on which nothing else would work either.
    wallMsMax: options.durationMs * 4 + 60_000,
    workFolder,
    args: encoderArgs(),
    ...(options.signal ? { signal: options.signal } : {}),
  };
  try {
    await writeFile(join(workFolder, 'sound.wav'), waveFile(soundOf(script)));
    const child = await startFfmpeg(job);
    const [output] = child.outputs;
    if (!output) throw new Error('startFfmpeg gives at least stdout');
    const finished = (async () => {
      try {
        await feed(child, framesOf(script));
        throwIfFailed(await child.exit, job);
      } finally {
        await rm(workFolder, { recursive: true, force: true });
      }
    })();
    return { script, output, finished };
  } catch (error) {
    await rm(workFolder, { recursive: true, force: true });
    throw error;
  }
}

/** The same match as a file at `path` (`.ts`), whole or not at all. */
export async function writeMatch(options: {
  path: string;
  durationMs: number;
  seed: number;
}): Promise<MatchScript> {
  const folder = await mkdtemp(join(dirname(options.path), '.match-'));
  try {
    const { script, output, finished } = await streamMatch(options);
    await Promise.all([writeFile(join(folder, 'match.ts'), output), finished]);
    await rename(join(folder, 'match.ts'), options.path);
    return script;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Two pictures in turn: `feed` waits until one is in the pipe before it asks for the next but one. */
async function* framesOf(script: MatchScript): AsyncIterable<Uint8Array> {
  const painter = new MatchPainter(script);
  const pictures = [new Picture(pictureWidth, pictureHeight), new Picture(pictureWidth, pictureHeight)];
  const frameCount = Math.round((script.durationMs / 1000) * framesPerSecond);
  for (let index = 0; index < frameCount; index += 1) {
    const picture = pictures[index % 2];
    if (!picture) return;
    painter.paint(picture, (index * 1000) / framesPerSecond);
    yield picture.bytes;
  }
}

function encoderArgs(): string[] {
  const raw = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${pictureWidth}x${pictureHeight}`];
  const colours = [
    '-colorspace',
    'bt709',
    '-color_primaries',
    'bt709',
    '-color_trc',
    'bt709',
    '-color_range',
    'tv',
  ];
  const gop = String(framesPerSecond * 2);
  const pictures = [...raw, '-r', String(framesPerSecond), '-i', 'pipe:0'];
  const sound = ['-f', 'wav', '-i', 'sound.wav'];
  const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '23', '-g', gop, '-sc_threshold', '0'];
  const aac = ['-c:a', 'aac', '-ac', '2', '-b:a', '128k'];
  return [...pictures, ...sound, ...h264, ...colours, ...aac, '-f', 'mpegts', 'pipe:1'];
}
