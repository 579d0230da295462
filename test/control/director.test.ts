import { describe, expect, it } from 'vitest';

import { loadRules } from '../../analytics/rules/load-rules.ts';
import { applyDecision, cutJobId, decide, lateMsMax, type Decision } from '../../control/director.ts';
import { addSegment, newTimeline, shownOf, type Timeline } from '../../control/timeline.ts';
import type { Spot } from '../../core/moment.ts';
import { segmentOf } from '../support/desk.ts';

const rules = loadRules({ sport: 'soccer' });
const run = { channelId: 'ch_one', runId: 'run_one' };
const nowMs = 1_000_000;

describe('the watermark', () => {
  it('does not pass a segment whose result is out, until others have waited for it for 15 s', () => {
    const timeline = timelineOf(12, { out: [2] });
    timeline.segments[7]!.spots = [goalAt(30_000)];
    const before = decide(timeline, rules, nowMs + lateMsMax - 1);
    expect([before.late, before.moments]).toEqual([[], []]);
    expect(before.wakeAtMs).toBe(nowMs + lateMsMax);

    const after = decide(timeline, rules, nowMs + lateMsMax);
    expect(after.late).toMatchObject([{ seq: 2, waitedMs: lateMsMax }]);
    expect(after.moments).toMatchObject([{ moment: { label: 'goal', peakMs: 30_000 }, isNew: true }]);
  });

  it('names a late segment once', () => {
    const timeline = timelineOf(6, { out: [2] });
    applyDecision(timeline, decide(timeline, rules, nowMs + lateMsMax), rules);
    expect(decide(timeline, rules, nowMs + 2 * lateMsMax).late).toEqual([]);
  });

  it('passes over a number that was never announced in the same way', () => {
    const timeline = timelineOf(6);
    timeline.segments.splice(3, 1);
    expect(decide(timeline, rules, nowMs + lateMsMax - 1).late).toEqual([]);
    const { late } = decide(timeline, rules, nowMs + lateMsMax);
    expect(late).toMatchObject([{ seq: 3, segment: undefined }]);
  });

  it('waits for the newest segment without a limit: nothing waits behind it', () => {
    const timeline = timelineOf(6, { out: [5] });
    const decision = decide(timeline, rules, nowMs + 100 * lateMsMax);
    expect([decision.late, decision.wakeAtMs]).toEqual([[], undefined]);
  });

  it('closes nothing behind a late segment for good: it may still come and change what was found', () => {
    const timeline = timelineOf(80, { out: [2] });
    const { closed } = decide(timeline, rules, nowMs + lateMsMax);
    expect(closed.every(({ segment }) => segment.record.seq < 2)).toBe(true);
    timeline.segments[2]!.coarse = { kind: 'found' };
    expect(decide(timeline, rules, nowMs).closed.length).toBeGreaterThan(10);
  });
});

