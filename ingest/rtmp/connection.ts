import type { TouchlineError } from '../../core/errors.ts';
import type { MediaPacket } from '../media-packet.ts';

/** One accepted publisher. What it sends goes to the listener that `onSession` returned. */
export interface RtmpSession {
  /** `ses_...` */
  readonly id: string;
  readonly channelId: string;
  readonly remoteAddress: string;
  /** What the encoder calls itself: "FMLE/3.0 (compatible; Lavf59.27.100)". Cut to 80 printable characters. */
  readonly encoder: string;
  readonly stats: Readonly<RtmpSessionStats>;
  /** Stops reading from the socket, so that TCP holds the publisher back. What was read already (<= 64 KiB) still comes. */
  pause(): void;
  resume(): void;
  /** Ends it now: `onEnd` is called before this returns, and nothing follows. Calling it twice changes nothing. */
  close(why: 'stopped' | 'unusable', error?: TouchlineError): void;
}

/** All of it is called in order; nothing before `onSession` returned, nothing after `onEnd`. */
export interface SessionListener {
  /** The packet's bytes belong to the listener: they are never written again. */
  onPacket(packet: MediaPacket, arrival: { monotonicMs: number; wallMs: number }): void;
  /** True when no media came for `stalledMs` (2 s), false when it comes again. Not while paused. */
  onStalled(isStalled: boolean): void;
  /** Once, last. */
  onEnd(end: SessionEnd): void;
}

export interface SessionEnd {
  why: SessionEndCause;
  /** What to tell the contributor, where there is something to mend. */
  error: TouchlineError | undefined;
}

export type SessionEndCause =
  /** The encoder said goodbye: FCUnpublish, deleteStream, or an orderly end of the connection. */
  | 'unpublished'
  /** The connection broke. */
  | 'connection-lost'
  /** Not one byte for 10 s, or no media for 60 s. */
  | 'silent'
  /** The same channel was claimed by a newer connection. */
  | 'taken-over'
  /** It broke the protocol, or sent what we cannot take: see `error`. */
  | 'unusable'
  /** We closed it: channel stopped, server going down. */
  | 'stopped';

export interface RtmpSessionStats {
  startedWallMs: number;
  /** On the monotonic clock; undefined before the first picture or sound. */
  lastMediaMonotonicMs: number | undefined;
  receivedBytes: number;
  videoPacketCount: number;
  audioPacketCount: number;
  /** Answer time of the last ping; undefined for encoders that do not answer (OBS). */
  roundTripMs: number | undefined;
  /** How many other encoders with the same key were refused while this one was live. */
  refusedRivalCount: number;
}
