import { describe, expect, it } from 'vitest';

import type { TimelineAnswer } from '../../../web/api/schemas/timeline.ts';
import { happeningsOf } from '../../../web/console/pages/stream/happenings.ts';
import {
  runMsOf,
  videoTimeOf,
  wallAtVideoTime,
  wallOf,
} from '../../../web/console/pages/stream/run-clock.ts';
import { spliced, timelineOf, toneOf } from '../../../web/console/pages/stream/timeline-form.ts';

/** Two segments, a gap of 6 s in the run that was 6.5 s on the wall. */
const segments = [
  { fromMs: 0, toMs: 4_000, startWallMs: 100_000 },
  { fromMs: 10_000, toMs: 14_000, startWallMs: 110_500 },
];

describe('the clock of a run', () => {
  it.each([
    [0, 100_000],
    [3_999, 103_999],
    [10_000, 110_500],
    [12_000, 112_500],
    [20_000, 120_500],
  ])('at run time %i shows %i, and back', (runMs, wallMs) => {
    expect(wallOf(segments, runMs, 99)).toBe(wallMs);
    expect(runMsOf(segments, wallMs, 99)).toBe(runMs);
  });

  it('goes by the start of the run while nothing is known of segments', () => {
    expect(wallOf([], 500, 7_000)).toBe(7_500);
    expect(runMsOf([], 7_500, 7_000)).toBe(500);
  });

  const pieces = [
    { startS: 0, durationS: 4, wallMs: 100_000 },
    { startS: 4, durationS: 4, wallMs: 110_500 },
  ];

  it('finds its place in the video, where gaps take no time', () => {
    expect(videoTimeOf(pieces, 111_500)).toBe(5);
    expect(videoTimeOf(pieces, 107_000)).toBe(4);
    expect(videoTimeOf(pieces, 1)).toBe(0);
    expect(videoTimeOf([], 1)).toBeUndefined();
    expect(wallAtVideoTime(pieces, 5)).toBe(111_500);
    expect(wallAtVideoTime(pieces, 3.5)).toBe(103_500);
  });
});

const answer: TimelineAnswer = {
  runId: 'run_1',
  channelId: 'ch_1',
  fromMs: 0,
  toMs: 40_000,
  endMs: 40_000,
  isLive: true,
  startWallMs: 100_000,
  threshold: 0.5,
  curve: {
    startMs: 0,
    stepMs: 10_000,
    min: [0, 0, null, 0],
    max: [0.1, 0.8, null, 0.2],
    clues: { crowd: [0.1, 0.7, 0, 0.2] },
  },
  moments: [
    {
      id: 'mom_1',
      clipId: 'clp_1',
      label: 'goal',
      score: 0.91,
      inMs: 10_000,
      peakMs: 15_000,
      outMs: 20_000,
      peakWallMs: 115_000,
      state: 'exact',
      decision: 'approved',
    },
  ],
  gaps: [{ fromMs: 20_000, toMs: 30_000 }],
  discontinuities: [{ atMs: 30_000, kind: 'reconnect' }],
  segments: [
    { seq: 0, fromMs: 0, toMs: 20_000, startWallMs: 100_000, state: 'clip', deadReason: null },
    { seq: 1, fromMs: 30_000, toMs: 40_000, startWallMs: 130_000, state: 'dead', deadReason: 'corrupt: x' },
  ],
};

describe('the timeline as it is drawn', () => {
  it('puts each value in the middle of its time and leaves a hole where nothing is known', () => {
    const { curve, signals } = timelineOf(answer);
    expect(curve.atMs).toEqual([5_000, 15_000, 25_000, 35_000]);
    expect(curve.values).toEqual([0.1, 0.8, Number.NaN, 0.2]);
    expect(signals.map(({ label }) => label)).toEqual(['crowd noise']);
    expect(signals[0]?.values[2]).toBeNaN();
  });

  it('takes the finer steps where it has them', () => {
    const detail: TimelineAnswer = {
      ...answer,
      curve: { startMs: 10_000, stepMs: 5_000, min: [0, 0], max: [0.3, 0.8], clues: { whistle: [0.3, 0] } },
    };
    const { curve, signals } = timelineOf(answer, detail);
    expect(curve.atMs).toEqual([5_000, 12_500, 17_500, 25_000, 35_000]);
    expect(curve.values.slice(0, 3)).toEqual([0.1, 0.3, 0.8]);
    expect(signals.map(({ label }) => label)).toEqual(['crowd noise', 'whistle']);
    expect(timelineOf(answer, { ...detail, runId: 'run_2' }).curve.atMs).toHaveLength(4);
    expect(spliced(curve, { atMs: [], values: [] })).toBe(curve);
  });

  it('hatches gaps and what was lost', () => {
    expect(timelineOf(answer).gaps.map(({ why }) => why)).toEqual(['no media for 10 s', 'lost: corrupt: x']);
  });

  it.each([
    ['exact', 'undecided', 'undecided'],
    ['failed', 'undecided', 'failed'],
    ['failed', 'approved', 'failed'],
    ['failed', 'rejected', 'rejected'],
  ] as const)('colours a moment that is %s and %s as %s', (state, decision, tone) =>
    expect(toneOf({ state, decision })).toBe(tone),
  );
});

describe('what happened in a run', () => {
  it('is told from the newest on, in words', () => {
    const told = happeningsOf(answer, (runMs) => 100_000 + runMs);
    expect(told.map(({ text }) => text)).toEqual([
      'The publisher connected again',
      'Segment 1 was lost: corrupt: x',
      'No media for 10 s',
      'goal, 0.91, approved',
      'The run began',
    ]);
    expect(new Set(told.map(({ key }) => key)).size).toBe(told.length);
  });

  it('tells of the end once it has come', () => {
    const told = happeningsOf({ ...answer, isLive: false }, (runMs) => runMs);
    expect(told[0]?.text).toBe('The run ended');
  });
});
