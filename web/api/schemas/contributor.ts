import { z } from 'zod';

import { actor } from './actor.ts';

/** Share links of a channel, and what whoever has one sees of it: `/c/<secret>`, no login. */

/** POST /channels/:id/share-links. */
export const shareLinkWish = z.strictObject({
  /** Whom it is for: "Camera 2, Ana". Typed by somebody: shown as text. */
  label: z.string().trim().max(80).default(''),
  /** From now; a week when left out, a year at most. */
  expiresInMs: z.int().min(60_000).max(31_536_000_000).default(604_800_000),
  /** The page shows a publishing key of its own, made with the link and revoked with it. */
  withKey: z.boolean().default(false),
});

export const shareLink = z.object({
  id: z.string(),
  label: z.string(),
  /** The publishing key that it shows. */
  keyId: z.string().nullable(),
  createdAtMs: z.int(),
  expiresAtMs: z.int(),
  revokedAtMs: z.int().nullable(),
  lastUsedAtMs: z.int().nullable(),
  /** Null where it was not written down yet. */
  madeBy: actor.nullable(),
  revokedBy: actor.nullable(),
});

/** GET /channels/:id/share-links, newest first. */
export const shareLinks = z.object({ links: z.array(shareLink) });

/** The only answer that holds the address. `path` begins with `/c/`; the page adds its own origin. */
export const shareLinkMade = z.object({ link: shareLink, path: z.string() });

/**
 * `waiting`: ready, nothing received yet; `live`: media comes; `trouble`: media comes and something is wrong with it; `offline`:
 * the connection is gone, and what is shown is the last that was seen; `stopped`: the channel takes nothing now.
 */
export const contributorState = z.enum(['waiting', 'live', 'trouble', 'offline', 'stopped']);

export const feedIssueType = z.enum([
  'noData',
  'stalled',
  'noVideo',
  'gopSizeLong',
  'videoBitrateLow',
  'bitrateHigh',
  'framerateUnsteady',
  'framerateLow',
  'noAudioStream',
  'audioSilent',
  'audioTooLoud',
  'networkGaps',
  'clockJumps',
  'reconnects',
  'framesDropped',
  'other',
]);

export const feedIssue = z.object({
  type: feedIssueType,
  /** `error`: clips suffer or nothing comes; `warning`: it will look or sound worse than it could; `info`: good to know. */
  severity: z.enum(['error', 'warning', 'info']),
  /** A few words for a heading. */
  reason: z.string(),
  /** One or two sentences: what was measured, and how to mend it. */
  description: z.string(),
});

/** One value a second, oldest first, 60 at most; the last one is the newest. Null = not known. */
const series = z.array(z.number().nullable());

export const contributorPage = z.object({
  /** The channel's name, as its owner typed it: shown as text. */
  channel: z.string(),
  state: contributorState,
  /** As YouTube says it: `good`, `ok` (warnings), `bad` (errors), `noData`. */
  status: z.enum(['good', 'ok', 'bad', 'noData']),
  /** One sentence under the state word. */
  headline: z.string(),
  /** Worst first. */
  issues: z.array(feedIssue),
  /** Now, or what was measured last while `offline`; null before the first media. */
  feed: z
    .object({
      bitrateBps: z.number(),
      framesPerSecond: z.number(),
      keyframeIntervalMs: z.number(),
      width: z.int(),
      height: z.int(),
      hasAudio: z.boolean(),
      /** Mean level below full scale, from the newest looked-at segments (some seconds old); null = not known. */
      audioDb: z.number().nullable(),
      /** The media of these figures ended then. */
      seenAtMs: z.int(),
    })
    .nullable(),
  history: z.object({
    bitrateBps: series,
    framesPerSecond: series,
    keyframeIntervalMs: series,
    /** Newest last as the others, a value each second of media. */
    audioDb: series,
  }),
  /** The newest picture; changes with each. Null when there is none. */
  still: z.object({ url: z.string(), atWallMs: z.int() }).nullable(),
  /** Null when the channel is not one that is pushed to over RTMP: then `endpoints` says where the feed goes. */
  ingest: z
    .object({
      /** `rtmp://host:1935/live` */
      server: z.string(),
      /** Null when the link was made without: then the lines hold `<your key>`. */
      key: z.string().nullable(),
      lines: z.array(
        z.object({
          tool: z.enum(['obs', 'ffmpeg', 'larix', 'vmix']),
          /** In the order in which they are typed in. */
          fields: z.array(z.object({ label: z.string(), value: z.string() })),
        }),
      ),
    })
    .nullable(),
  endpoints: z.array(z.object({ label: z.string(), url: z.string() })),
  expiresAtMs: z.int(),
});

export type ShareLinkMade = z.infer<typeof shareLinkMade>;
export type ContributorState = z.infer<typeof contributorState>;
export type FeedIssue = z.infer<typeof feedIssue>;
export type ContributorPage = z.infer<typeof contributorPage>;
