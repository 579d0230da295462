import { asTouchlineError } from '../../core/errors.ts';
import type { SegmentRecord } from '../../core/segment.ts';
import type { Neighbours, Picture } from '../detectors/detector.ts';
import type { PictureRequest } from './picture-request.ts';
import type { GpuDecoding } from './gpu-decoding.ts';
import { sampleSegment } from './sample-segment.ts';
import { checkSegment } from './segment-check.ts';
import type { StandingFfmpegs } from './standing-ffmpeg.ts';

/** A segment beside the one that is looked at. */
export interface NeighbourSegment {
  segment: SegmentRecord;
  read: () => Promise<Uint8Array>;
}

/**
 * Pictures of the segments beside one, for each request. A neighbour that is gone or broken counts as not there: its own
 * analysis says so, and this segment is none the worse for it.
 */
export async function sampleNeighbours(options: {
  segment: SegmentRecord;
  neighbours: readonly NeighbourSegment[];
  requests: readonly PictureRequest[];
  standing: StandingFfmpegs;
  gpu?: GpuDecoding;
  signal: AbortSignal;
}): Promise<Neighbours[]> {
  const { segment, neighbours, requests } = options;
  if (requests.length === 0) return [];
  const sampled = await Promise.all(
    neighbours.map(async (neighbour) => ({
      isBefore: neighbour.segment.start90k < segment.start90k,
      pictures: await picturesOf(neighbour, options),
    })),
  );
  return requests.map((_, index) => ({
    before: sampled.filter((one) => one.isBefore).flatMap((one) => one.pictures[index] ?? []),
    behind: sampled.filter((one) => !one.isBefore).flatMap((one) => one.pictures[index] ?? []),
  }));
}

async function picturesOf(
  { segment, read }: NeighbourSegment,
  options: {
    requests: readonly PictureRequest[];
    standing: StandingFfmpegs;
    gpu?: GpuDecoding;
    signal: AbortSignal;
  },
): Promise<Picture[][]> {
  try {
    const bytes = await read();
    const checked = checkSegment(segment, bytes);
    const sampled = await sampleSegment({
      ...options,
      segment,
      bytes,
      checked,
      pass: 'fine',
      wantsSound: false,
    });
    return sampled.pictures;
  } catch (thrown) {
    const error = asTouchlineError(thrown);
    if (error.retryable) throw error;
    return [];
  }
}
