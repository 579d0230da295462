import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { segmentId } from '../../core/ids.ts';
import { frameRateOf, ticksPerSecond } from '../../core/media-time.ts';
import { forEachNal, readTransportStream, type AccessUnit } from '../../core/mpegts.ts';
import type { SegmentRecord } from '../../core/segment.ts';

/** Segments of a made-up match, with records as the segmenter writes them. */
export interface TestSegments {
  records: SegmentRecord[];
  bytesOf(record: Pick<SegmentRecord, 'key'>): Uint8Array;
}

export interface TestMedia {
  /** `30000/1001`. */
  fps: string;
  seconds: number;
  gopFrames: number;
  size?: string;
  /** Extra x264 parameters, `open-gop=1`. */
  x264?: string;
  encoderArgs?: readonly string[];
  /** Undefined: none. It may come on late, at a keyframe or up to 0.1 s before. */
  sound?: { startsAtSeconds: number };
  /** RTMP rounds every time stamp to a whole ms: on by default. */
  roundsToMs?: boolean;
  /** Number in the first picture. */
  firstNumber?: number;
  segmentSeconds?: number;
}

/** Each picture carries its number in its first row: 16 blocks of 16 x 16, least significant first. */
const numberBits = 16;
const blockSize = 16;

/** What is heard `seconds` after the first picture: ten sweeps a second over 4 kHz, no two of twenty alike. */
function sweepAt(seconds: number): number {
  const nth = Math.floor(seconds * 10);
  const within = seconds - nth / 10;
  return 0.5 * Math.sin(2 * Math.PI * ((200 + 50 * (nth % 20)) * within + 20_000 * within * within));
}