describe('cuts', () => {
  const steps: [string, (timeline: Timeline) => void, string[]][] = [
    ['the fast one comes first', () => {}, ['fast']],
    ['no second one while one is out', (timeline) => carryOut(timeline), []],
    ['the exact one follows the fast one', (timeline) => make(timeline, 'fast'), ['exact']],
    ['the whole one follows the exact one', (timeline) => make(timeline, 'exact'), ['whole']],
    ['nothing follows the whole one', (timeline) => make(timeline, 'whole'), []],
    ['a fast one that failed is tried as exact', (timeline) => fail(timeline, 'fast'), ['exact']],
    ['an exact one that failed is the end', (timeline) => fail(timeline, 'exact'), []],
    [
      'a moment that moved is cut again, exactly',
      (timeline) => {
        make(timeline, 'whole');
        const { of } = timeline.moments[0]!.made!;
        timeline.moments[0]!.made!.of = { ...of, inMs: of.inMs - 1000 };
      },
      ['exact'],
    ],
    [
      'another score alone waits until nothing more comes',
      (timeline) => {
        make(timeline, 'whole');
        const { of } = timeline.moments[0]!.made!;
        timeline.moments[0]!.made!.of = { ...of, score: 0.5 };
      },
      [],
    ],
  ];
  it.each(steps)('%s', (_title, prepare, expected) => {
    const timeline = withGoal();
    prepare(timeline);
    expect(decide(timeline, rules, nowMs).cuts.map((cut) => cut.stage)).toEqual(expected);
  });

  it('brings another score into the sidecar once the moment has settled', () => {
    const timeline = withGoal({ count: 12, hasEnded: true });
    make(timeline, 'whole');
    timeline.moments[0]!.made!.of = { ...timeline.moments[0]!.made!.of, score: 0.5 };
    for (const segment of timeline.segments) if (segment.fine === 'sent') segment.fine = 'over';
    expect(decide(timeline, rules, nowMs).cuts.map((cut) => cut.stage)).toEqual(['whole']);
  });

  it('have ids that follow from the moment, the number and the stage', () => {
    const [cut] = decide(withGoal(), rules, nowMs).cuts;
    expect(cutJobId(cut!)).toMatch(/^cut-[0-9a-z]{16}-1-fast$/);
  });

  it('end after nine while the moment keeps moving, and the last one is made when it has settled', () => {
    const timeline = withGoal();
    make(timeline, 'whole');
    const [moment] = timeline.moments;
    moment!.made!.of = { ...moment!.made!.of, inMs: 0 };
    moment!.cutCount = 8;
    expect(decide(timeline, rules, nowMs).cuts).toHaveLength(1);
    moment!.cutCount = 9;
    expect(decide(timeline, rules, nowMs).cuts).toHaveLength(0);
    timeline.end = { segmentCount: timeline.segments.length, atMs: nowMs };
    for (const segment of timeline.segments) segment.fine = 'over';
    expect(decide(timeline, rules, nowMs).cuts).toHaveLength(1);
  });
});

describe('the end of a run', () => {
  it('leaves nothing open: each segment ends as clip, no-clip or dead', () => {
    const timeline = withGoal({ count: 20, hasEnded: true });
    timeline.segments[15]!.coarse = { kind: 'dead', reason: 'corrupt: half of it' };
    const closed = playOut(timeline);
    expect(Object.values(Object.fromEntries(closed))).toHaveLength(20);
    expect(new Set(closed.map(([, state]) => state))).toEqual(new Set(['clip', 'no-clip', 'dead']));
    const inClip = closed.filter(([, state]) => state === 'clip').map(([seq]) => seq);
    // In 10 s or more before the peak at 26 s, out 6 s or more behind it.
    expect(inClip).toEqual(expect.arrayContaining([4, 5, 6, 7]));
    expect(closed).toContainEqual([15, 'dead']);
  });

  it('is not reached while a result, a fine pass or a cut is out', () => {
    const timeline = withGoal({ count: 20, hasEnded: true });
    timeline.segments[19]!.coarse = undefined;
    expect(decide(timeline, rules, nowMs).isFinished).toBe(false);
    timeline.segments[19]!.coarse = { kind: 'found' };
    timeline.segments[19]!.fine = 'sent';
    expect(decide(timeline, rules, nowMs).isFinished).toBe(false);
    timeline.segments[19]!.fine = 'over';
    carryOut(timeline);
    expect(decide(timeline, rules, nowMs).isFinished).toBe(false);
  });

  it('is reached at once by a run without segments', () => {
    const timeline = newTimeline({ ...run, sport: 'soccer' });
    expect(decide(timeline, rules, nowMs).isFinished).toBe(false);
    timeline.end = { segmentCount: 0, atMs: nowMs };
    expect(decide(timeline, rules, nowMs).isFinished).toBe(true);
  });

  it('gives a segment that was never announced 15 s, and then ends without it', () => {
    const timeline = timelineOf(6);
    timeline.end = { segmentCount: 7, atMs: nowMs };
    expect(decide(timeline, rules, nowMs + lateMsMax - 1).isFinished).toBe(false);
    expect(decide(timeline, rules, nowMs + lateMsMax).isFinished).toBe(true);
  });

  it('marks the segments of a clip that could not be made as dead, with the reason', () => {
    const timeline = withGoal({ count: 20, hasEnded: true });
    fail(timeline, 'exact');
    const closed = playOut(timeline);
    expect(closed).toContainEqual([6, 'dead']);
    expect(closed.filter(([, state]) => state === 'clip')).toEqual([]);
  });
});

