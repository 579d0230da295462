import { describe, expect, it } from 'vitest';

import { cropWindow, draggedX } from '../../../web/console/pages/editor/crop-window.ts';
import {
  frameAtMs,
  frameAtVideoTime,
  type FrameClock,
  frameLabel,
  msOfFrame,
  cutTicksOf,
  frameOfCut,
  nearestFrame,
  videoTimeOfFrame,
} from '../../../web/console/pages/editor/frame-clock.ts';
import { changeWords } from '../../../web/console/pages/editor/history-words.ts';
import { mergeEdits } from '../../../web/console/pages/editor/merge-edits.ts';
import { soundOf } from '../../../web/console/pages/editor/read-sound.ts';
import { parseTimeEntry } from '../../../web/console/pages/editor/time-entry.ts';
import { limitsOf } from '../../../web/console/pages/editor/trim-limits.ts';
import { markIn, markOut, moved, withIn, withOut } from '../../../web/console/pages/editor/trim.ts';
import {
  changed,
  redone,
  settled,
  undone,
  undoStackOf,
} from '../../../web/console/pages/editor/undo-stack.ts';

const rates = [
  { num: 25, den: 1 },
  { num: 30_000, den: 1001 },
  { num: 50, den: 1 },
  { num: 60_000, den: 1001 },
  { num: 24_000, den: 1001 },
];

describe.each(rates)('frames at $num/$den', (rate) => {
  const clock: FrameClock = { startMs: 61_237, rate, frameCount: 2_000, gaps: [] };

  it('are found again from their beginning, their middle, and whole ms', () => {
    for (let frame = 0; frame < clock.frameCount; frame += 1) {
      expect(frameAtMs(clock, msOfFrame(clock, frame))).toBe(frame);
      expect(nearestFrame(clock, Math.round(msOfFrame(clock, frame)))).toBe(frame);
      const { in90k, out90k } = cutTicksOf(clock, { inFrame: frame, outFrame: frame });
      expect([frameOfCut(clock, in90k), frame === 0 ? 0 : frameOfCut(clock, out90k)]).toEqual([frame, frame]);
      // A feed over RTMP has its pictures at whole ms.
      const inFeed = (nth: number) => Math.round(msOfFrame(clock, nth)) * 90;
      expect(Math.max(in90k, out90k) <= inFeed(frame) || frame === 0).toBe(true);
      expect(Math.min(in90k, out90k)).toBeGreaterThan(inFeed(frame - 1));
      expect(frameOfCut(clock, inFeed(frame))).toBe(frame);
      expect(frameAtVideoTime(clock, videoTimeOfFrame(clock, frame))).toBe(frame);
    }
  });

  it('are named so that reading the name gives the same frame', () => {
    const names = new Set<string>();
    for (let frame = 0; frame < clock.frameCount; frame += 1) {
      const name = frameLabel(clock, frame);
      names.add(name);
      expect(parseTimeEntry(name, clock, 0)).toBe(frame);
    }
    expect(names.size).toBe(clock.frameCount);
  });
});

describe('a gap, which the file has closed up', () => {
  const gaps = [
    { fromMs: 12_000, toMs: 15_500 },
    { fromMs: 20_000, toMs: 20_900 },
  ];
  const clock: FrameClock = { startMs: 10_000, rate: { num: 25, den: 1 }, frameCount: 400, gaps };

  it('moves what lies behind it', () => {
    expect([0, 49, 50, 162, 163].map((frame) => msOfFrame(clock, frame))).toEqual([
      10_000, 11_960, 15_500, 19_980, 20_920,
    ]);
  });

  it('is where its first frame behind is found', () => {
    expect([11_999, 12_001, 15_499, 15_500, 15_540].map((at) => frameAtMs(clock, at))).toEqual([
      49, 50, 50, 50, 51,
    ]);
    expect(nearestFrame(clock, 14_000)).toBe(50);
  });

  it('holds neither end of a clip', () => {
    expect(cutTicksOf(clock, { inFrame: 50, outFrame: 60 }).in90k).toBe(15_500 * 90);
    const { out90k } = cutTicksOf(clock, { inFrame: 40, outFrame: 50 });
    expect(out90k).toBe(11_980 * 90);
    expect(frameOfCut(clock, out90k)).toBe(50);
  });

  it('is gone through frame by frame by their names', () => {
    for (let frame = 0; frame < clock.frameCount; frame += 1) {
      expect(parseTimeEntry(frameLabel(clock, frame), clock, 0)).toBe(frame);
      const { in90k, out90k } = cutTicksOf(clock, { inFrame: frame, outFrame: frame + 1 });
      expect([frameOfCut(clock, in90k), frameOfCut(clock, out90k)]).toEqual([frame, frame + 1]);
    }
  });
});

