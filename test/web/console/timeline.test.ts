import { describe, expect, it } from 'vitest';

import { columnsOf, indexAt, peakNear, valueAt } from '../../../web/console/timeline/curve.ts';
import { move, pinch, press, release } from '../../../web/console/timeline/gesture.ts';
import { boxesOf, hit, rowsOf, stepMoment } from '../../../web/console/timeline/hit-areas.ts';
import { filmSlots, isIn, lanesOf, rowAtY, valueAtY, yOfValue } from '../../../web/console/timeline/lanes.ts';
import { ticksOf } from '../../../web/console/timeline/ticks.ts';
import {
  fit,
  fitTo,
  grow,
  makeView,
  pan,
  reveal,
  spanMsOf,
  timeAt,
  xOf,
  zoomAt,
} from '../../../web/console/timeline/time-view.ts';
import type { TimelineData, TimelineMoment } from '../../../web/console/timeline/timeline-data.ts';
import { sayAt, timelineKey } from '../../../web/console/timeline/timeline-keys.ts';

const minute = 60_000;
const match = makeView({ fromMs: 0, toMs: 90 * minute }, 1000);

describe('the view of a timeline', () => {
  it('shows all there is at first, with a little room at the end', () => {
    expect(match.fromMs).toBe(0);
    expect(xOf(match, 90 * minute)).toBeCloseTo(950);
  });

  it('keeps what lies under the pointer under it while it zooms', () => {
    const under = timeAt(match, 430);
    const near = zoomAt(match, 430, 0.25);
    expect(timeAt(near, 430)).toBeCloseTo(under, 3);
    expect(spanMsOf(near)).toBeCloseTo(spanMsOf(match) / 4);
  });

  it.each([
    ['out beyond all there is', 100, spanMsOf(match)],
    ['in beyond two seconds', 1e-9, 2_000],
  ])('does not zoom %s', (_what, factor, spanMs) => {
    expect(spanMsOf(zoomAt(match, 500, factor))).toBeCloseTo(spanMs);
  });

  it('is panned no further than its ends, and keeps its span there', () => {
    const near = zoomAt(match, 0, 0.1);
    expect(pan(near, 5_000).fromMs).toBe(0);
    const right = pan(near, -50_000);
    expect(right.toMs).toBeCloseTo(90 * minute + spanMsOf(near) * 0.05);
    expect(spanMsOf(right)).toBeCloseTo(spanMsOf(near));
  });

  it('grows at its live end without moving what somebody looks at', () => {
    const looking = zoomAt(match, 300, 0.1);
    const grown = grow(looking, { fromMs: 0, toMs: 91 * minute });
    expect([grown.fromMs, grown.toMs]).toEqual([looking.fromMs, looking.toMs]);
  });

  it('goes with the live end for whoever looks at it, by as much as has come', () => {
    const atEdge = pan(zoomAt(match, 1000, 0.1), -99_999);
    const grown = grow(atEdge, { fromMs: 0, toMs: 90 * minute + 4_000 });
    expect(grown.toMs - atEdge.toMs).toBeCloseTo(4_000);
    expect(spanMsOf(grown)).toBeCloseTo(spanMsOf(atEdge));
  });

  it('goes on to show all for whoever looks at all', () => {
    const grown = grow(match, { fromMs: 0, toMs: 100 * minute }, 500);
    expect(xOf(grown, 100 * minute)).toBeCloseTo(475);
    expect(grown).toEqual(fit(grown));
  });

  it('moves to a time out of sight, and not for one in sight', () => {
    const near = zoomAt(match, 0, 0.1);
    expect(reveal(near, near.toMs - 1)).toBe(near);
    const moved = reveal(near, 60 * minute);
    expect(xOf(moved, 60 * minute)).toBeCloseTo(900);
  });

  it('fits a moment with room to both sides', () => {
    const near = fitTo(match, { fromMs: 40 * minute, toMs: 41 * minute });
    expect(xOf(near, 40.5 * minute)).toBeCloseTo(500);
    expect(spanMsOf(near)).toBeCloseTo(96_000);
  });

  it('stands on its feet with nothing to show', () => {
    const empty = makeView({ fromMs: 0, toMs: 0 }, 0);
    expect(Number.isFinite(timeAt(zoomAt(pan(empty, 3), 0, 2), 5))).toBe(true);
  });
});

