import type { AnalysisPass } from '../../core/jobs.ts';
import type { Signal, Spot } from '../../core/moment.ts';
import type { SegmentRecord } from '../../core/segment.ts';
import type { PictureRequest } from '../sampling/picture-request.ts';

/**
 * One way of looking at a segment. Detectors say what they need, the sampler decodes once for all of them, and each
 * gets its own share. Segments of any channel come in any order and more than once: what a detector keeps between
 * them is a cache and nothing else.
 *
 * Budget: the whole pack may cost about 50 ms of one core per second of media in the coarse pass; decoding takes 16,
 * speech 3, reading the scoreboard up to 30.
 */
export interface Detector {
  /** Its spots' `source`, and what its signals' names begin with. `[a-z0-9-]`. */
  readonly name: string;
  /** Undefined = it sits this one out. */
  needs(task: { pass: AnalysisPass; sport: string }): Needs | undefined;
  detect(sample: SegmentSample, signal: AbortSignal): Promise<Findings>;
}

export interface Needs {
  pictures?: PictureRequest;
  /** These pictures in the coarse pass too, which has keyframes alone otherwise: costs a full decode of the segment. */
  isDense?: boolean;
  /** The same pictures of the segments beside this one, as far as they are there. */
  neighbours?: boolean;
  sound?: boolean;
}

export interface Findings {
  signals: Signal[];
  spots: Spot[];
}

/** What a detector is given of one segment. All times are ms on the run's timeline. */
export interface SegmentSample {
  segment: SegmentRecord;
  pass: AnalysisPass;
  sport: string;
  startMs: number;
  endMs: number;
  /** What it asked for in `needs`, ascending in time; empty when the segment has no pictures. */
  pictures: readonly Picture[];
  /**
   * Those of the segments before and behind it, for who asked for neighbours. Either is empty where the segment is not
   * there: at the ends of a run, beside a gap, beside a broken segment, and behind always in the coarse pass, which looks
   * at a segment as soon as it is stored.
   */
  neighbours?: Neighbours;
  /** Undefined when it did not ask or the segment has no sound. */
  sound: Sound | undefined;
  /** Every coded picture in display order, without decoding anything. */
  codedPictures: readonly CodedPicture[];
}

export interface Neighbours {
  before: readonly Picture[];
  behind: readonly Picture[];
}

export interface Picture {
  atMs: number;
  width: number;
  height: number;
  /** Rows from top to bottom, 3 bytes a pixel: R, G, B. */
  rgb: Uint8Array;
}

export interface Sound {
  /** Time of the first sample. */
  startMs: number;
  sampleRateHz: 16_000;
  /** Mono, -1 to 1. */
  samples: Float32Array;
}

export interface CodedPicture {
  atMs: number;
  bytes: number;
  isKeyframe: boolean;
}
