import { z } from 'zod';

import { clipEdit, clipRevision, clipSidecar, preset } from './clip.ts';
import { moment, signal, spot } from './moment.ts';
import { segmentRecord } from './segment.ts';

/** What every job has. Delivery is at least once: a job may be run twice, and its second run changes nothing. */
const jobBase = {
  /** The same work has the same id, so putting it twice queues it once. `[a-z0-9_-]`. */
  id: z.string().regex(/^[a-z0-9_-]{1,200}$/),
  channelId: z.string(),
  runId: z.string(),
  /** Earliest deadline first: ms since 1970 by which the job should be finished. */
  deadlineAtMs: z.int(),
  /** When it was put on the queue, ms since 1970: the start of its waiting time. */
  queuedAtMs: z.int(),
};

/** `coarse` looks at everything (keyframes and sound); `fine` at more frames of a candidate window. */
export const analysisPass = z.enum(['coarse', 'fine']);

export const analyseJob = z.object({
  kind: z.literal('analyse'),
  ...jobBase,
  pass: analysisPass,
  segment: segmentRecord,
  /** The segments beside it in the run, as far as they were stored by then: for models whose window is longer than one. */
  neighbours: z.array(segmentRecord).max(2).optional(),
  /** Names the rule set, so that a worker runs the models of that sport only. */
  sport: z.string(),
});

export const cutJob = z.object({
  kind: z.literal('cut'),
  ...jobBase,
  clipId: z.string(),
  revision: clipRevision,
  /** On the run's timeline; `out90k` is exclusive. */
  in90k: z.int(),
  out90k: z.int(),
  moment,
  /** Every segment that overlaps the clip, and the one before, in order. */
  segments: z.array(segmentRecord).min(1).max(200),
  presets: z.array(preset),
  /** Set when a person wants it so: the director has no part in such a cut. */
  edit: clipEdit.optional(),
  /** Programme loudness to bring the sound to (EBU R128), LUFS; absent = leave it as it came. */
  loudnessLufs: z.number().min(-40).max(-5).optional(),
});

/** Who served a job, and when, for the ledger and the waterfall of a clip. */
const served = {
  jobId: z.string(),
  attempt: z.int().positive(),
  instanceId: z.string(),
  workerId: z.string(),
  startedAtMs: z.int(),
  finishedAtMs: z.int(),
  /** Of this delivery: the worker's log lines carry it. */
  requestId: z.string().max(60).optional(),
};

/** Terminal fault: nothing will mend it by trying again. */
const fault = z.object({ code: z.string(), message: z.string() });

export const analyseResult = z.object({
  of: z.literal('analyse'),
  ...served,
  pass: analysisPass,
  segmentId: z.string(),
  outcome: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('found'), signals: z.array(signal), spots: z.array(spot) }),
    z.object({ kind: z.literal('dead'), fault }),
  ]),
});

export const cutResult = z.object({
  of: z.literal('cut'),
  ...served,
  clipId: z.string(),
  revision: clipRevision,
  outcome: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('cut'), sidecar: clipSidecar }),
    z.object({ kind: z.literal('dead'), fault }),
  ]),
});

export const resultJob = z.object({
  kind: z.literal('result'),
  ...jobBase,
  result: z.discriminatedUnion('of', [analyseResult, cutResult]),
});

/** How a worker is: it has no other way to say so than the queue. The newest counts, so one of each worker may wait. */
export const beatJob = z.object({
  kind: z.literal('beat'),
  ...jobBase,
  beat: z.object({
    workerId: z.string(),
    instanceId: z.string(),
    /** Ascends with each beat of a worker. */
    number: z.int().positive(),
    sentAtMs: z.int(),
    startedAtMs: z.int(),
    slots: z.object({ analyse: z.int().min(0), cut: z.int().min(0) }),
    jobIds: z.array(z.string()).max(64),
    state: z.enum(['working', 'draining', 'drained']),
    lastCompletedAtMs: z.int().optional(),
    completedCount: z.int().min(0),
    /** Seconds in its slots per second, over the last minute. */
    throughput: z.number().min(0),
    isDeviceOk: z.boolean(),
  }),
});

export const job = z.discriminatedUnion('kind', [analyseJob, cutJob, resultJob, beatJob]);

export type AnalysisPass = z.infer<typeof analysisPass>;
export type AnalyseJob = z.infer<typeof analyseJob>;
export type CutJob = z.infer<typeof cutJob>;
export type ResultJob = z.infer<typeof resultJob>;
export type AnalyseResult = z.infer<typeof analyseResult>;
export type CutResult = z.infer<typeof cutResult>;
export type BeatJob = z.infer<typeof beatJob>;
export type Job = z.infer<typeof job>;
export type JobKind = Job['kind'];
