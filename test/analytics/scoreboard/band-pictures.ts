import { spawnSync } from 'node:child_process';

import type { Picture, SegmentSample } from '../../../analytics/detectors/detector.ts';
import { bandRowCount } from '../../../analytics/sampling/picture-request.ts';
import type { SegmentRecord } from '../../../core/segment.ts';

/** What the sampler would hand to the scoreboard detector: top and bottom band of one picture every `everyMs`. */
export function bandPictures(
  path: string,
  how: { everyMs: number; share: number; filter?: string; fromMs?: number; durationMs?: number },
): { width: number; height: number; pictures: Picture[] } {
  const probed = spawnSync(
    'ffprobe',
    ['-v', 'error', '-select_streams', 'v:0', '-show_entries', 'stream=width,height', '-of', 'csv=p=0', path],
    { encoding: 'utf8' },
  );
  const [width = 0, height = 0] = probed.stdout.trim().split(',').map(Number);
  const rows = bandRowCount(how.share, height);
  const bands = `split[a][b];[a]crop=iw:${rows}:0:0[t];[b]crop=iw:${rows}:0:${height - rows}[u];[t][u]vstack`;
  const isStill = /\.(png|jpe?g)$/.test(path);
  const filter = [
    ...(how.filter === undefined ? [] : [how.filter]),
    ...(isStill ? [] : [`fps=${1000 / how.everyMs}:round=up`]),
    `format=rgb24,${bands}`,
  ].join(',');
  const cut = [
    ...(how.fromMs === undefined ? [] : ['-ss', String(how.fromMs / 1000)]),
    ...(how.durationMs === undefined ? [] : ['-t', String(how.durationMs / 1000)]),
  ];
  const decoded = spawnSync(
    'ffmpeg',
    [
      '-v',
      'error',
      '-nostdin',
      ...cut,
      '-i',
      path,
      '-filter_complex',
      filter,
      '-f',
      'rawvideo',
      '-pix_fmt',
      'rgb24',
      '-',
    ],
    { maxBuffer: 1 << 30 },
  );
  const bytes = width * rows * 2 * 3;
  const pictures: Picture[] = [];
  for (let at = 0; at + bytes <= decoded.stdout.length; at += bytes) {
    pictures.push({
      atMs: (at / bytes) * how.everyMs,
      width,
      height: rows * 2,
      rgb: new Uint8Array(decoded.stdout.buffer, decoded.stdout.byteOffset + at, bytes),
    });
  }
  return { width, height, pictures };
}

/** Pictures dealt to segments, as the detector gets them. */
export function segmentSamples(
  of: { width: number; height: number; pictures: readonly Picture[] },
  segmentMs: number,
): SegmentSample[] {
  const lastMs = of.pictures.at(-1)?.atMs ?? 0;
  const samples: SegmentSample[] = [];
  for (let startMs = 0; startMs <= lastMs; startMs += segmentMs) {
    const endMs = startMs + segmentMs;
    samples.push({
      segment: segmentOf(of, startMs, segmentMs),
      pass: 'coarse',
      sport: 'generic',
      startMs,
      endMs,
      pictures: of.pictures.filter((picture) => picture.atMs >= startMs && picture.atMs < endMs),
      sound: undefined,
      codedPictures: [],
    });
  }
  return samples;
}

function segmentOf(of: { width: number; height: number }, startMs: number, segmentMs: number): SegmentRecord {
  return {
    id: `seg_test_${startMs}`,
    channelId: 'ch_test',
    runId: 'run_test',
    sessionId: 'ses_test',
    epoch: 0,
    seq: startMs / segmentMs,
    key: 'none',
    bytes: 1,
    sha256: '0'.repeat(64),
    container: 'mpegts',
    start90k: startMs * 90,
    duration90k: segmentMs * 90,
    filePtsOffset90k: 0,
    startWallMs: 0,
    gapBefore90k: 0,
    isDiscontinuity: false,
    startsWithKeyframe: true,
    isPartial: false,
    video: {
      codec: 'h264',
      width: of.width,
      height: of.height,
      frameCount: 1,
      frameRate: null,
      keyframes90k: [],
      configHash: '',
    },
    audio: null,
  };
}