describe('what is typed for a time', () => {
  const clock: FrameClock = { startMs: 0, rate: { num: 25, den: 1 }, frameCount: 1_000_000, gaps: [] };

  it.each([
    ['+12', 112],
    ['-3', 97],
    ['+1s', 125],
    ['-1s', 75],
    ['+1.5s', 138],
    ['+1,5 s', 138],
    [' +2f ', 102],
    ['0:10', 250],
    ['73:12', 73 * 60 * 25 + 300],
    ['73:12:10', 73 * 60 * 25 + 310],
    ['1:13:12:10', 73 * 60 * 25 + 310],
    ['0:10;05', 255],
  ])('%s from frame 100 is frame %i', (text, frame) => expect(parseTimeEntry(text, clock, 100)).toBe(frame));

  it.each(['', '12', 'soon', '+', '+1.5', '0:60', '0:10:25', '1:60:00:00', '+-1', '1:2:3:4:5'])(
    '%j is not understood',
    (text) => expect(parseTimeEntry(text, clock, 100)).toBeUndefined(),
  );
});

describe('the ends of a clip', () => {
  const limits = { frameCount: 1_000, lengthMin: 10, lengthMax: 400 };
  const trim = { inFrame: 100, outFrame: 200 };

  it.each([
    [150, 150],
    [190, 190],
    [191, 190],
    [-5, 0],
  ])('in is taken to %i and stops at %i', (frame, inFrame) =>
    expect(withIn(trim, frame, limits)).toEqual({ inFrame, outFrame: 200 }),
  );

  it.each([
    [110, 110],
    [109, 110],
    [500, 500],
    [501, 500],
  ])('out is taken to %i and stops at %i', (frame, outFrame) =>
    expect(withOut(trim, frame, limits)).toEqual({ inFrame: 100, outFrame }),
  );

  it('out stops at the last frame there is', () => {
    expect(withOut({ inFrame: 900, outFrame: 950 }, 2_000, limits).outFrame).toBe(1_000);
  });

  it('move together and keep their length', () => {
    expect(moved(trim, -500, limits)).toEqual({ inFrame: 0, outFrame: 100 });
    expect(moved(trim, 5_000, limits)).toEqual({ inFrame: 900, outFrame: 1_000 });
  });

  it('a mark beyond the other end takes the clip along', () => {
    expect(markIn(trim, 300, limits)).toEqual({ inFrame: 300, outFrame: 400 });
    expect(markOut(trim, 49, limits)).toEqual({ inFrame: 0, outFrame: 50 });
    expect(markOut(trim, 199, limits)).toEqual(trim);
    expect(markIn(trim, 999, limits)).toEqual({ inFrame: 990, outFrame: 1_000 });
  });
});

describe('taking back', () => {
  it('goes back and forth, and a drag is one step', () => {
    let stack = undoStackOf(0);
    stack = changed(stack, 1, 'in');
    stack = changed(stack, 2, 'in');
    stack = changed(settled(stack), 3, 'in');
    stack = changed(stack, 9, 'title');
    const seen = [stack.now];
    for (let nth = 0; nth < 4; nth += 1) {
      stack = undone(stack);
      seen.push(stack.now);
    }
    expect(seen).toEqual([9, 3, 2, 0, 0]);
    expect(redone(redone(stack)).now).toBe(3);
  });

  it('forgets what was taken back once something new is done, and takes no step for nothing', () => {
    const stack = changed(undone(changed(undoStackOf({ a: 1 }), { a: 2 })), { a: 3 });
    expect(redone(stack).now).toEqual({ a: 3 });
    expect(changed(stack, { a: 3 })).toBe(stack);
  });
});

