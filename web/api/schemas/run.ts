import { z } from 'zod';

import { momentBody } from './moment.ts';
import { clipBody } from './clip.ts';

const count = z.int();

export const runBody = z
  .object({
    id: z.string(),
    channelId: z.string(),
    /** Wall clock of run time 0. */
    startWallMs: z.int(),
    endedAtMs: z.int().nullable(),
    why: z.enum(['stopped', 'publisher-left', 'end-of-file', 'crash']).nullable(),
    segments: z.object({
      total: count,
      stored: count,
      queued: count,
      analysed: count,
      clip: count,
      noClip: count,
      dead: count,
    }),
    momentCount: count,
    clipCount: count,
  })
  .meta({ id: 'Run' });

export const segmentBody = z
  .object({
    id: z.string(),
    runId: z.string(),
    seq: z.int(),
    state: z.enum(['stored', 'queued', 'analysed', 'clip', 'no-clip', 'dead']),
    deadReason: z.string().nullable(),
    startMs: z.number(),
    durationMs: z.number(),
    startWallMs: z.number(),
    bytes: z.int(),
    key: z.string(),
    storedAtMs: z.int(),
    analysedAtMs: z.int().nullable(),
    instanceId: z.string().nullable(),
    attempts: z.int(),
  })
  .meta({ id: 'Segment' });

const { id, label, peakMs, inMs, outMs, score, reasons, state } = momentBody.shape;
const { momentId, revision, made, proven, renditions } = clipBody.shape;

/** The outcome of a run as scripts read it: `touchline ingest --json`. */
export const runReportBody = z.object({
  channel: z.string(),
  run: z.string(),
  /** Nothing is left to happen. */
  isTerminal: z.boolean(),
  segments: z.object({ total: count, clip: count, noClip: count, dead: count }),
  moments: z.array(z.object({ id, label, peakMs, inMs, outMs, score, reasons, state })),
  clips: z.array(
    z.object({
      id: clipBody.shape.id,
      momentId,
      revision,
      made,
      proven,
      renditions: z.array(
        renditions.element
          .pick({ key: true, path: true, bytes: true, durationMs: true, width: true, height: true })
          .extend({ preset: z.string() }),
      ),
    }),
  ),
  notes: z.array(z.string()),
});

/** The file lies on the machine of the server: whoever may take in files holds this machine's footage. */
export const fileWish = z.strictObject({
  path: z.string().min(1).max(4096).startsWith('/', 'has to be an absolute path'),
  name: z.string().min(1).max(200),
  sport: z.string().min(1).max(60).optional(),
  isRealtime: z.boolean().optional(),
});