describe('the grid of time', () => {
  it('lies on round times with labels that have room', () => {
    const labelled = ticksOf(match).filter(({ label }) => label !== '');
    expect(labelled.map(({ label }) => label).slice(0, 3)).toEqual(['0:00', '10:00', '20:00']);
    const steps = labelled.slice(1).map(({ xPx }, nth) => xPx - (labelled[nth]?.xPx ?? 0));
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(84);
  });

  it('shows tenths where it is that fine', () => {
    const fine = ticksOf(makeView({ fromMs: 61_000, toMs: 61_000 }, 2_000));
    expect(fine.map(({ label }) => label)).toContain('1:01.1');
  });

  it('stays with the picture while the view moves', () => {
    const near = zoomAt(match, 400, 0.1);
    const moved = pan(near, -33);
    const shared = ticksOf(moved).filter(({ atMs }) => ticksOf(near).some((tick) => tick.atMs === atMs));
    expect(shared.length).toBeGreaterThan(3);
    for (const { atMs, xPx } of shared) expect(xPx).toBeCloseTo(xOf(near, atMs) - 33);
  });
});

describe('the curve', () => {
  const curve = { atMs: [0, 1000, 2000, 3000, 9000], values: [0.1, 0.9, 0.2, Number.NaN, 0.4] };

  it.each([
    [-1, -1],
    [0, 0],
    [999, 0],
    [1000, 1],
    [99_999, 4],
  ])('at %i ms finds the point before: %i', (atMs, index) => expect(indexAt(curve, atMs)).toBe(index));

  it('has the value of the nearest point, and none far from any or where nothing is known', () => {
    expect(valueAt(curve, 1_400)).toBe(0.9);
    expect(valueAt(curve, 1_600)).toBe(0.2);
    expect(valueAt(curve, 3_000)).toBeUndefined();
    expect(valueAt(curve, 20_000)).toBeUndefined();
    expect(valueAt({ atMs: [], values: [] }, 0)).toBeUndefined();
  });

  it('loses no peak, however far one is out', () => {
    const long = {
      atMs: [...Array(9_000).keys()].map((n) => n * 500),
      values: Array<number>(9_000).fill(0.1),
    };
    long.values[4_321] = 1;
    const columns = columnsOf(long, makeView({ fromMs: 0, toMs: 4_500_000 }, 300));
    expect(columns.length).toBeLessThanOrEqual(301);
    expect(Math.max(...columns.map(({ value }) => value))).toBe(1);
  });

  it('knows which peak was meant', () => {
    expect(peakNear(curve, 1_700, 1_000)).toBe(1000);
    expect(peakNear(curve, 6_000, 1_000)).toBeUndefined();
  });
});

const moment = (id: string, inMs: number, outMs: number): TimelineMoment => ({
  id,
  clipId: id,
  label: 'goal',
  score: 0.9,
  tone: 'undecided',
  isByHand: false,
  inMs,
  peakMs: (inMs + outMs) / 2,
  outMs,
});

describe('what can be pointed at', () => {
  it('is drawn 6 px wide at least and can be hit 24 px wide', () => {
    const [box] = boxesOf(match, [moment('a', 30 * minute, 30 * minute + 200)]);
    expect((box?.x1Px ?? 0) - (box?.x0Px ?? 0)).toBeCloseTo(6);
    const middle = xOf(match, 30 * minute + 100);
    const boxes = box ? [box] : [];
    expect(hit(boxes, middle + 11.9)?.id).toBe('a');
    expect(hit(boxes, middle - 12.1)).toBeUndefined();
  });

  it('is the nearer of two', () => {
    const boxes = boxesOf(match, [
      moment('a', 30 * minute, 30.1 * minute),
      moment('b', 31 * minute, 31.1 * minute),
    ]);
    expect(hit(boxes, xOf(match, 30.2 * minute))?.id).toBe('a');
    expect(hit(boxes, xOf(match, 30.9 * minute))?.id).toBe('b');
  });

  it('is not there when it is out of sight', () => {
    expect(boxesOf(zoomAt(match, 0, 0.1), [moment('a', 80 * minute, 81 * minute)])).toEqual([]);
  });

  it('is walked through in the order of time', () => {
    const moments = [moment('late', 5_000, 6_000), moment('early', 1_000, 2_000)];
    expect(stepMoment(moments, 0, 1)?.id).toBe('early');
    expect(stepMoment(moments, 1_000, 1)?.id).toBe('late');
    expect(stepMoment(moments, 5_000, -1)?.id).toBe('early');
    expect(stepMoment(moments, 5_000, 1)).toBeUndefined();
  });
});

