import { z } from 'zod';

import { clipSidecar } from '../../../core/clip.ts';

const decision = z.enum(['undecided', 'approved', 'rejected']);
const { revision, made, renditions } = clipSidecar.shape;

/** A clip as the API shows it. Times are ms; `url` is the address that stays, those of the renditions name one revision. */
export const clipBody = z
  .object({
    id: z.string(),
    momentId: z.string(),
    channelId: z.string(),
    runId: z.string(),
    label: z.string(),
    score: z.number(),
    decision,
    revision,
    made,
    proven: z.boolean(),
    durationMs: z.int(),
    startWallMs: z.int(),
    notes: z.array(z.string()),
    sidecarKey: z.string(),
    firstVisibleAtMs: z.int(),
    visibleAtMs: z.int(),
    url: z.string(),
    renditions: z.array(renditions.element.extend({ url: z.string(), path: z.string().optional() })),
  })
  .meta({ id: 'Clip' });

export type ClipBody = z.infer<typeof clipBody>;

/** Times are ms since 1970, and since the moment on the pitch. */
export const waterfallBody = z.object({
  clipId: z.string(),
  momentId: z.string(),
  steps: z.array(
    z.object({
      step: z.enum([
        'happened',
        'segment-closed',
        'queued',
        'analysis-started',
        'analysed',
        'decided',
        'fast-cut-started',
        'fast-cut',
        'fast-visible',
        'exact-cut-started',
        'exact-cut',
        'exact-visible',
      ]),
      atMs: z.int(),
      sinceHappenedMs: z.int(),
      instanceId: z.string().optional(),
    }),
  ),
});

export type WaterfallBody = z.infer<typeof waterfallBody>;
