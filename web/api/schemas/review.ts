import { z } from 'zod';

import { reason } from '../../../core/moment.ts';
import { actor } from './actor.ts';
import { decision } from './moment.ts';

export const lane = z.enum(['must', 'likely', 'maybe']);

/** One row of the review queue: what is needed to show, play and decide it, and no more. */
export const reviewMoment = z
  .object({
    id: z.string(),
    clipId: z.string(),
    channelId: z.string(),
    channelName: z.string(),
    runId: z.string(),
    lane,
    label: z.string(),
    title: z.string(),
    tags: z.array(z.string()),
    score: z.number(),
    /** By a person: it has no score of a model. */
    isByHand: z.boolean(),
    peakWallMs: z.int(),
    /** Ms on the run's timeline. */
    peakMs: z.number(),
    state: z.enum(['found', 'fast', 'exact', 'failed', 'withdrawn']),
    stateReason: z.string().nullable(),
    decision,
    decidedAtMs: z.int().nullable(),
    decidedBy: z.string().nullable(),
    /** The same one by kind and id; null where that was not written down yet. */
    decider: actor.nullable(),
    reasons: z.array(reason),
    durationMs: z.int().nullable(),
    /** Wall clock of the first picture of the file. */
    startWallMs: z.int().nullable(),
    frameRate: z.object({ num: z.int(), den: z.int() }).nullable(),
    /** Names one revision of the file, so it changes with each. Null until something was cut. */
    videoUrl: z.string().nullable(),
    thumbnailUrl: z.string().nullable(),
    verticalUrl: z.string().nullable(),
    editVersion: z.int(),
    /** Who else looks at it now. */
    claimedBy: z.string().nullable(),
  })
  .meta({ id: 'ReviewMoment' });

/** GET /review. `decision` defaults to undecided; the order is lane, then time, newest first. */
export const reviewQuery = z.strictObject({
  decision: z.enum(['undecided', 'approved', 'rejected', 'all']).default('undecided'),
  lane: lane.optional(),
  /** Those alone, comma between: what an event was about. */
  ids: z
    .string()
    .max(5000)
    .regex(/^[a-z0-9_-]+(,[a-z0-9_-]+){0,99}$/, 'has to be up to 100 ids with a comma between')
    .transform((text) => text.split(','))
    .optional(),
  channelId: z.string().max(120).optional(),
  runId: z.string().max(120).optional(),
  label: z.string().max(80).optional(),
  /** In title, tags, label or the channel's name. */
  q: z.string().max(120).optional(),
  cursor: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(500).default(200),
});

export const reviewPage = z.object({
  moments: z.array(reviewMoment),
  next: z.string().nullable(),
  /** Of everything that fits, not of this page. */
  counts: z.object({ must: z.int(), likely: z.int(), maybe: z.int() }),
  /** Today: how many were decided, and how long that took from visible to decided, in the median. */
  decidedCount: z.int(),
  decisionMsP50: z.number().nullable(),
  labels: z.array(z.string()),
});

export const decisionsWish = z.strictObject({
  ids: z.array(z.string().max(120)).min(1).max(500),
  decision,
});
/** What each was before: sending those back is the undo. */
export const decisionsMade = z.object({
  moments: z.array(z.object({ id: z.string(), before: decision })),
});

export type Lane = z.infer<typeof lane>;
export type ReviewMoment = z.infer<typeof reviewMoment>;
export type ReviewPage = z.infer<typeof reviewPage>;
