import { describe, expect, it } from 'vitest';

import { judgeFeed, type FeedFacts } from '../../ingest/feed-advice.ts';

const fine: FeedFacts = {
  hasSession: true,
  isStalled: false,
  sessionMs: 60_000,
  hasPicture: true,
  hasAudio: true,
  keyframeIntervalMs: 2000,
  segmentMs: 4000,
  storeFailure: undefined,
  waitingSegmentCount: 0,
  isPaused: false,
  isDropping: false,
  sessionProblems: [],
  rivalCount: 0,
  soundRebaseCount: 0,
};

describe('the judgement of a feed', () => {
  it.each<[string, Partial<FeedFacts>, string, RegExp | undefined]>([
    ['in order', {}, 'live', undefined],
    ['without a session', { hasSession: false, hasPicture: false, hasAudio: false }, 'waiting', undefined],
    ['just connected', { hasPicture: false, hasAudio: false, sessionMs: 5000 }, 'waiting', undefined],
    ['without a picture for long', { hasPicture: false, sessionMs: 5001 }, 'degraded', /^no picture arrives/],
    ['with keyframes at the target and a frame', { keyframeIntervalMs: 4500 }, 'live', undefined],
    [
      'with keyframes further apart',
      { keyframeIntervalMs: 4501 },
      'degraded',
      /^keyframes every 4\.5 s: set/,
    ],
    ['that hangs', { isStalled: true }, 'degraded', /^stalled/],
    ['without sound', { hasAudio: false }, 'live', /^no sound arrives/],
    ['with a rival', { rivalCount: 3 }, 'live', /refused 3 times/],
    [
      'whose store fails',
      { storeFailure: 'disk full', waitingSegmentCount: 7 },
      'degraded',
      /disk full.*7 segments/,
    ],
    ['that is held back', { isPaused: true }, 'degraded', /slower than the feed/],
    ['with a clock of its own for sound', { soundRebaseCount: 1 }, 'live', /lip sync/],
  ])('%s', (_what, facts, state, advice) => {
    const judged = judgeFeed({ ...fine, ...facts });
    expect(judged.state).toBe(state);
    if (advice) expect(judged.advice[0]).toMatch(advice);
    else expect(judged.advice).toEqual([]);
  });

  it('says the worst first', () => {
    const judged = judgeFeed({ ...fine, isDropping: true, keyframeIntervalMs: 9000, hasAudio: false });
    expect(judged.advice.map((line) => line.split(' ')[0])).toEqual(['media', 'keyframes', 'no']);
    expect(judged.adviceKinds).toEqual(['store', 'keyframes', 'no-sound']);
  });
});