/** Makes media with ffmpeg and cuts it into transport streams at keyframes. */
export function makeSegments(
  media: TestMedia,
  run: { runId?: string; epoch?: number; firstSeq?: number; startsAt90k?: number } = {},
): TestSegments {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-segments-'));
  try {
    writeMedia(media, folder);
    const files = readdirSync(folder)
      .filter((name) => name.endsWith('.ts'))
      .toSorted()
      .map((name) => new Uint8Array(readFileSync(join(folder, name))));
    return describeSegments(files, run);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function writeMedia(media: TestMedia, folder: string): void {
  const { fps, seconds, gopFrames, size = '320x180', x264 = '', sound, firstNumber = 0 } = media;
  const blocks = Array.from(
    { length: numberBits },
    (_, bit) =>
      `drawbox=x=${bit * blockSize}:y=0:w=${blockSize}:h=${blockSize}:t=fill:color=white:` +
      `enable='mod(floor((n+${firstNumber})/${2 ** bit})\\,2)'`,
  );
  const picture = [
    `testsrc2=size=${size}:rate=${fps}:duration=${seconds}`,
    `drawbox=x=0:y=0:w=${numberBits * blockSize}:h=${blockSize}:t=fill:color=black`,
    ...blocks,
  ].join(',');
  const sweep = `aevalsrc='st(0,floor(t*10));st(1,t-ld(0)/10);0.5*sin(2*PI*((200+50*mod(ld(0),20))*ld(1)+20000*ld(1)*ld(1)))':s=48000:d=${seconds}`;
  const master = join(folder, 'master.mp4');
  run([
    '-f',
    'lavfi',
    '-i',
    picture,
    ...(sound ? ['-f', 'lavfi', '-i', sweep] : []),
    '-c:v',
    'libx264',
    '-preset',
    'veryfast',
    '-g',
    String(gopFrames),
    '-pix_fmt',
    'yuv420p',
    '-x264-params',
    ['scenecut=0', ...(x264 === '' ? [] : [x264])].join(':'),
    ...(media.encoderArgs ?? []),
    ...(sound ? ['-c:a', 'aac', '-b:a', '128k'] : []),
    master,
  ]);
  const delayed = sound && sound.startsAtSeconds > 0 ? sound.startsAtSeconds : 0;
  const published = join(folder, media.roundsToMs === false ? 'published.mkv' : 'published.flv');
  // A late start is a publisher whose microphone comes on late: the sound is cut there, not moved.
  run([
    '-i',
    master,
    ...(delayed > 0 ? ['-ss', String(delayed), '-i', master, '-map', '0:v', '-map', '1:a'] : []),
    '-c',
    'copy',
    ...(delayed > 0 ? ['-copyts'] : []),
    published,
  ]);
  run([
    '-i',
    published,
    '-c',
    'copy',
    '-map',
    '0',
    '-bsf:v',
    'h264_mp4toannexb,dump_extra=freq=keyframe',
    '-f',
    'segment',
    '-segment_time',
    String(media.segmentSeconds ?? 2),
    '-segment_format',
    'mpegts',
    join(folder, 'segment%04d.ts'),
  ]);
}

/** Records for transport streams of one session, in order. The run's time starts at the first picture. */
export function describeSegments(
  files: readonly Uint8Array[],
  options: { runId?: string; epoch?: number; firstSeq?: number; startsAt90k?: number } = {},
): TestSegments {
  const { runId = 'run_test', epoch = 0, firstSeq = 0, startsAt90k = 0 } = options;
  const bytesByKey = new Map<string, Uint8Array>();
  const records: SegmentRecord[] = [];
  const origin = Math.min(
    ...readTransportStream(files[0] ?? new Uint8Array()).video.map((unit) => unit.pts90k),
  );
  const filePtsOffset90k = origin - startsAt90k;
  for (const [nth, bytes] of files.entries()) {
    const stream = readTransportStream(bytes, origin);
    const times = stream.video.map((unit) => unit.pts90k - filePtsOffset90k).toSorted((a, b) => a - b);
    const rate = frameRateOf(times);
    const start90k = times[0] ?? 0;
    const period90k = rate ? Math.round((ticksPerSecond * rate.den) / rate.num) : 3600;
    const end90k = (times.at(-1) ?? 0) + period90k;
    const previous = records.at(-1);
    const seq = firstSeq + nth;
    const record: SegmentRecord = {
      id: segmentId(runId, seq),
      channelId: 'ch_test',
      runId,
      sessionId: `ses_${epoch}`,
      epoch,
      seq,
      key: `segments/ch_test/${runId}/${seq}.ts`,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      container: 'mpegts',
      start90k,
      duration90k: end90k - start90k,
      filePtsOffset90k,
      startWallMs: 1_700_000_000_000 + Math.round(start90k / 90),
      gapBefore90k: previous ? Math.max(0, start90k - previous.start90k - previous.duration90k) : 0,
      isDiscontinuity: nth === 0,
      startsWithKeyframe: stream.video[0]?.isKeyframe ?? false,
      isPartial: nth === files.length - 1,
      video: {
        codec: 'h264',
        width: 320,
        height: 180,
        frameCount: stream.video.length,
        frameRate: rate ?? null,
        keyframes90k: stream.video
          .filter((unit) => unit.isKeyframe)
          .map((unit) => unit.pts90k - filePtsOffset90k),
        configHash: configHash(stream.video),
      },
      audio:
        stream.audio.length === 0
          ? null
          : {
              codec: 'aac',
              sampleRateHz: 48_000,
              channelCount: 1,
              start90k: (stream.audio[0]?.pts90k ?? 0) - filePtsOffset90k,
            },
    };
    records.push(record);
    bytesByKey.set(record.key, bytes);
  }
  return { records, bytesOf: ({ key }) => bytesByKey.get(key) ?? new Uint8Array() };
}

function configHash(units: readonly AccessUnit[]): string {
  const hash = createHash('sha256');
  for (const unit of units.slice(0, 1)) {
    forEachNal(unit.data, (nal, type) => {
      if (type === 7 || type === 8) hash.update(nal);
    });
  }
  return hash.digest('hex').slice(0, 16);
}

/** The numbers in the pictures of a file, in the order in which ffmpeg shows them. */
export function readNumbers(path: string): number[] {
  const bytes = run([
    '-i',
    path,
    '-map',
    '0:v:0',
    '-fps_mode',
    'passthrough',
    '-vf',
    `crop=${numberBits * blockSize}:${blockSize}:0:0,scale=${numberBits}:1:flags=area,format=gray`,
    '-f',
    'rawvideo',
    'pipe:1',
  ]);
  return Array.from({ length: bytes.length / numberBits }, (_, nth) =>
    bytes
      .subarray(nth * numberBits, (nth + 1) * numberBits)
      .reduce((number, level, bit) => number + (level > 127 ? 2 ** bit : 0), 0),
  );
}

/** Mono samples of a file at 48 kHz, from its time 0. */
export function readSound(path: string): Float32Array {
  const bytes = run(['-i', path, '-map', '0:a:0', '-ac', '1', '-ar', '48000', '-f', 'f32le', 'pipe:1']);
  return new Float32Array(new Uint8Array(bytes).buffer);
}

/**
 * How many ms the sound of a clip lies behind where it belongs, by correlation with the sweep.
 *
 * @param clipStartSeconds when the clip's first picture was shown in the source
 * @param fromSeconds where in the clip to listen
 */
export function soundDelayMs(samples: Float32Array, clipStartSeconds: number, fromSeconds: number): number {
  const length = 4096;
  const lagMax = 960; // 20 ms, a fifth of a sweep: further off the next one answers
  const from = Math.round(fromSeconds * 48_000);
  const expected = Float64Array.from({ length: length + 2 * lagMax }, (_, at) =>
    sweepAt(clipStartSeconds + (from + at - lagMax) / 48_000),
  );
  let best = { lag: 0, score: -Infinity };
  for (let lag = -lagMax; lag <= lagMax; lag += 1) {
    let score = 0;
    for (let at = 0; at < length; at += 1) {
      score += (samples[from + at] ?? 0) * (expected[at + lagMax - lag] ?? 0);
    }
    if (score > best.score) best = { lag, score };
  }
  return (best.lag * 1000) / 48_000;
}

/** Decode errors that ffmpeg finds in a file; empty for a sound one. */
export function decodeErrors(path: string): string {
  const done = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-xerror', '-i', path, '-f', 'null', '-'], {
    encoding: 'utf8',
  });
  return done.status === 0 ? done.stderr : `exit ${done.status}: ${done.stderr}`;
}

function run(args: readonly string[]): Buffer {
  const done = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...args], { maxBuffer: 1 << 30 });
  if (done.status !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${String(done.stderr)}`);
  return done.stdout;
}