describe('moments at one time', () => {
  it('lie in rows of their own, whatever the zoom, and the fourth shares the third row', () => {
    const long = moment('long', 0, 60_000);
    const { rowOf, count } = rowsOf([moment('b', 10_000, 20_000), long, moment('c', 20_000, 30_000)]);
    expect([rowOf.get('long'), rowOf.get('b'), rowOf.get('c'), count]).toEqual([0, 1, 1, 2]);
    const four = ['a', 'b', 'c', 'd'].map((id) => moment(id, 0, 1_000));
    expect(rowsOf(four).count).toBe(3);
    expect(boxesOf(match, four).map(({ row }) => row)).toEqual([0, 1, 2, 2]);
    expect(rowsOf([]).count).toBe(1);
  });

  it('are told apart by height', () => {
    const { moments } = lanesOf(false, 2);
    expect([0, 25.9, 26].map((y) => rowAtY(moments, moments.topPx + y))).toEqual([0, 0, 1]);
    expect(isIn(moments, moments.topPx + 2 * 26)).toBe(true);
  });
});

describe('the lanes', () => {
  it.each([true, false])('lie one below the other (compact: %s)', (isCompact) => {
    const { ruler, curve, film, moments, heightPx } = lanesOf(isCompact);
    const inOrder = [ruler, curve, film, moments];
    for (const [nth, lane] of inOrder.entries()) {
      const next = inOrder[nth + 1];
      expect(lane.topPx + lane.heightPx).toBeLessThanOrEqual(next?.topPx ?? heightPx);
    }
    expect(moments.heightPx).toBeGreaterThanOrEqual(24);
    expect(isIn(film, film.topPx)).toBe(true);
    expect(isIn(film, film.topPx + film.heightPx)).toBe(false);
  });

  it('turn a height into a value and back, held between 0 and 1', () => {
    const { curve } = lanesOf(false);
    for (const value of [0, 0.37, 1]) expect(valueAtY(curve, yOfValue(curve, value))).toBeCloseTo(value);
    expect(valueAtY(curve, -50)).toBe(1);
    expect(valueAtY(curve, 999)).toBe(0);
  });

  it('show stills that keep their times while the view moves', () => {
    const near = zoomAt(match, 400, 0.05);
    const slots = filmSlots(near, 96, 4_000);
    expect(slots.every(({ widthPx }) => widthPx >= 96)).toBe(true);
    const times = new Set(filmSlots(pan(near, -40), 96, 4_000).map(({ atMs }) => atMs));
    expect(slots.slice(1, -1).every(({ atMs }) => times.has(atMs) || atMs < near.fromMs + 60_000)).toBe(true);
  });
});

describe('a pointer on the timeline', () => {
  const free = { clipping: false, onThreshold: false };

  it('clicks as long as it does not leave its place', () => {
    const [still, nothing] = move(press({ xPx: 10, yPx: 5 }, free), { xPx: 14, yPx: 5 });
    expect(nothing).toBeUndefined();
    expect(release(still, { xPx: 14, yPx: 5 })[1]).toMatchObject({ do: 'click' });
  });

  it('pans beyond that, and does not click at its end', () => {
    const [panning, deed] = move(press({ xPx: 10, yPx: 5 }, free), { xPx: 15, yPx: 5 });
    expect(deed).toEqual({ do: 'pan', byPx: 5 });
    expect(release(panning, { xPx: 15, yPx: 5 })).toEqual([{ mode: 'idle' }]);
  });

  it('marks a clip in either direction', () => {
    const [clipping] = move(press({ xPx: 90, yPx: 5 }, { ...free, clipping: true }), { xPx: 40, yPx: 5 });
    expect(release(clipping, { xPx: 30, yPx: 5 })[1]).toEqual({
      do: 'stretch',
      fromXPx: 30,
      toXPx: 90,
      isDone: true,
    });
  });

  it('makes no clip of Shift and a click', () => {
    const pressed = press({ xPx: 90, yPx: 5 }, { ...free, clipping: true });
    expect(release(pressed, { xPx: 92, yPx: 5 })[1]).toMatchObject({ do: 'stretch', isDone: false });
  });

  it('drags the threshold and says when it is let go of', () => {
    const [held, deed] = move(press({ xPx: 9, yPx: 5 }, { ...free, onThreshold: true }), { xPx: 9, yPx: 50 });
    expect(deed).toEqual({ do: 'threshold', yPx: 50, isDone: false });
    expect(release(held, { xPx: 9, yPx: 60 })[1]).toEqual({ do: 'threshold', yPx: 60, isDone: true });
  });

  it('zooms by two fingers and follows their middle', () => {
    const [pinching] = pinch({ mode: 'idle' }, { xPx: 100, yPx: 0 }, { xPx: 200, yPx: 0 });
    const [, deed] = pinch(pinching, { xPx: 60, yPx: 0 }, { xPx: 260, yPx: 0 });
    expect(deed).toEqual({ do: 'zoom', xPx: 160, factor: 0.5, byPx: 10 });
  });
});

