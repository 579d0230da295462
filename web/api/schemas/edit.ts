import { z } from 'zod';

import { preset } from '../../../core/clip.ts';

/**
 * Shapes of editing a clip. Times are ticks of the run's 90 kHz clock, so that a frame is named exactly: picture `n` of a file that
 * begins at `start90k` with `frameRate` num/den starts at `start90k + n * 90000 * den / num`, rounded. `out90k` is exclusive.
 */

/** Middle of the picture's crop, 0 (left) to 1 (right) of the room that there is. */
const cropX = z.number().min(0).max(1);
const title = z.string().trim().max(200);
const tags = z.array(z.string().trim().min(1).max(40)).max(20);

/** PUT /clips/:id/edit, with `If-Match` of the version that it changes. */
export const editWish = z.strictObject({
  in90k: z.int(),
  out90k: z.int(),
  cropVertical: cropX,
  cropSquare: cropX,
  title,
  tags,
});

export const editEntry = editWish.extend({
  /** From 1; 0 is the model's own cut. */
  version: z.int(),
  /** Who, for people; typed by somebody. */
  by: z.string(),
  atMs: z.int(),
  what: z.enum(['saved', 'reset', 'made', 'recut']),
});

export const renditionState = z.object({
  preset,
  /** `stale`: there, and made from an older cut than the current one; `making`: on its way. */
  state: z.enum(['ready', 'stale', 'making', 'failed']),
  /** Why it failed. */
  why: z.string().nullable(),
  url: z.string().nullable(),
  bytes: z.int(),
  width: z.int(),
  height: z.int(),
});

/** GET /clips/:id/edit; its `ETag` is what `If-Match` takes. */
export const clipEdit = z
  .object({
    clipId: z.string(),
    momentId: z.string(),
    channelId: z.string(),
    channelName: z.string(),
    runId: z.string(),
    label: z.string(),
    score: z.number(),
    decision: z.enum(['undecided', 'approved', 'rejected']),
    peak90k: z.int(),
    version: z.int(),
    /** What is wanted now. */
    wanted: editWish,
    /** What the model would cut. */
    model: z.object({ in90k: z.int(), out90k: z.int() }),
    frameRate: z.object({ num: z.int(), den: z.int() }).nullable(),
    renditions: z.array(renditionState),
    /** Why the newest cut came to nothing; null where it did not: only then does POST /clips/:id/recut have something to do. */
    deadWhy: z.string().nullable(),
    /** Newest first. */
    history: z.array(editEntry),
  })
  .meta({ id: 'ClipEdit' });

/** POST and GET /clips/:id/context: the clip with a minute on each side, to trim in. */
export const clipContext = z.object({
  state: z.enum(['making', 'ready', 'failed']),
  why: z.string().nullable(),
  url: z.string().nullable(),
  /** Peaks in the JSON of audiowaveform (100 pixels a second); null without sound. */
  waveformUrl: z.string().nullable(),
  start90k: z.int(),
  end90k: z.int(),
  frameRate: z.object({ num: z.int(), den: z.int() }).nullable(),
  frameCount: z.int(),
  width: z.int(),
  height: z.int(),
  gaps: z.array(z.object({ start90k: z.int(), end90k: z.int() })),
});

/** POST /runs/:id/moments: a clip by hand. Ms on the run's timeline. */
export const handMomentWish = z.strictObject({
  inMs: z.number().min(0),
  outMs: z.number().min(0),
  title: title.optional(),
});

/** POST /channels/:id/clip-last: the last seconds of what is live. */
export const clipLastWish = z.strictObject({ seconds: z.number().min(2).max(120).default(20) });

export type EditWish = z.infer<typeof editWish>;
export type EditEntry = z.infer<typeof editEntry>;
export type RenditionState = z.infer<typeof renditionState>;
export type ClipEdit = z.infer<typeof clipEdit>;
export type ClipContext = z.infer<typeof clipContext>;
