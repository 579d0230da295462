import { z } from 'zod';

const id = z.string().regex(/^[a-z0-9_]{1,80}$/);
const ticks = z.int();

/** What the segmenter knows of the pictures in a segment. */
const videoTrack = z.object({
  codec: z.literal('h264'),
  width: z.int().positive(),
  height: z.int().positive(),
  frameCount: z.int().nonnegative(),
  /** Measured over the segment; null for a single frame. */
  frameRate: z.object({ num: z.int().positive(), den: z.int().positive() }).nullable(),
  /** Run time of each IDR picture, ascending. */
  keyframes90k: z.array(ticks),
  /** Changes exactly when SPS or PPS change. */
  configHash: z.string(),
});

const audioTrack = z.object({
  codec: z.literal('aac'),
  sampleRateHz: z.int().positive(),
  channelCount: z.int().positive(),
  /** Run time of the first sample: may lie a little before or after the first picture. */
  start90k: ticks,
});

/**
 * One segment: the only thing that leaves `ingest/`, the same from every driver. Its bytes are durable in the store
 * before the record exists. All times are on the run's timeline, in 90 kHz ticks from the run's first picture.
 */
export const segmentRecord = z.object({
  /** `segmentId(runId, seq)`: announcing a segment twice changes nothing. */
  id,
  channelId: id,
  runId: id,
  sessionId: id,
  /** Counts publisher sessions and codec changes in the run, from 0. Segments of one epoch join without a seam. */
  epoch: z.int().nonnegative(),
  /** Gap-free within a run, from 0. */
  seq: z.int().nonnegative(),
  key: z.string().min(1),
  /** 0 for an empty object alone, which is dead on arrival. */
  bytes: z.int().nonnegative(),
  /** Of the object's bytes, lower-case hex; `unreadSha256` for one that nobody read, which is dead on arrival. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  container: z.literal('mpegts'),
  /** PTS of the earliest picture (or sample, without pictures). */
  start90k: ticks,
  duration90k: ticks.nonnegative(),
  /** Subtract it from a PTS in the file, modulo 2^33, to get run time. */
  filePtsOffset90k: ticks,
  /** When `start90k` happened, ms since 1970. */
  startWallMs: z.int(),
  /** What is missing between the previous segment's end and this one's start. 0 = joins it. */
  gapBefore90k: ticks.nonnegative(),
  /** First segment of an epoch: decoders start afresh. */
  isDiscontinuity: z.boolean(),
  /** False when the hard maximum forced a cut where no IDR came. */
  startsWithKeyframe: z.boolean(),
  /** The closing piece of a session, shorter than asked for. */
  isPartial: z.boolean(),
  video: videoTrack.nullable(),
  audio: audioTrack.nullable(),
});

export type SegmentRecord = z.infer<typeof segmentRecord>;

/** No bytes are known to have it. */
export const unreadSha256 = '0'.repeat(64);

export function endOf90k(segment: Pick<SegmentRecord, 'start90k' | 'duration90k'>): number {
  return segment.start90k + segment.duration90k;
}
