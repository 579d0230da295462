import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runFfmpeg } from '../../../core/ffmpeg.ts';
import { readTransportStream } from '../../../core/mpegts.ts';
import type { SegmentRecord } from '../../../core/segment.ts';
import { segmentOf } from '../../../bench/support/segment-of.ts';

/** A segment with its bytes. */
export interface Media {
  segment: SegmentRecord;
  bytes: Uint8Array;
}

export const mediaWidth = 320;
export const mediaHeight = 180;
const encoder = '-c:v libx264 -preset ultrafast -bf 3 -g 50 -keyint_min 50 -sc_threshold 0 -pix_fmt yuv420p';

/**
 * A segment made by ffmpeg: 320x180 at 25 fps, keyframe every 2 s, three B-frames, stereo AAC at 48 kHz.
 *
 * @param picture a lavfi source without size and rate, such as `testsrc2`; undefined = no pictures
 * @param sound a lavfi source such as `sine=f=440`; undefined = no sound
 */
export async function makeMedia(options: {
  picture?: string;
  sound?: string;
  seconds: number;
  start90k?: number;
}): Promise<Media> {
  const size = `size=${mediaWidth}x${mediaHeight}:rate=25`;
  const picture = options.picture?.replace('SIZE', size);
  const inputs = [picture, options.sound].flatMap((source) => (source ? ['-f', 'lavfi', '-i', source] : []));
  const [output] = await runFfmpeg({
    what: 'making a test segment',
    wallMsMax: 60_000,
    args: [...inputs, '-t', String(options.seconds), ...outputArgs()],
  });
  return asMedia(output, options.start90k);
}

/** A piece of real footage as such a segment. */
export async function cutFootage(
  path: string,
  options: { fromS?: number; seconds?: number } = {},
): Promise<Media> {
  const seconds = options.seconds === undefined ? [] : ['-t', String(options.seconds)];
  const [output] = await runFfmpeg({
    what: 'cutting footage for a test',
    wallMsMax: 120_000,
    workFolder: dirname(path),
    args: [
      '-ss',
      String(options.fromS ?? 0),
      '-i',
      path,
      ...seconds,
      '-vf',
      `scale=${mediaWidth}:${mediaHeight}`,
      ...outputArgs(),
    ],
  });
  return asMedia(output);
}

/** Sound of a file as it reaches detectors. */
export async function readSound(path: string): Promise<Float32Array> {
  const [output = Buffer.alloc(0)] = await runFfmpeg({
    what: 'reading sound for a test',
    wallMsMax: 60_000,
    workFolder: dirname(path),
    args: ['-i', path, '-vn', '-ac', '1', '-ar', '16000', '-f', 'f32le', 'pipe:1'],
  });
  return new Float32Array(output.buffer.slice(output.byteOffset, output.byteOffset + output.length));
}

/** Real footage and models lie beside the project where they may be used at all. */
export function sharedPath(path: string): string {
  return fileURLToPath(new URL(`../../../../shared/${path}`, import.meta.url));
}

export function isMissing(path: string): boolean {
  return !existsSync(sharedPath(path));
}

function outputArgs(): string[] {
  return `${encoder} -c:a aac -b:a 96k -ac 2 -ar 48000 -f mpegts pipe:1`.split(' ');
}

function asMedia(output: Buffer | undefined, start90k = 0): Media {
  const bytes = new Uint8Array(output ?? []);
  const segment = segmentOf(bytes, { width: mediaWidth, height: mediaHeight, start90k });
  if (readTransportStream(bytes).problems.length > 0) throw new Error('the fixture is broken');
  return { bytes, segment };
}
