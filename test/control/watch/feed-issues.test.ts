import { describe, expect, it } from 'vitest';

import { feedIssues, type FeedFindings } from '../../../control/watch/feed-issues.ts';

const sample = {
  atMs: 0,
  bitrateBps: 6_000_000,
  framesPerSecond: 25,
  keyframeIntervalMs: 2000,
  droppedFrameCount: 0,
};
const samplesOf = (more: Partial<typeof sample>, count = 10) =>
  Array.from({ length: count }, () => ({ ...sample, ...more }));
const fine: FeedFindings = {
  hasSession: true,
  wasSeen: true,
  advice: [],
  segmentMs: 4000,
  bitrateBps: 6_000_000,
  keyframeIntervalMs: 2000,
  height: 1080,
  hasAudio: true,
  samples: samplesOf({}),
  frameRate: 25,
  levelsDb: Array.from({ length: 10 }, () => -30),
  gaps: [],
  reconnectCount: 0,
  jumpCount: 0,
};

describe('what is wrong with a feed', () => {
  it('is nothing when all is well', () => {
    expect(feedIssues(fine)).toEqual([]);
  });

  it.each<[string, Partial<FeedFindings>, string | undefined]>([
    ['keyframes 2.6 s apart', { keyframeIntervalMs: 2600 }, undefined],
    ['keyframes further apart', { keyframeIntervalMs: 2601 }, 'warning gopSizeLong'],
    ['keyframes at the target and a bit', { keyframeIntervalMs: 4500 }, 'warning gopSizeLong'],
    ['keyframes beyond the target', { keyframeIntervalMs: 4501 }, 'error gopSizeLong'],
    ['1080 lines at 2.5 Mbit/s', { samples: samplesOf({ bitrateBps: 2_500_000 }) }, undefined],
    ['1080 lines below it', { samples: samplesOf({ bitrateBps: 2_499_999 }) }, 'warning videoBitrateLow'],
    ['720 lines at that', { height: 720, samples: samplesOf({ bitrateBps: 2_000_000 }) }, undefined],
    [
      'little at 50 frames',
      { frameRate: 50, samples: samplesOf({ bitrateBps: 3_000_000, framesPerSecond: 50 }) },
      'warning videoBitrateLow',
    ],
    ['nine seconds alone', { samples: samplesOf({ bitrateBps: 1 }, 9) }, undefined],
    ['20 Mbit/s', { samples: samplesOf({ bitrateBps: 20_000_000 }) }, undefined],
    ['more', { samples: samplesOf({ bitrateBps: 20_000_001 }) }, 'warning bitrateHigh'],
    [
      '15 frames a second',
      { frameRate: 15, samples: samplesOf({ framesPerSecond: 15 }) },
      'warning framerateLow',
    ],
    [
      'frames that come unevenly',
      { samples: [...samplesOf({}, 6), ...samplesOf({ framesPerSecond: 22 }, 4)] },
      'warning framerateUnsteady',
    ],
    [
      'three slow seconds of ten',
      { samples: [...samplesOf({}, 7), ...samplesOf({ framesPerSecond: 12 }, 3)] },
      undefined,
    ],
    [
      'frames that we dropped',
      { samples: [...samplesOf({}, 9), ...samplesOf({ droppedFrameCount: 1 }, 1)] },
      'error framesDropped',
    ],
    ['silence', { levelsDb: Array.from({ length: 10 }, () => -75) }, 'warning audioSilent'],
    ['a sound in it', { levelsDb: [...Array.from({ length: 9 }, () => -90), -74] }, undefined],
    ['nine seconds of silence', { levelsDb: Array.from({ length: 9 }, () => -90) }, undefined],
    ['din', { levelsDb: Array.from({ length: 10 }, () => -6) }, 'warning audioTooLoud'],
    ['a level that nobody measured', { levelsDb: [] }, undefined],
    ['a gap just now', { gaps: [{ lengthMs: 101, agoMs: 60_000 }] }, 'error networkGaps'],
    ['a gap before', { gaps: [{ lengthMs: 101, agoMs: 60_001 }] }, 'warning networkGaps'],
    ['a gap of a few frames', { gaps: [{ lengthMs: 100, agoMs: 0 }] }, undefined],
    ['a reconnect', { reconnectCount: 1 }, 'warning reconnects'],
    ['a jump', { jumpCount: 1 }, 'warning clockJumps'],
    ['no session', { hasSession: false }, 'error noData'],
    ['nobody yet', { hasSession: false, wasSeen: false }, 'info noData'],
    ['no sound', { advice: [{ kind: 'no-sound', text: 'x' }] }, 'warning noAudioStream'],
    ['no picture', { advice: [{ kind: 'no-picture', text: 'x' }] }, 'error noVideo'],
    ['a stall', { advice: [{ kind: 'stalled', text: 'x' }] }, 'error stalled'],
    ['long keyframes, said once', { advice: [{ kind: 'keyframes', text: 'x' }] }, undefined],
    ['what another driver says', { advice: [{ kind: undefined, text: 'x' }] }, 'warning other'],
  ])('%s', (_what, findings, expected) => {
    const issues = feedIssues({ ...fine, ...findings });
    expect(issues.map(({ severity, type }) => `${severity} ${type}`)).toEqual(expected ? [expected] : []);
    // Each says how to mend it: a sentence, not a code.
    for (const { description } of issues) expect(description).toMatch(/^[A-Z0-9].*\.$/);
  });

  it('names errors first', () => {
    const issues = feedIssues({
      ...fine,
      keyframeIntervalMs: 3000,
      reconnectCount: 2,
      gaps: [{ lengthMs: 5000, agoMs: 1000 }],
    });
    expect(issues.map(({ severity }) => severity)).toEqual(['error', 'warning', 'warning']);
    expect(issues[0]?.description).toContain('1 gap with 5.0 s');
  });
});
