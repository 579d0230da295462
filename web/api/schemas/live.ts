import { z } from 'zod';

/** GET /live: a tile for each channel, those first that need somebody. */

export const channelState = z.enum([
  'creating',
  'idle',
  'starting',
  'waiting',
  'live',
  'degraded',
  'stopping',
  'failed',
  'deleted',
]);

export const liveChannel = z.object({
  channelId: z.string(),
  name: z.string(),
  sport: z.string(),
  state: channelState,
  /** For a person, when there is something to do: the state's reason, or the worst advice on the feed. */
  reason: z.string().nullable(),
  /** Needs somebody: failed, degraded, its publisher gone in mid-run, or further behind than it should be. */
  needsAttention: z.boolean(),
  /** The run that goes on or was the last; null before the first. */
  runId: z.string().nullable(),
  /** That run has not ended. */
  isRunOpen: z.boolean(),
  /** Now minus the wall clock at the end of the newest segment; null without one, and for runs that have ended. */
  lagMs: z.int().nullable(),
  bitrateBps: z.number(),
  framesPerSecond: z.number(),
  /** Excitement over the last 60 s of media, a value every `curveStepMs`, oldest first; null where nothing is known (yet). */
  curve: z.array(z.number().nullable()),
  /** Undecided, over all runs of the channel. */
  pendingCount: z.int(),
  /**
   * The newest picture: fetch `url`. It changes with each picture, so an `<img>` whose `src` is set to it is always right; null
   * when there is none.
   */
  still: z.object({ url: z.string(), atWallMs: z.int() }).nullable(),
});

export const liveWall = z.object({
  nowMs: z.int(),
  curveStepMs: z.int(),
  channels: z.array(liveChannel),
});

export type LiveChannel = z.infer<typeof liveChannel>;
export type LiveWall = z.infer<typeof liveWall>;
