import assert from 'node:assert/strict';
import type { Socket } from 'node:net';

import type { Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { MediaPacket } from '../media-packet.ts';
import { authenticationLate, type Refusal } from './refusals.ts';
import { RtmpSessionMachine, type SessionAction, type SessionEnd } from './session.ts';

export type { SessionEnd } from './session.ts';

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

export interface RtmpSessionStats {
  startedWallMs: number;
  /** On the monotonic clock; undefined before the first picture or sound. */
  lastMediaMonotonicMs: number | undefined;
  receivedBytes: number;
  videoPacketCount: number;
  audioPacketCount: number;
  /** Answer time of the last ping, up to 0.1 s of rest included; undefined for encoders that do not answer (OBS). */
  roundTripMs: number | undefined;
  /** How many other encoders with the same key were refused while this one was live. */
  refusedRivalCount: number;
}

/** What a connection needs of the server that accepted it. */
export interface ConnectionHost {
  clock: Clock;
  limits: ConnectionLimits;
  /** Judges a key. Never rejects; the connection waits for `authenticationMsMax`. */
  authenticate(key: Secret, remote: { address: string }): Promise<Verdict>;
  /** Settles who publishes on the channel; the session before has ended when it returns. */
  claim(connection: RtmpConnection, channelId: string): { sessionId: string } | Refusal;
  /** The session is accepted: who takes its packets? */
  open(session: RtmpSession): SessionListener;
  /** The session, or the attempt at one, is over; the socket closes within a second. Called once. */
  onOver(connection: RtmpConnection, end: SessionEnd): void;
}

export type Verdict = { kind: 'opens'; channelId: string } | Refusal;

export interface ConnectionLimits {
  /** From the TCP connection to the publish command: 10 s. */
  admissionMsMax: number;
  /** For the answer of `authenticate`: 3 s. */
  authenticationMsMax: number;
  /** Without media before `onStalled(true)`: 2 s. */
  stalledMs: number;
  /** Without a byte before the publisher counts as gone: 10 s. */
  silentMsMax: number;
  /** Without media, though the connection lives: 60 s. */
  mediaGapMsMax: number;
  /**
   * So long after it was accepted a publisher is read whenever something comes, then at every `check`: 5 s. The arrival
   * of its first pictures is what the wall clock of the session hangs on.
   */
  restsAfterMs: number;
}

/**
 * One TCP connection, from accept to destroy. The protocol's states are those of its machine; on top of them:
 * open        the machine runs; `check` looks after the time limits. -> lingering, destroyed
 * lingering   the session is over and its last words are on their way; what comes is thrown away. A socket that is
 *             destroyed with unread bytes resets the connection, and the peer may never read why. -> destroyed
 * destroyed   nothing is left.
 */
export class RtmpConnection implements RtmpSession {
  readonly remoteAddress: string;
  readonly stats: RtmpSessionStats;
  readonly #host: ConnectionHost;
  readonly #socket: Socket;
  readonly #machine: RtmpSessionMachine;
  #life: 'open' | 'lingering' | 'destroyed' = 'open';
  #accepted: { sessionId: string; channelId: string } | undefined;
  #listener: SessionListener | undefined;
  #end: SessionEnd | undefined;
  #isPaused = false;
  /** Read empty, and left to the kernel until the next `check`. */
  #isResting = false;
  #acceptedMs = Infinity;
  #isStalled = false;
  /** When the state that `check` measures began, on the monotonic clock. */
  #sinceMs: number;
  #lastBytesMs: number;
  #lastMediaMs: number;
  #lastPingMs: number;

  constructor(socket: Socket, options: { host: ConnectionHost; random: Uint8Array }) {
    const { clock } = options.host;
    const nowMs = clock.monotonicMs();
    this.#host = options.host;
    this.#socket = socket;
    this.#machine = new RtmpSessionMachine(options.random);
    // A server on `::` sees IPv4 peers as mapped addresses.
    this.remoteAddress = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
    this.#sinceMs = nowMs;
    this.#lastBytesMs = nowMs;
    this.#lastMediaMs = nowMs;
    this.#lastPingMs = nowMs;
    this.stats = {
      startedWallMs: clock.nowMs(),
      lastMediaMonotonicMs: undefined,
      receivedBytes: 0,
      videoPacketCount: 0,
      audioPacketCount: 0,
      roundTripMs: undefined,
      refusedRivalCount: 0,
    };
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
    socket.on('end', () => this.#finish({ why: 'unpublished', error: undefined }));
    socket.on('error', () => this.#finish({ why: 'connection-lost', error: undefined }));
    socket.on('close', () => {
      this.#finish({ why: 'connection-lost', error: undefined });
      this.#life = 'destroyed';
    });
  }

  get id(): string {
    assert(this.#accepted, 'a session has its id from the moment it is accepted');
    return this.#accepted.sessionId;
  }

  get channelId(): string {
    assert(this.#accepted, 'a session has its channel from the moment it is accepted');
    return this.#accepted.channelId;
  }

  get isAccepted(): boolean {
    return this.#accepted !== undefined;
  }

  get encoder(): string {
    return this.#machine.encoder;
  }

  /** Messages that should have held media and did not. */
  get ignoredCount(): number {
    return this.#machine.ignoredCount;
  }

  /** Nothing came for so long that the encoder is probably not there any more. */
  isSilent(nowMs: number): boolean {
    return !this.#isPaused && nowMs - this.#lastBytesMs >= this.#host.limits.stalledMs;
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#isResting = false;
    // The silence was ours.
    const nowMs = this.#host.clock.monotonicMs();
    this.#lastBytesMs = nowMs;
    this.#lastMediaMs = nowMs;
    this.#socket.resume();
  }

  close(why: 'stopped' | 'unusable', error?: TouchlineError): void {
    const description = error?.message ?? 'The channel was stopped.';
    this.#perform(this.#machine.close({ why, error }, { code: 'NetStream.Publish.Failed', description }));
  }

  /** Another connection has claimed the channel. */
  giveWay(): void {
    const description = 'Another encoder took over with the same key.';
    const end: SessionEnd = { why: 'taken-over', error: undefined };
    this.#perform(this.#machine.close(end, { code: 'NetStream.Publish.BadName', description }));
  }

  /** Ends it without waiting for the peer. */
  destroy(): void {
    this.close('stopped');
    this.#socket.destroy();
  }

  /** Called ten times a second: every wait has its end here, and every rest. */
  check(nowMs: number): void {
    if (this.#life === 'lingering' && nowMs - this.#sinceMs >= lingerMsMax) this.#socket.destroy();
    if (this.#life !== 'open') return;
    const { limits } = this.#host;
    switch (this.#machine.state) {
      case 'handshake':
      case 'connect':
        if (nowMs - this.#sinceMs >= limits.admissionMsMax) this.#giveUp('slow', limits.admissionMsMax);
        return;
      case 'publish-pending':
        if (nowMs - this.#sinceMs >= limits.authenticationMsMax) this.#refuse(authenticationLate());
        return;
      case 'publishing':
        return this.#checkFlow(nowMs);
      case 'closing':
        return;
    }
  }

  #checkFlow(nowMs: number): void {
    const { limits } = this.#host;
    if (this.#isPaused) return;
    this.#wake();
    if (nowMs - this.#lastBytesMs >= limits.silentMsMax) return this.#giveUp('silent', limits.silentMsMax);
    if (nowMs - this.#lastMediaMs >= limits.mediaGapMsMax)
      return this.#giveUp('silent', limits.mediaGapMsMax);
    if (!this.#isStalled && nowMs - this.#lastMediaMs >= limits.stalledMs) this.#setStalled(true);
    if (nowMs - this.#lastPingMs >= pingMs) {
      this.#lastPingMs = nowMs;
      this.#perform(this.#machine.ping(Math.floor(nowMs)));
    }
  }

  #giveUp(how: 'slow' | 'silent', ms: number): void {
    const [why, message] =
      how === 'slow'
        ? (['unusable', `no publish command came within ${ms} ms`] as const)
        : ([
            'silent',
            `the encoder sent nothing for ${ms} ms: is it running, and is its network up?`,
          ] as const);
    const error = new TouchlineError({
      code: `ingest.rtmp-${how}`,
      message,
      retryable: true,
      blame: 'input',
    });
    this.#perform(this.#machine.close({ why, error }));
  }

  #setStalled(isStalled: boolean): void {
    this.#isStalled = isStalled;
    this.#listener?.onStalled(isStalled);
  }

  #onData(bytes: Buffer): void {
    this.stats.receivedBytes += bytes.length;
    if (this.#life !== 'open') return;
    this.#lastBytesMs = this.#host.clock.monotonicMs();
    this.#perform(this.#machine.receive(bytes));
    // A read that did not fill the buffer has emptied the socket.
    if (bytes.length < readBytesMax) this.#rest();
  }

  /**
   * An encoder sends each picture and each sound frame as it is made, a hundred times a second. To wake up for one costs
   * a third of a millisecond, to take it in a few microseconds: the kernel gathers them, and each `check` reads what is
   * there. Its buffer grows with the rate; a stream that fills ours is read on at once.
   */
  #rest(): void {
    const isSettled = this.#lastBytesMs - this.#acceptedMs >= this.#host.limits.restsAfterMs;
    if (!isSettled || this.#isPaused || this.#life !== 'open') return;
    this.#isResting = true;
    this.#socket.pause();
  }

  #wake(): void {
    if (!this.#isResting) return;
    this.#isResting = false;
    this.#socket.resume();
  }

  #perform(actions: readonly SessionAction[]): void {
    if (actions.length === 0) return;
    const { clock } = this.#host;
    const arrival = { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() };
    for (const action of actions) {
      // The listener may have closed the session in the middle of them.
      if (this.#end) return;
      switch (action.kind) {
        case 'send':
          this.#send(action.bytes);
          break;
        case 'authenticate':
          this.#sinceMs = arrival.monotonicMs;
          this.#socket.pause();
          void this.#authenticate(action.key);
          break;
        case 'packet':
          this.#hand(action.packet, arrival);
          break;
        case 'pong':
          this.stats.roundTripMs = (Math.floor(arrival.monotonicMs) - action.sentMs) >>> 0;
          break;
        case 'end':
          this.#finish(action.end);
          break;
      }
    }
  }

  #send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
    if (this.#socket.writableLength <= unsentBytesMax) return;
    const message = `the encoder does not read: ${this.#socket.writableLength} bytes of answers wait for it`;
    const error = new TouchlineError({ code: 'ingest.rtmp-deaf', message, retryable: true, blame: 'input' });
    this.#finish({ why: 'unusable', error });
  }

  #hand(packet: MediaPacket, arrival: { monotonicMs: number; wallMs: number }): void {
    if (packet.kind === 'video') this.stats.videoPacketCount += 1;
    if (packet.kind === 'audio') this.stats.audioPacketCount += 1;
    if (packet.kind === 'video' || packet.kind === 'audio') {
      this.#lastMediaMs = arrival.monotonicMs;
      this.stats.lastMediaMonotonicMs = arrival.monotonicMs;
      if (this.#isStalled) this.#setStalled(false);
    }
    this.#listener?.onPacket(packet, arrival);
  }

  async #authenticate(key: Secret): Promise<void> {
    const verdict = await this.#host.authenticate(key, { address: this.remoteAddress });
    // It may be gone, or have been refused because this took too long.
    if (this.#machine.state !== 'publish-pending') return;
    if (verdict.kind === 'refused') return this.#refuse(verdict);
    const claim = this.#host.claim(this, verdict.channelId);
    if ('kind' in claim) return this.#refuse(claim);
    this.#accept(claim.sessionId, verdict.channelId);
  }

  #accept(sessionId: string, channelId: string): void {
    const { clock } = this.#host;
    this.#accepted = { sessionId, channelId };
    this.stats.startedWallMs = clock.nowMs();
    this.#lastBytesMs = clock.monotonicMs();
    this.#lastMediaMs = this.#lastBytesMs;
    this.#lastPingMs = this.#lastBytesMs;
    this.#acceptedMs = this.#lastBytesMs;
    const listener = this.#host.open(this);
    if (this.#end) return listener.onEnd(this.#end); // closed in there
    this.#listener = listener;
    if (!this.#isPaused) this.#socket.resume();
    this.#perform(this.#machine.accept());
  }

  #refuse(refusal: Refusal): void {
    this.#perform(this.#machine.close({ why: 'unusable', error: refusal.error }, refusal.status));
  }

  /** The one way out. */
  #finish(end: SessionEnd): void {
    if (this.#end) return;
    this.#end = end;
    this.#machine.close(end);
    this.#life = 'lingering';
    this.#sinceMs = this.#host.clock.monotonicMs();
    this.#host.onOver(this, end);
    this.#listener?.onEnd(end);
    // A peer that is gone gets no last words; one that is there has half a second for them.
    if (end.why === 'silent' || end.why === 'connection-lost') {
      this.#socket.destroy();
      return;
    }
    this.#socket.resume();
    // Who says goodbye hangs up as well; GStreamer calls it an error when we are faster.
    if (end.why !== 'unpublished') this.#socket.end();
  }
}

/** Well below the second in which a refused encoder has to be gone; a round trip to the other side of the earth is 0.3 s. */
const lingerMsMax = 500;

const pingMs = 5000;
const keepAliveMs = 5000;

/** What libuv reads at once. */
const readBytesMax = 64 * 1024;

/** An answer has some hundred bytes. */
const unsentBytesMax = 64 * 1024;