describe('the window of a crop', () => {
  const picture = { widthPx: 1920, heightPx: 1080 };

  it.each([
    ['9:16', 0, 0, 607.5],
    ['9:16', 1, 1312.5, 607.5],
    ['1:1', 0.5, 420, 1080],
    ['16:9', 0.3, 0, 1920],
  ] as const)('%s at %d begins at %d and is %d wide', (aspect, x, leftPx, widthPx) => {
    expect(cropWindow(picture, aspect, x)).toMatchObject({ leftPx, widthPx, topPx: 0, heightPx: 1080 });
  });

  it('of a picture that is narrower takes the middle in height', () => {
    const window = cropWindow({ widthPx: 400, heightPx: 1000 }, '1:1', 0.5);
    expect(window).toEqual({ leftPx: 0, topPx: 300, widthPx: 400, heightPx: 400 });
  });

  it('goes with the hand and stops at the edges', () => {
    expect(draggedX(picture, '9:16', 0.5, 131.25)).toBe(0.6);
    expect(draggedX(picture, '9:16', 0.5, 9_999)).toBe(1);
    expect(draggedX(picture, '16:9', 0.5, 100)).toBe(0.5);
  });
});

describe('two editors at once', () => {
  const base = { title: 'Goal', tags: ['a'], inFrame: 1 };

  it('lose nothing where they changed different things', () => {
    const { merged, theirs, disputed } = mergeEdits(
      base,
      { ...base, title: 'Mine' },
      { ...base, inFrame: 5 },
    );
    expect(merged).toEqual({ title: 'Mine', tags: ['a'], inFrame: 5 });
    expect([theirs, disputed]).toEqual([['inFrame'], []]);
  });

  it('are told what both changed, unless they mean the same', () => {
    const { disputed, merged } = mergeEdits(
      base,
      { ...base, title: 'Mine', tags: ['b'] },
      { ...base, title: 'Theirs', tags: ['b'] },
    );
    expect(disputed).toEqual(['title']);
    expect(merged.title).toBe('Mine');
  });
});

describe('the sound', () => {
  it('is as loud as the loudest of its channels, in the middle of each pixel', () => {
    const wave = {
      channels: 2,
      sample_rate: 8_000,
      samples_per_pixel: 80,
      bits: 8,
      data: [-64, 32, 0, 127],
    } as const;
    const { atMs, values } = soundOf(
      { ...wave, data: [...wave.data, -128, 0, 0, 0, 5] },
      (fileMs) => 1_000 + fileMs,
    );
    expect(atMs).toEqual([1_005, 1_015]);
    expect(values).toEqual([127 / 128, 1]);
  });
});

describe('the length that a clip may have', () => {
  it('is at least a frame and half a second, and ten minutes at most', () => {
    const clock = { startMs: 0, rate: { num: 30_000, den: 1001 }, frameCount: 4_000, gaps: [] };
    expect(limitsOf(clock)).toEqual({ frameCount: 4_000, lengthMin: 15, lengthMax: 17_982 });
  });
});

describe('the history of a clip', () => {
  const clock = { startMs: 0, rate: { num: 25, den: 1 }, frameCount: 4_000, gaps: [] };
  const before = {
    version: 1,
    by: 'Ben',
    atMs: 0,
    what: 'saved' as const,
    in90k: 90_000,
    out90k: 900_000,
    cropVertical: 0.5,
    cropSquare: 0.5,
    title: '',
    tags: [],
  };

  it.each([
    [{ in90k: 90_000 + 3 * 3_600 }, 'in 3 frames later'],
    [{ out90k: 900_000 - 3_600, title: 'Goal' }, 'out 1 frame earlier, title'],
    [{ cropVertical: 0.6, tags: ['a'] }, 'crop 9:16, tags'],
    [{}, 'no change'],
    [{ what: 'reset' as const }, 'back to what was found'],
    [{ what: 'recut' as const }, 'cut again'],
  ])('says of %j: %s', (change, words) => {
    expect(changeWords({ ...before, version: 2, ...change }, before, clock)).toBe(words);
  });
});
