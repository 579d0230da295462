import { z } from 'zod';

import { moment } from '../../../core/moment.ts';
import { actor } from './actor.ts';
import { clipBody } from './clip.ts';

export const decision = z.enum(['undecided', 'approved', 'rejected']);

/** A moment as the API shows it. Times are ms on the run's timeline, `...WallMs` and `...AtMs` ms since 1970. */
export const momentBody = moment
  .extend({
    channelId: z.string(),
    channelName: z.string(),
    runId: z.string(),
    clipId: z.string(),
    state: z.enum(['found', 'fast', 'exact', 'failed', 'withdrawn']),
    stateReason: z.string().nullable(),
    revision: z.int(),
    decision,
    decidedAtMs: z.int().nullable(),
    decidedBy: actor.nullable(),
    foundAtMs: z.int(),
    peakWallMs: z.int(),
    /** Null until something was cut. */
    clip: clipBody.nullable(),
  })
  .meta({ id: 'Moment' });

export type MomentBody = z.infer<typeof momentBody>;
