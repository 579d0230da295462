import type { Secret } from '../core/secret.ts';
import type { SegmentRecord } from '../core/segment.ts';

/**
 * How a channel is driven: the port between the match desk and whoever captures the feed. `local` is our own ingest.
 * What the driver sees it tells through `IngestEvents`; what it needs it asks through `IngestHost`.
 */
export interface ChannelDriver {
  /** Serves until `signal` aborts, then closes every session, announces what it holds, and returns. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Accepts feeds for the channel from now on. Calling it twice changes nothing. What takes minutes goes on behind it, and
   * `health` says `starting` until it is done.
   */
  start(channel: ChannelSpec): Promise<void>;
  /**
   * Ends the channel's session and run, and refuses new ones. Resolves when the last segment has been announced; where that
   * takes minutes it resolves at once, and `health` says `stopping` until it is so.
   */
  stop(channelId: string): Promise<void>;
  /** What is known now, or undefined for a channel that was not started. */
  health(channelId: string): ChannelHealth | undefined;
  /** Looks at the input of a channel that is about to be made. @throws TouchlineError `channel.invalid` */
  checkInput?(input: unknown): void;
  /** The channel was stopped and is deleted: gives back what it holds elsewhere, if it takes hours. */
  remove?(channelId: string): Promise<void>;
  /** Where a feed goes to, or comes from. */
  endpoints?(channelId: string): ChannelEndpoint[];
  /** True for a run that goes on while this program does not, and so was not ended by a crash. */
  keepsRun?(runId: string): boolean;
}

export interface ChannelEndpoint {
  /** What a person does with it: `push RTMP to`. */
  label: string;
  url: string;
}

export interface ChannelSpec {
  channelId: string;
  segmentMs: number;
  /** A publisher that comes back within this time goes on in the same run. */
  resumeWindowMs: number;
  /** How the feed comes in, where that is the driver's to know. */
  input?: unknown;
  /** The program was restarted and nobody asked for the channel anew: it goes on as it was. */
  isResumed?: boolean;
}

export type ChannelState =
  | 'creating'
  | 'idle'
  | 'starting'
  | 'waiting'
  | 'live'
  | 'degraded'
  | 'stopping'
  | 'failed'
  | 'deleted';

/** What ingest needs of the house; every method has a bounded wait on the caller's side. */
export interface IngestHost {
  /** Which channel a publishing key opens, by constant-time comparison with hashes; undefined = refuse. */
  authenticate(key: Secret, remote: { address: string }): Promise<string | undefined>;
  /** Durable when it resolves. */
  putSegment(key: string, bytes: Uint8Array): Promise<void>;
  /** Asked after a crash only: did the last put go through? */
  hasSegment(key: string): Promise<boolean>;
}

/** What ingest tells. A listener that rejects is called again with the same event: announcing is at least once, in order. */
export interface IngestEvents {
  onRunStarted(run: { channelId: string; runId: string; startWallMs: number }): Promise<void>;
  onSegment(segment: SegmentRecord): Promise<void>;
  /**
   * A segment that the store has and the run has gone past (never from the local driver: it stores its segments itself). It has
   * its number in order with the others, takes no time of the run, and is dead for this reason: nobody looks at it.
   */
  onSegmentLate(late: { segment: SegmentRecord; reason: string }): Promise<void>;
  /** Told a second time with more segments when some come to light after the end. */
  onRunEnded(run: EndedRun): Promise<void>;
  onHealth(health: ChannelHealth): void;
}

export interface EndedRun {
  channelId: string;
  runId: string;
  segmentCount: number;
  why: RunEnd;
  /** What is wrong with the run and what to do: sentences for a person. */
  notes?: readonly string[];
}

export type RunEnd = 'stopped' | 'publisher-left' | 'end-of-file' | 'crash';

/** What a contributor wants to know of the feed. */
export interface ChannelHealth {
  channelId: string;
  state: ChannelState;
  runId: string | undefined;
  sessionId: string | undefined;
  protocol: 'rtmp' | 'file' | undefined;
  bitrateBps: number;
  framesPerSecond: number;
  keyframeIntervalMs: number;
  width: number;
  height: number;
  hasAudio: boolean;
  /** Counted over the run. */
  droppedFrameCount: number;
  discontinuityCount: number;
  /** What is wrong and how to mend it, worst first: "keyframes every 8.3 s: set the encoder's keyframe interval to 2 s". */
  advice: string[];
  /** What each piece of advice is about, in its order; absent where the driver does not say. */
  adviceKinds?: AdviceKind[];
}

export type AdviceKind =
  | 'store'
  | 'stalled'
  | 'no-picture'
  | 'keyframes'
  | 'session'
  | 'rival'
  | 'no-sound'
  | 'sound-clock';
