import type { AdviceKind, ChannelState } from './channel.ts';

/** All that is known of a channel's feed at one instant. */
export interface FeedFacts {
  hasSession: boolean;
  /** No media for two seconds. */
  isStalled: boolean;
  sessionMs: number;
  hasPicture: boolean;
  hasAudio: boolean;
  keyframeIntervalMs: number;
  segmentMs: number;
  /** Why the store takes nothing, and how much waits for it. */
  storeFailure: string | undefined;
  waitingSegmentCount: number;
  isPaused: boolean;
  isDropping: boolean;
  /** What the last session was ended for, or what of it cannot be used. */
  sessionProblems: readonly string[];
  rivalCount: number;
  soundRebaseCount: number;
}

/** What to call the state of a channel, and what to tell the contributor: worst first, each with its remedy. */
export function judgeFeed(facts: FeedFacts): {
  state: ChannelState;
  advice: string[];
  adviceKinds: AdviceKind[];
} {
  const faults: Advice[] = [];
  const hints: Advice[] = [];
  if (facts.isDropping) {
    faults.push({
      kind: 'store',
      text: `media is being dropped: the store takes nothing (${facts.storeFailure ?? 'it is too slow'}) and all room to wait is used up. Mend the store; recording goes on by itself`,
    });
  } else if (facts.storeFailure !== undefined) {
    faults.push({
      kind: 'store',
      text: `the store takes nothing (${facts.storeFailure}): ${facts.waitingSegmentCount} segments wait here. Nothing is lost yet`,
    });
  } else if (facts.isPaused) {
    faults.push({ kind: 'store', text: 'the store is slower than the feed: the publisher is held back' });
  }
  if (facts.hasSession && facts.isStalled) {
    faults.push({
      kind: 'stalled',
      text: 'stalled: no media for more than 2 s. Look at the network of the encoder',
    });
  }
  if (facts.hasSession && !facts.isStalled && !facts.hasPicture && facts.sessionMs > pictureWaitMs) {
    faults.push({
      kind: 'no-picture',
      text: 'no picture arrives: nothing is recorded before the first keyframe. Add a video source, H.264, to the encoder',
    });
  }
  if (facts.keyframeIntervalMs > facts.segmentMs + keyframeSlackMs) {
    const seconds = (facts.keyframeIntervalMs / 1000).toFixed(1);
    faults.push({
      kind: 'keyframes',
      text: `keyframes every ${seconds} s: set the encoder's keyframe interval to 2 s`,
    });
  }
  faults.push(...facts.sessionProblems.map((text) => ({ kind: 'session' as const, text })));
  if (facts.rivalCount > 0) {
    hints.push({
      kind: 'rival',
      text: `another encoder uses the same key and was refused ${facts.rivalCount} times: stop it, or give it a key of its own`,
    });
  }
  if (facts.hasPicture && !facts.isStalled && !facts.hasAudio && facts.sessionMs > pictureWaitMs) {
    hints.push({
      kind: 'no-sound',
      text: 'no sound arrives: crowd and commentary cannot be heard. Check the audio source of the encoder',
    });
  }
  if (facts.soundRebaseCount > 0) {
    hints.push({
      kind: 'sound-clock',
      text: 'sound and pictures came with clocks that differ and were laid side by side: check lip sync',
    });
  }
  const state = !facts.hasSession
    ? 'waiting'
    : faults.length > 0
      ? 'degraded'
      : facts.hasPicture
        ? 'live'
        : 'waiting';
  const advice = [...faults, ...hints];
  return { state, advice: advice.map(({ text }) => text), adviceKinds: advice.map(({ kind }) => kind) };
}

interface Advice {
  kind: AdviceKind;
  text: string;
}

const pictureWaitMs = 5000;
/** An encoder set to 4 s sends a keyframe at 4.0 s and a frame. */
const keyframeSlackMs = 500;
