import { z } from 'zod';

/**
 * What the stream page draws of one run. Times named `...Ms` are ms on the run's timeline, `...WallMs` ms since 1970. A run
 * time is turned into a wall time by the segment that it lies in: clocks differ a little from one segment to the next.
 */

const ms = z.int();

/** Where a segment stands: the first three are on the way, the others are final. */
export const segmentState = z.enum(['stored', 'queued', 'analysed', 'clip', 'no-clip', 'dead']);

/** GET /runs/:id/timeline. Left out, the range is the whole run, and there are 1000 points. */
export const timelineQuery = z.strictObject({
  fromMs: z.coerce.number().int().min(0).optional(),
  toMs: z.coerce.number().int().min(1).optional(),
  points: z.coerce.number().int().min(1).max(2000).default(1000),
});

/**
 * Excitement, 0 to 1, in buckets of `stepMs` (a multiple of 500 ms): bucket i begins at `startMs + i * stepMs`. Null where nothing
 * is known: no media, or not looked at (yet). `min` and `max` are those of the points in the bucket.
 */
export const curve = z.object({
  startMs: ms,
  stepMs: z.int().positive(),
  min: z.array(z.number().nullable()),
  max: z.array(z.number().nullable()),
  /**
   * What speaks at the highest point of each bucket: by kind of clue (`crowd`, `whistle`, `cut-burst`, `motion`, `climax`,
   * `spot:<label>`, `score`, `replay`) how high it would lift the curve by itself, 0 to 1. The curve is 1 - product of (1 - each).
   * Kinds that say nothing in the whole range are left out.
   */
  clues: z.record(z.string(), z.array(z.number())),
});

export const timelineMoment = z.object({
  id: z.string(),
  clipId: z.string(),
  label: z.string(),
  score: z.number(),
  inMs: ms,
  peakMs: ms,
  outMs: ms,
  peakWallMs: z.int(),
  /** `failed`: its clip could not be cut; withdrawn ones are left out. */
  state: z.enum(['found', 'fast', 'exact', 'failed']),
  decision: z.enum(['undecided', 'approved', 'rejected']),
});

export const timelineSegment = z.object({
  seq: z.int(),
  fromMs: ms,
  toMs: ms,
  startWallMs: z.int(),
  state: segmentState,
  /** Why it is dead. */
  deadReason: z.string().nullable(),
});

/** Nothing was received between the two. */
export const gap = z.object({ fromMs: ms, toMs: ms });

/** Decoders start afresh here. `reconnect`: another connection of the publisher; `jump`: its clock or codec changed. */
export const discontinuity = z.object({ atMs: ms, kind: z.enum(['reconnect', 'jump']) });

export const timeline = z.object({
  runId: z.string(),
  channelId: z.string(),
  /** The range that was answered, after cutting it to the run. */
  fromMs: ms,
  toMs: ms,
  /** End of the newest segment: how long the run is so far. */
  endMs: ms,
  /** More may come. */
  isLive: z.boolean(),
  /** Wall clock of run time 0. */
  startWallMs: z.int(),
  /** A moment scores at least this: the rules of the sport. */
  threshold: z.number(),
  curve,
  moments: z.array(timelineMoment),
  gaps: z.array(gap),
  discontinuities: z.array(discontinuity),
  segments: z.array(timelineSegment),
});

/** GET /runs/:id/threshold. */
export const thresholdQuery = z.strictObject({
  /** Counted beside the series: where somebody drags the line to. */
  score: z.coerce.number().min(0.05).max(1).optional(),
});

export const thresholdCounts = z.object({
  runId: z.string(),
  /** What the rules say now. */
  threshold: z.number(),
  /** How many clips the run would have given with this threshold; null when none was asked for. */
  asked: z.object({ score: z.number(), count: z.int() }).nullable(),
  /** Ascending by score, from 0.05 to 1 in steps of 0.05. */
  series: z.array(z.object({ score: z.number(), count: z.int() })),
});

export type TimelineAnswer = z.infer<typeof timeline>;
export type TimelineMomentMark = z.infer<typeof timelineMoment>;
export type ThresholdCounts = z.infer<typeof thresholdCounts>;