const key = (name: string, shiftKey = false) => ({
  key: name,
  shiftKey,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
});
const label = (atMs: number) => `${atMs / 1000} s`;

describe('the keys of the timeline', () => {
  const data: TimelineData = {
    fromMs: 0,
    toMs: 90 * minute,
    isLive: false,
    signals: [],
    curve: { atMs: [0, 600_000], values: [0.1, 0.84] },
    moments: [moment('a', 595_000, 610_000), moment('b', 700_000, 710_000)],
    gaps: [{ fromMs: 20_000, toMs: 30_000, why: 'no media for 10 s' }],
  };
  const standing = (playheadMs: number, more = {}) => ({
    data,
    playheadMs,
    selectedId: undefined,
    view: match,
    stretch: undefined,
    onClip: () => {},
    ...more,
  });

  it('make a clip from the playhead on, to either side', () => {
    const begun = timelineKey(key('c'), standing(600_000));
    expect(begun?.stretch).toEqual({ fromMs: 600_000, toMs: 600_000 });
    const right = timelineKey(key('ArrowRight'), standing(600_000, begun));
    expect(right?.stretch).toEqual({ fromMs: 600_000, toMs: right?.seekMs });
    const made = timelineKey(key('Enter'), standing(right?.seekMs ?? 0, right));
    expect(made?.clip).toEqual({ inMs: 600_000, outMs: right?.seekMs });
    const left = timelineKey(key('ArrowLeft'), standing(600_000, begun));
    const further = timelineKey(key('ArrowLeft'), standing(left?.seekMs ?? 0, left));
    expect(further?.stretch).toEqual({ fromMs: further?.seekMs, toMs: 600_000 });
    expect(timelineKey(key('Escape'), standing(0, begun))).toEqual({ stretch: undefined });
  });

  it('make none for somebody who may not', () => {
    expect(timelineKey(key('c'), standing(0, { onClip: undefined }))).toBeUndefined();
  });

  it('stay within what there is', () => {
    expect(timelineKey(key('ArrowLeft'), standing(0))?.seekMs).toBe(0);
    expect(timelineKey(key('ArrowRight', true), standing(90 * minute))?.seekMs).toBe(90 * minute);
  });

  it('walk the moments and open one', () => {
    const first = timelineKey(key('PageDown'), standing(0));
    expect(first?.moment?.id).toBe('a');
    const selected = standing(0, { selectedId: 'a' });
    expect(timelineKey(key('PageDown'), selected)?.moment?.id).toBe('b');
    expect(timelineKey(key('Enter'), selected)).toMatchObject({ moment: { id: 'a' }, isOpened: true });
  });

  it('leave the browser its own', () => {
    expect(timelineKey({ ...key('c'), ctrlKey: true }, standing(0))).toBeUndefined();
    expect(timelineKey(key('Tab'), standing(0))).toBeUndefined();
  });

  it('are answered in words', () => {
    expect(sayAt(data, 600_000, label)).toBe('600 s, excitement 0.84, goal undecided');
    expect(sayAt(data, 25_000, label)).toBe('25 s, no media');
  });
});
