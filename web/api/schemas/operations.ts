import { z } from 'zod';

/** GET /operations: how it goes, in one look. Times are ms, `...AtMs` since 1970. */
export const operationsView = z
  .object({
    atMs: z.int(),
    /** From the moment on the pitch to its first clip on the page, over the last hour; null without any. */
    momentLatency: z.object({ p50Ms: z.number().nullable(), p95Ms: z.number().nullable(), count: z.int() }),
    /** Since when the oldest job waits; null when none does. */
    oldestJobAgeMs: z.int().nullable(),
    jobsPerMinute: z.number(),
    /** Of the jobs that ended in the last hour, 0 to 1. */
    failureShare: z.number(),
    /** Free room of the disk that holds the store; null where it is a bucket. */
    storageLeftBytes: z.number().nullable(),
    waiting: z.array(z.object({ kind: z.string(), count: z.int(), oldestAtMs: z.int().nullable() })),
    /** Seconds of work that wait for each machine that works; null without any. */
    backlogPerInstance: z.number().nullable(),
    workers: z.array(
      z.object({
        workerId: z.string(),
        instanceId: z.string(),
        state: z.string(),
        jobIds: z.array(z.string()),
        slotCount: z.int(),
        completedCount: z.int(),
        lastBeatAtMs: z.int(),
        isDeviceOk: z.boolean(),
      }),
    ),
    /** Newest first. */
    decisions: z.array(
      z.object({
        id: z.int(),
        atMs: z.int(),
        neededCount: z.int(),
        desiredCount: z.int(),
        reason: z.string(),
      }),
    ),
    /** Of the last day, those that happened most first. */
    failures: z.array(
      z.object({
        /** `no-media`, `given-up`... */
        code: z.string(),
        kind: z.string(),
        count: z.int(),
        lastAtMs: z.int().nullable(),
        /** The newest, whole: with the last lines that ffmpeg said. */
        example: z.string(),
      }),
    ),
    /** Clips whose newest cut died, the last ones first: `POST /clips/{id}/recut` cuts one again. */
    deadCuts: z.array(
      z.object({
        clipId: z.string(),
        momentId: z.string(),
        channelId: z.string(),
        channelName: z.string(),
        runId: z.string(),
        label: z.string(),
        title: z.string(),
        peakWallMs: z.int(),
        /** `fast`, `exact`, `whole`, `edit-exact` or `edit-whole`. */
        stage: z.string(),
        attempts: z.int().nullable(),
        diedAtMs: z.int().nullable(),
        /** With the last line that ffmpeg said, where it was ffmpeg. */
        why: z.string(),
        /** An older file of it is shown. */
        hasFile: z.boolean(),
      }),
    ),
    /** A point for each of the last 60 minutes, oldest first. */
    history: z.object({
      atMs: z.array(z.int()),
      finishedCount: z.array(z.int()),
      waitP95Ms: z.array(z.number().nullable()),
      desiredCount: z.array(z.number().nullable()),
    }),
  })
  .meta({ id: 'Operations' });

export type OperationsView = z.infer<typeof operationsView>;
