import type { Clock } from '../core/clock.ts';
import { asTouchlineError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';

import { parseAudioSpecificConfig } from './aac.ts';
import type { ChannelHealth, ChannelSpec, RunEnd } from './channel.ts';
import { judgeFeed } from './feed-advice.ts';
import { FeedMeter, type FeedRates } from './feed-meter.ts';
import type { MediaPacket } from './media-packet.ts';
import { RunOutlet, type OutletOptions } from './outlet.ts';
import type { RtmpSession, SessionEnd, SessionListener } from './rtmp/connection.ts';
import { SegmentNumbering } from './segment-numbering.ts';
import { Segmenter, type CutSegment } from './segmenter.ts';
import { Timeline, type Arrival, type TimedPacket } from './timeline.ts';

export interface LiveChannelOptions {
  clock: Clock;
  random: Random;
  log: Log;
  outlet: Omit<OutletOptions, 'clock' | 'random' | 'log'>;
  /** Memory of one session: what is not yet cut and what the store has not taken. */
  heldBytesMax: number;
}

/**
 * One channel of the local driver. Modes:
 * - waiting: no session. With a run open, its resume window is running down.
 * - flowing: a session, and room for what it sends.
 * - paused: the budget is full; the socket is not read, TCP holds the publisher back. Left when there is room again; after
 *   two seconds what waits goes to the disk; when that is full as well, to dropping.
 * - dropping: whole GOPs are left out, from wherever the feed stands to the first keyframe for which there is room. The
 *   publisher is read, so that it stays in the present.
 */
export class LiveChannel {
  readonly #options: LiveChannelOptions;
  readonly #spec: ChannelSpec;
  #run: OpenRun | undefined;
  #session: OpenSession | undefined;
  #mode: 'waiting' | 'flowing' | 'paused' | 'dropping' = 'waiting';
  #pausedAtMs = 0;
  #isSpilling = false;
  #resumeTimer = new AbortController();
  /** Runs that have ended and are still being stored and announced. */
  readonly #closing = new Set<Promise<void>>();
  #lastProblem: string | undefined;
  #isStopping = false;

  constructor(spec: ChannelSpec, options: LiveChannelOptions) {
    this.#spec = spec;
    this.#options = options;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Something waits for room, or lies on the disk: `tick` has work. */
  get isHoldingBack(): boolean {
    return this.#mode === 'paused' || this.#mode === 'dropping' || this.#run?.outlet?.hasSpilled === true;
  }

  /** A new publisher; the one before it has had its end already. */
  attach(session: RtmpSession): SessionListener {
    this.#resumeTimer.abort();
    this.#run ??= this.#newRun();
    this.#run.timeline.startSession();
    this.#session = {
      rtmp: session,
      meter: new FeedMeter(),
      isStalled: false,
      hasPicture: false,
      soundProblem: undefined,
      startedMonotonicMs: this.#options.clock.monotonicMs(),
    };
    this.#lastProblem = undefined;
    this.#setMode('flowing');
    return {
      onPacket: (packet, arrival) => this.#take(packet, arrival),
      onStalled: (isStalled) => {
        if (this.#session) this.#session.isStalled = isStalled;
      },
      onEnd: (end) => this.#detach(end),
    };
  }

  /** Ends session and run; resolves when the last segment was announced, or given up. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#session?.rtmp.close('stopped');
    this.#endRun('stopped');
    await Promise.all(this.#closing);
  }

  /** Called once a second, and four times while it is holding back: looks after what waits for room. */
  async tick(): Promise<void> {
    const run = this.#run;
    if (!run || this.#isSpilling) return;
    const isPausedLong =
      this.#mode === 'paused' && this.#options.clock.monotonicMs() - this.#pausedAtMs >= pausedMsMax;
    const isFilling = run.outlet?.hasSpilled === true && this.#heldBytes > this.#options.heldBytesMax / 2;
    if (isPausedLong || isFilling) {
      this.#isSpilling = true;
      await run.outlet?.spill();
      this.#isSpilling = false;
    }
    if (this.#mode !== 'paused') return;
    if (this.#hasRoomFor(afterPauseShare)) this.#setMode('flowing');
    else if (isPausedLong) this.#startDropping();
  }

  health(): ChannelHealth {
    const { clock } = this.#options;
    const session = this.#session;
    const run = this.#run;
    const rates: FeedRates | undefined = session?.meter.read(clock.monotonicMs());
    const outlet = run?.outlet;
    const { state, advice, adviceKinds } = judgeFeed({
      hasSession: session !== undefined,
      isStalled: session?.isStalled ?? false,
      sessionMs: session ? clock.monotonicMs() - session.startedMonotonicMs : 0,
      hasPicture: session?.hasPicture ?? false,
      hasAudio: rates?.hasAudio ?? false,
      keyframeIntervalMs: rates?.keyframeIntervalMs ?? 0,
      segmentMs: this.#spec.segmentMs,
      storeFailure: outlet?.failure?.message,
      waitingSegmentCount: outlet?.waitingCount ?? 0,
      isPaused: this.#mode === 'paused',
      isDropping: this.#mode === 'dropping',
      sessionProblems: [this.#lastProblem, session?.soundProblem].filter((problem) => problem !== undefined),
      rivalCount: session?.rtmp.stats.refusedRivalCount ?? 0,
      soundRebaseCount: run?.timeline.counts.soundRebaseCount ?? 0,
    });
    return {
      channelId: this.#spec.channelId,
      state: this.#isStopping ? 'stopping' : state,
      runId: outlet ? run?.runId : undefined,
      sessionId: session?.rtmp.id,
      protocol: session ? 'rtmp' : undefined,
      bitrateBps: rates?.bitrateBps ?? 0,
      framesPerSecond: rates?.framesPerSecond ?? 0,
      keyframeIntervalMs: rates?.keyframeIntervalMs ?? 0,
      width: session ? (run?.width ?? 0) : 0,
      height: session ? (run?.height ?? 0) : 0,
      hasAudio: rates?.hasAudio ?? false,
      droppedFrameCount: (run?.droppedPictureCount ?? 0) + (run?.timeline.counts.droppedPictureCount ?? 0),
      discontinuityCount: run?.numbering.epoch ?? 0,
      advice,
      adviceKinds,
    };
  }

  #take(packet: MediaPacket, arrival: Arrival): void {
    const run = this.#run;
    const session = this.#session;
    if (!run || !session) return;
    if (packet.kind === 'audio-config') session.soundProblem = problemOfSound(packet.asc);
    if (session.soundProblem !== undefined && (packet.kind === 'audio' || packet.kind === 'audio-config'))
      return;
    try {
      for (const placed of run.timeline.place(packet, arrival)) {
        session.meter.add(placed, arrival.monotonicMs);
        if (placed.kind === 'discontinuity') this.#openOutlet(run, placed.anchor.wallMs);
        if (placed.kind === 'video') session.hasPicture = true;
        this.#keep(this.#mode === 'dropping' ? this.#whileDropping(run, placed) : run.segmenter.push(placed));
      }
    } catch (thrown) {
      session.rtmp.close('unusable', asTouchlineError(thrown));
      return;
    }
    if (this.#mode === 'flowing' && this.#heldBytes >= this.#options.heldBytesMax) this.#setMode('paused');
    // What was read from the socket before it was paused still comes, a little; more than that means it cannot be paused.
    else if (this.#mode === 'paused' && this.#heldBytes >= this.#options.heldBytesMax + pauseSlackBytes) {
      this.#startDropping();
    }
  }

  #detach(end: SessionEnd): void {
    const run = this.#run;
    const session = this.#session;
    if (!run || !session) return;
    this.#keep(run.segmenter.end());
    this.#session = undefined;
    this.#lastProblem = end.error?.message;
    this.#setMode('waiting');
    this.#options.log.info('session ended', { sessionId: session.rtmp.id, why: end.why, error: end.error });
    if (end.why === 'stopped' || end.why === 'taken-over') return; // stop() or attach() follows.
    this.#resumeTimer = new AbortController();
    this.#options.clock.sleep(this.#spec.resumeWindowMs, this.#resumeTimer.signal).then(
      () => this.#endRun('publisher-left'),
      () => {},
    );
  }

  #newRun(): OpenRun {
    const runId = newId('run', this.#options.random);
    const { channelId, segmentMs } = this.#spec;
    return {
      runId,
      timeline: new Timeline(),
      // A quarter of the budget a segment, and half of it at worst: the rest is for what waits for the store.
      segmenter: new Segmenter({ segmentMs, segmentBytesTarget: this.#options.heldBytesMax / 4 }),
      numbering: new SegmentNumbering({ channelId, runId }),
      outlet: undefined,
      droppedPictureCount: 0,
      width: 0,
      height: 0,
    };
  }

  /** A run begins with its first picture: a publisher that never sends one leaves nothing behind. */
  #openOutlet(run: OpenRun, startWallMs: number): void {
    if (run.outlet) return;
    const { clock, random, log, outlet } = this.#options;
    const { channelId } = this.#spec;
    // Runs of a channel are told one after the other, whole.
    const announceAfter = Promise.all([outlet.announceAfter, ...this.#closing]);
    run.outlet = new RunOutlet(
      { channelId, runId: run.runId, startWallMs },
      { ...outlet, clock, random, log, announceAfter },
    );
    log.info('run started', { channelId, runId: run.runId });
  }

  #endRun(why: RunEnd): void {
    const run = this.#run;
    this.#resumeTimer.abort();
    this.#run = undefined;
    if (!run?.outlet) return;
    const closing = run.outlet.close(why, closeMsMax).catch((error: unknown) => {
      this.#options.log.error('run not closed', { runId: run.runId, error });
    });
    this.#closing.add(closing);
    void closing.then(() => this.#closing.delete(closing));
    this.#options.log.info('run ended', { runId: run.runId, why, segmentCount: run.numbering.segmentCount });
  }

  #keep(cut: readonly CutSegment[]): void {
    const run = this.#run;
    const sessionId = this.#session?.rtmp.id;
    if (!run?.outlet || sessionId === undefined) return;
    for (const segment of cut) {
      if (segment.video) [run.width, run.height] = [segment.video.width, segment.video.height];
      run.outlet.offer(run.numbering.number(segment, sessionId), segment.bytes);
    }
  }

  #startDropping(): void {
    const run = this.#run;
    if (!run) return;
    const { cut, pictureCount } = run.segmenter.discard();
    this.#keep(cut);
    run.numbering.noteDropped();
    run.droppedPictureCount += pictureCount;
    this.#setMode('dropping');
  }

  #whileDropping(run: OpenRun, placed: TimedPacket): CutSegment[] {
    if (placed.kind === 'audio') return [];
    if (placed.kind !== 'video') return run.segmenter.push(placed);
    if (placed.isKeyframe && this.#hasRoomFor(afterDropShare)) {
      this.#setMode('flowing');
      return run.segmenter.push(placed);
    }
    run.droppedPictureCount += 1;
    return [];
  }

  #setMode(mode: 'waiting' | 'flowing' | 'paused' | 'dropping'): void {
    if (this.#mode === mode) return;
    const was = this.#mode;
    this.#mode = mode;
    if (mode === 'paused') {
      this.#pausedAtMs = this.#options.clock.monotonicMs();
      this.#session?.rtmp.pause();
    } else if (was === 'paused') this.#session?.rtmp.resume();
    if (mode === 'dropping' || was === 'dropping') {
      this.#options.log.warn(mode === 'dropping' ? 'dropping media' : 'no longer dropping media', {
        heldBytes: this.#heldBytes,
        droppedPictureCount: this.#run?.droppedPictureCount,
      });
    }
  }

  get #heldBytes(): number {
    return (this.#run?.segmenter.heldBytes ?? 0) + (this.#run?.outlet?.memoryBytes ?? 0);
  }

  #hasRoomFor(share: number): boolean {
    const isHeard = (this.#run?.outlet?.unannouncedCount ?? 0) < unannouncedCountMax;
    return isHeard && this.#heldBytes <= this.#options.heldBytesMax * share;
  }
}

interface OpenRun {
  runId: string;
  timeline: Timeline;
  segmenter: Segmenter;
  numbering: SegmentNumbering;
  /** Undefined before the first picture. */
  outlet: RunOutlet | undefined;
  droppedPictureCount: number;
  width: number;
  height: number;
}

interface OpenSession {
  rtmp: RtmpSession;
  meter: FeedMeter;
  isStalled: boolean;
  hasPicture: boolean;
  soundProblem: string | undefined;
  startedMonotonicMs: number;
}

/** One read of a socket, decoded, and a large picture. */
const pauseSlackBytes = 2 * 1024 * 1024;
/** Encoders hold a second or two back by themselves before they drop pictures. */
const pausedMsMax = 2000;
/** Reading goes on a little below the limit, not at it: else the socket is paused again with the next packet. */
const afterPauseShare = 7 / 8;
/** Keeping goes on when the store has taken a good part: else every other GOP is kept, and each waits for nothing. */
const afterDropShare = 1 / 2;
/** How long `stop` waits for a store, and then for a listener, that takes nothing. */
const closeMsMax = 15_000;
/** At 4 s a segment nobody has listened for five hours; a record is about 1 kB. */
const unannouncedCountMax = 5000;

function problemOfSound(asc: Uint8Array): string | undefined {
  try {
    parseAudioSpecificConfig(asc);
    return undefined;
  } catch (thrown) {
    return asTouchlineError(thrown).message;
  }
}
