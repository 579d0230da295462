import { createHash } from 'node:crypto';

import { frameRateOf } from '../../core/media-time.ts';
import { readTransportStream } from '../../core/mpegts.ts';
import type { SegmentRecord } from '../../core/segment.ts';

/** The record that ingest would have written for a transport stream that stands alone. */
export function segmentOf(
  bytes: Uint8Array,
  options: { width?: number; height?: number; start90k?: number; seq?: number } = {},
): SegmentRecord {
  const { width = 320, height = 180, seq = 0 } = options;
  const stream = readTransportStream(bytes);
  const pts = stream.video.map((unit) => unit.pts90k).toSorted((one, other) => one - other);
  const soundPts = stream.audio.map((unit) => unit.pts90k);
  const first = pts[0] ?? soundPts[0] ?? 0;
  const times = pts.length > 0 ? pts : soundPts;
  const last = times.at(-1) ?? first;
  const period = times.length > 1 ? (last - first) / (times.length - 1) : 0;
  const start90k = options.start90k ?? 0;
  const offset = first - start90k;
  const id = `seg_test_${String(seq).padStart(6, '0')}`;
  return {
    id,
    channelId: 'ch_test',
    runId: 'run_test',
    sessionId: 'ses_test',
    epoch: 0,
    seq,
    key: `segments/ch_test/run_test/${id}.ts`,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    container: 'mpegts',
    start90k,
    duration90k: Math.round(last + period - first),
    filePtsOffset90k: offset,
    startWallMs: 0,
    gapBefore90k: 0,
    isDiscontinuity: seq === 0,
    startsWithKeyframe: stream.video[0]?.isKeyframe ?? false,
    isPartial: false,
    video:
      pts.length === 0
        ? null
        : {
            codec: 'h264',
            width,
            height,
            frameCount: pts.length,
            frameRate: frameRateOf(pts) ?? null,
            keyframes90k: stream.video.filter((unit) => unit.isKeyframe).map((unit) => unit.pts90k - offset),
            configHash: 'test',
          },
    audio:
      soundPts.length === 0
        ? null
        : { codec: 'aac', sampleRateHz: 48_000, channelCount: 2, start90k: (soundPts[0] ?? 0) - offset },
  };
}
