import { logNormal, seededRandom } from './seeded-random.ts';

/** One day of broadcasts, as they will be and as the schedule says that they will be. */
export interface Trace {
  name: string;
  startMs: number;
  endMs: number;
  broadcasts: readonly Broadcast[];
}

export interface Broadcast {
  channelId: string;
  name: string;
  /** When its stream comes and goes. */
  startMs: number;
  endMs: number;
  /** What a fixture says of it; undefined when nobody has told. */
  scheduled: { startMs: number; endMs: number } | undefined;
}

/** What a segment asks of a machine. */
export interface WorkModel {
  segmentSeconds: number;
  /** Of a machine of power 1, per segment. */
  workSecondsMean: number;
  /** Of the logarithm. 0.3 is a standard deviation of 31 %. */
  workSigma: number;
}

/** The heavy model: a channel keeps one GPU busy. */
export const heavyWork: WorkModel = { segmentSeconds: 6, workSecondsMean: 6, workSigma: 0.3 };

export interface Segment {
  channelId: string;
  /** In the store, and so in the queue. */
  atMs: number;
  workSeconds: number;
}

/** All segments of the day by time: the same whoever scales. */
export function segmentsOf(trace: Trace, model: WorkModel, seed: number): Segment[] {
  const { segmentSeconds, workSecondsMean, workSigma } = model;
  const median = workSecondsMean * Math.exp(-(workSigma ** 2) / 2);
  return trace.broadcasts
    .flatMap(({ channelId, startMs, endMs }) => {
      const random = seededRandom(seed, `work of ${channelId}`);
      const count = Math.floor((endMs - startMs) / (segmentSeconds * 1000));
      return Array.from({ length: count }, (_, index) => ({
        channelId,
        atMs: startMs + (index + 1) * segmentSeconds * 1000,
        // A segment of more than three times the median would be one that a worker gives up.
        workSeconds: logNormal(random, { median, sigma: workSigma, timesMin: 0.1, timesMax: 3 }),
      }));
    })
    .filter(({ atMs }) => atMs < trace.endMs)
    .toSorted((one, other) => one.atMs - other.atMs);
}
