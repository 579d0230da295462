import { z } from 'zod';

import { actor } from './actor.ts';
import { channelState } from './live.ts';

/** A channel as the API shows it. Endpoints hold what the contributor may know; keys are never in it. */
export const channelBody = z
  .object({
    id: z.string(),
    name: z.string(),
    sport: z.string(),
    state: channelState,
    /** For a person, when the state needs one. */
    stateReason: z.string().nullable(),
    segmentMs: z.int(),
    createdAtMs: z.int(),
    /** The run that is live or was last. */
    runId: z.string().nullable(),
    /** Live keys: their public part. */
    keys: z.array(z.object({ id: z.string(), createdAtMs: z.int(), issuedBy: actor.nullable() })),
    driver: z.string(),
    input: z.unknown(),
    endpoints: z.array(z.object({ label: z.string(), url: z.string() })),
    ingest: z.object({ rtmp: z.string() }),
    /** What the feed looks like now; null before the first media. */
    health: z
      .looseObject({
        bitrateBps: z.number(),
        framesPerSecond: z.number(),
        keyframeIntervalMs: z.number(),
        width: z.number(),
        height: z.number(),
        hasAudio: z.boolean(),
        advice: z.array(z.string()),
      })
      .nullable(),
  })
  .meta({ id: 'Channel' });

/** What may be in a name is the desk's to say: its message names the rule. */
export const channelWish = z.strictObject({
  name: z.string().min(1).max(200),
  sport: z.string().min(1).max(60).optional(),
  segmentMs: z.int().optional(),
  driver: z.string().min(1).max(60).optional(),
  /** The driver's to check. */
  input: z.record(z.string(), z.unknown()).optional(),
});

const ingestWithKey = z.object({ rtmp: z.string(), key: z.string() });

/** The only answers that hold a key. */
export const channelMade = channelBody
  .pick({ id: true, name: true, driver: true, endpoints: true })
  .extend({ ingest: ingestWithKey })
  .meta({ id: 'ChannelMade' });
export const keyMade = z.object({
  id: z.string(),
  name: z.string(),
  keyId: z.string(),
  ingest: ingestWithKey,
});

export type ChannelBody = z.infer<typeof channelBody>;
export type ChannelMade = z.infer<typeof channelMade>;
export type KeyMade = z.infer<typeof keyMade>;