describe('a long run', () => {
  it('holds the recent past alone, and finds what it would find with all of it', () => {
    const timeline = newTimeline({ ...run, sport: 'soccer' });
    const found = new Set<number>();
    let heldMax = 0;
    for (let seq = 0; seq < 600; seq += 1) {
      addSegment(timeline, segmentOf(run, seq));
      const segment = timeline.segments.at(-1)!;
      Object.assign(segment, { coarse: { kind: 'found' }, resolvedAtMs: nowMs });
      if (seq % 50 === 25) segment.spots = [goalAt(seq * 4000 + 2000)];
      for (const { moment } of carryOut(timeline).moments) found.add(moment.peakMs);
      for (let round = 0; round < 4; round += 1) {
        for (const one of timeline.segments) if (one.fine === 'sent') one.fine = 'over';
        for (const one of timeline.moments) {
          if (one.cut) Object.assign(one, { made: { stage: one.cut.stage, of: one.cut.of }, cut: undefined });
        }
        carryOut(timeline);
      }
      heldMax = Math.max(heldMax, timeline.segments.length);
    }
    expect([...found]).toEqual(Array.from({ length: 12 }, (_, nth) => (nth * 50 + 25) * 4000 + 2000));
    // 10 of the 40 minutes, whatever the length.
    expect(heldMax).toBeLessThan(150);
    expect(timeline.moments.length).toBeLessThan(5);
  });
});

describe('deciding twice', () => {
  it('decides nothing more once what was decided is in the timeline', () => {
    const timeline = withGoal({ count: 20, hasEnded: true });
    carryOut(timeline);
    const again = decide(timeline, rules, nowMs);
    const { moments, withdrawn, fine, cuts, closed, late } = again;
    expect({ moments, withdrawn, fine, cuts, closed, late }).toEqual({
      moments: [],
      withdrawn: [],
      fine: [],
      cuts: [],
      closed: [],
      late: [],
    });
  });
});

/** `count` segments of 4 s, all results in since `nowMs` but those of `out`. */
function timelineOf(count: number, about: { out?: number[] } = {}): Timeline {
  const timeline = newTimeline({ ...run, sport: 'soccer' });
  for (let seq = 0; seq < count; seq += 1) {
    addSegment(timeline, segmentOf(run, seq));
    const segment = timeline.segments.at(-1)!;
    if (!about.out?.includes(seq)) {
      Object.assign(segment, { coarse: { kind: 'found' }, resolvedAtMs: nowMs });
    }
  }
  return timeline;
}

/** A goal 2 s into segment 6, found but not cut. */
function withGoal(about: { count?: number; hasEnded?: boolean } = {}): Timeline {
  const timeline = timelineOf(about.count ?? 12);
  timeline.segments[6]!.spots = [goalAt(26_000)];
  if (about.hasEnded) timeline.end = { segmentCount: timeline.segments.length, atMs: nowMs };
  return timeline;
}

function carryOut(timeline: Timeline): Decision {
  const decision = decide(timeline, rules, nowMs);
  applyDecision(timeline, decision, rules);
  return decision;
}

function make(timeline: Timeline, stage: 'fast' | 'exact' | 'whole'): void {
  carryOut(timeline);
  const one = timeline.moments[0]!;
  Object.assign(one, { cut: undefined, made: { stage, of: shownOf(one.moment) } });
}

function fail(timeline: Timeline, stage: 'fast' | 'exact'): void {
  carryOut(timeline);
  const one = timeline.moments[0]!;
  Object.assign(one, {
    cut: undefined,
    failure: { stage, of: shownOf(one.moment), reason: 'no-media: none' },
  });
}

/** Every cut is made and every fine pass comes back empty, until the run has finished. */
function playOut(timeline: Timeline): [number, string][] {
  const closed: [number, string][] = [];
  for (let round = 0; round < 20; round += 1) {
    const decision = carryOut(timeline);
    closed.push(
      ...decision.closed.map(({ segment, state }): [number, string] => [segment.record.seq, state]),
    );
    if (decision.isFinished) return closed;
    for (const segment of timeline.segments) if (segment.fine === 'sent') segment.fine = 'over';
    for (const one of timeline.moments) {
      if (one.cut) Object.assign(one, { made: { stage: one.cut.stage, of: one.cut.of }, cut: undefined });
    }
  }
  throw new Error('the run does not end');
}

function goalAt(atMs: number): Spot {
  return { atMs, label: 'goal', confidence: 1, source: 'test', durationMs: 0, evidence: {} };
}
