import { describe, expect, it } from 'vitest';

import { planClip, type ClipPlan, type ClipRequest, type PlanPicture } from '../../clipper/clip-plan.ts';

const config = {};

/** Decode order I P B B, as display times in frames, with an IDR every `gop` pictures (a multiple of 3, plus 1). */
function feed(options: {
  gops: number;
  period90k: number;
  startsAt90k?: number;
  round?: (ticks: number) => number;
  config?: object;
  stretch?: number;
}): PlanPicture[] {
  const { gops, period90k, startsAt90k = 0, round = Math.round, stretch = 0 } = options;
  const order = [0, 3, 1, 2, 6, 4, 5];
  return Array.from({ length: gops }, (_, gop) =>
    order.map((frame) => ({
      pts90k: round(startsAt90k + (gop * 7 + frame) * period90k),
      isIdr: frame === 0,
      config: options.config ?? config,
      stretch,
    })),
  ).flat();
}

const fps25 = 3600;
const toWholeMs = (ticks: number): number => Math.round(ticks / 90) * 90;

function shownFrames(plan: ClipPlan, pictures: readonly PlanPicture[], period90k = fps25): number[] {
  return plan.pictures.map(({ source }) => Math.round((pictures[source]?.pts90k ?? 0) / period90k));
}

function exact(in90k: number, out90k: number): ClipRequest {
  return { revision: 'exact', in90k, out90k };
}

const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, nth) => from + nth);

describe('the pictures of an exact clip', () => {
  const pictures = feed({ gops: 4, period90k: fps25 });

  it.each([
    ['on two frames', 9 * fps25, 20 * fps25, upTo(9, 20)],
    ['one tick behind a frame starts at the next', 9 * fps25 + 1, 20 * fps25, upTo(10, 20)],
    ['one tick before a frame starts at it', 9 * fps25 - 1, 20 * fps25, upTo(9, 20)],
    ['out is exclusive', 9 * fps25, 20 * fps25 + 1, upTo(9, 21)],
    ['a single frame', 9 * fps25, 9 * fps25 + 1, [9]],
    ['all that exists', 0, 28 * fps25, upTo(0, 28)],
    ['more than exists is moved into it', -100_000, 1_000_000, upTo(0, 28)],
  ])('%s', (_title, in90k, out90k, frames) => {
    const plan = planClip(exact(in90k, out90k), { pictures, gaps: [] });
    expect(shownFrames(plan, pictures)).toEqual(frames);
    expect(plan.in90k).toBe((frames[0] ?? 0) * fps25);
    expect(plan.out90k).toBe(((frames.at(-1) ?? 0) + 1) * fps25);
    expect(plan.pictures.map(({ at }) => at)).toEqual(frames.map((_, nth) => nth * 1000));
    expect(plan.duration).toBe(frames.length * 1000);
  });

  it('a clip that starts before the first segment is moved to it, and says so', () => {
    const late = feed({ gops: 4, period90k: fps25, startsAt90k: 90_000 });
    const plan = planClip(exact(0, 90_000 + 10 * fps25), { pictures: late, gaps: [] });
    expect(plan.in90k).toBe(90_000);
    expect(plan.notes).toEqual(['starts 1.00 s late: there is no picture before']);
  });

  it('a clip that ends behind the last picture says so', () => {
    const plan = planClip(exact(0, 28 * fps25 + 180_000), { pictures, gaps: [] });
    expect(plan.notes).toEqual(['ends 2.00 s early: there is no picture behind']);
  });

  it.each([
    ['nothing in it', exact(28 * fps25, 40 * fps25), 'clip.no-media'],
    ['nothing between two frames', exact(1, 2), 'clip.no-media'],
    ['an end at its start', exact(3600, 3600), 'clip.empty'],
    ['an end before its start', exact(3600, 0), 'clip.empty'],
  ])('a clip with %s is refused', (_title, request, code) => {
    expect(() => planClip(request, { pictures, gaps: [] })).toThrow(
      expect.objectContaining({ code, retryable: false }),
    );
  });
});

describe('what is copied and what is encoded', () => {
  const pictures = feed({ gops: 4, period90k: fps25 });
  const kinds = (plan: ClipPlan): string =>
    plan.pieces
      .map((piece) => {
        const frames = piece.sources
          .map((source) => Math.round((pictures[source]?.pts90k ?? 0) / fps25))
          .toSorted((a, b) => a - b);
        return `${piece.kind} ${frames[0]}-${frames.at(-1)}`;
      })
      .join(', ');

  it.each([
    [7, 21, 'copy', 'copy 7-20'],
    [5, 21, 'smart', 'encode 5-6, copy 7-20'],
    [6, 21, 'smart', 'encode 6-6, copy 7-20'],
    // 7 + 3 is a P picture that the B pictures before it need: up to it, decode and display order meet.
    [7, 18, 'copy', 'copy 7-17'],
    [7, 19, 'smart', 'copy 7-17, encode 18-18'],
    [7, 20, 'smart', 'copy 7-17, encode 18-19'],
    [5, 16, 'smart', 'encode 5-6, copy 7-14, encode 15-15'],
    [5, 8, 'smart', 'encode 5-6, copy 7-7'],
    [5, 7, 'encode', 'encode 5-6'],
    [8, 13, 'encode', 'encode 8-12'],
  ])('frames %i up to %i: %s', (from, to, made, pieces) => {
    const plan = planClip(exact(from * fps25, to * fps25), { pictures, gaps: [] });
    expect(plan.made).toBe(made);
    expect(kinds(plan)).toBe(pieces);
    expect(shownFrames(plan, pictures)).toEqual(upTo(from, to));
  });

  it('without IDR pictures behind the first everything is encoded', () => {
    const open = pictures.map((picture, place) => ({ ...picture, isIdr: place === 0 }));
    const plan = planClip(exact(5 * fps25, 20 * fps25), { pictures: open, gaps: [] });
    expect([plan.made, plan.because]).toEqual(['encode', 'no keyframe (IDR) lies inside the clip']);
  });

  it('an unusual stream is encoded as a whole and says why', () => {
    const plan = planClip(
      exact(5 * fps25, 20 * fps25),
      { pictures, gaps: [] },
      () => 'the feed is interlaced',
    );
    expect([plan.made, plan.because]).toEqual(['encode', 'the feed is interlaced']);
  });

  it('over a change of encoder settings each part is encoded by itself', () => {
    const changed = [
      ...pictures,
      ...feed({ gops: 2, period90k: fps25, startsAt90k: 28 * fps25, config: {} }),
    ];
    const plan = planClip(exact(24 * fps25, 32 * fps25), { pictures: changed, gaps: [] });
    expect(plan.made).toBe('encode');
    expect(plan.pieces.map((piece) => [piece.kind, piece.sources.length])).toEqual([
      ['encode', 4],
      ['encode', 4],
    ]);
  });

  it('a change of settings outside the clip changes nothing', () => {
    const changed = [
      ...pictures,
      ...feed({ gops: 2, period90k: fps25, startsAt90k: 28 * fps25, config: {} }),
    ];
    expect(planClip(exact(5 * fps25, 21 * fps25), { pictures: changed, gaps: [] }).made).toBe('smart');
  });
});

describe('the fast revision', () => {
  const pictures = feed({ gops: 4, period90k: fps25 });

  it('starts at the keyframe before, ends where nothing is left out, and says so', () => {
    const plan = planClip({ revision: 'fast', in90k: 9 * fps25, out90k: 19 * fps25 }, { pictures, gaps: [] });
    expect(plan.made).toBe('copy');
    expect(shownFrames(plan, pictures)).toEqual(upTo(7, 21));
    expect(plan.notes).toEqual(['starts 0.08 s early, at the keyframe before']);
  });

  it('on a keyframe it starts there and has nothing to say', () => {
    const plan = planClip({ revision: 'fast', in90k: 7 * fps25, out90k: 21 * fps25 }, { pictures, gaps: [] });
    expect(shownFrames(plan, pictures)).toEqual(upTo(7, 21));
    expect(plan.notes).toEqual([]);
  });
});

describe('times', () => {
  it.each([
    ['25 fps', 3600, { num: 25, den: 1 }, 25_000, 1000],
    ['29.97 fps', 3003, { num: 30_000, den: 1001 }, 30_000, 1001],
    ['50 fps', 1800, { num: 50, den: 1 }, 50_000, 1000],
    ['59.94 fps', 1501.5, { num: 60_000, den: 1001 }, 60_000, 1001],
  ])('%s rounded to whole ms comes out even', (_title, period90k, frameRate, timescale, frameDuration) => {
    const pictures = feed({ gops: 40, period90k, round: toWholeMs });
    const plan = planClip(exact(31 * period90k - 90, 200 * period90k), { pictures, gaps: [] });
    expect(plan).toMatchObject({ frameRate, timescale, frameDuration });
    expect(plan.pictures.map(({ at }) => at)).toEqual(plan.pictures.map((_, nth) => nth * frameDuration));
    // What the stretch says of its start is nearer to the truth than the rounded time stamp of one picture.
    expect(Math.abs((plan.stretches[0]?.start90k ?? 0) - 31 * period90k)).toBeLessThan(10);
  });

  it('a dropped picture leaves its place empty: the next one keeps its time', () => {
    const pictures = feed({ gops: 4, period90k: fps25 }).filter(({ pts90k }) => pts90k !== 9 * fps25);
    const plan = planClip(exact(7 * fps25, 21 * fps25), { pictures, gaps: [] });
    expect(plan.pictures.slice(0, 4).map(({ at }) => at)).toEqual([0, 1000, 3000, 4000]);
  });

  it('a feed without a constant rate keeps its own times, and says so', () => {
    const pictures = feed({
      gops: 4,
      period90k: fps25,
      round: (ticks) => Math.round(ticks + 700 * Math.sin(ticks)),
    });
    const plan = planClip(exact(0, 28 * fps25), { pictures, gaps: [] });
    expect(plan.timescale).toBe(90_000);
    expect(plan.frameDuration).toBeUndefined();
    expect(plan.notes).toContain('the feed keeps no constant frame rate');
    const first = Math.min(...pictures.map(({ pts90k }) => pts90k));
    expect(plan.pictures.map(({ at }) => at)).toEqual(
      plan.pictures.map(({ source }) => (pictures[source]?.pts90k ?? 0) - first),
    );
  });

  it('two pictures with one time stamp are one tick apart', () => {
    const pictures = [0, 3600, 3600, 7200].map((pts90k, nth) => ({
      pts90k,
      isIdr: nth === 0,
      config,
      stretch: 0,
    }));
    const plan = planClip(exact(0, 20_000), { pictures, gaps: [] });
    expect(plan.pictures.map(({ at }) => at)).toEqual([0, 3600, 3601, 7200]);
  });
});

describe('gaps', () => {
  const before = feed({ gops: 2, period90k: fps25 });
  const gap = { start90k: 14 * fps25, end90k: 14 * fps25 + 270_000 };
  const behind = feed({ gops: 2, period90k: fps25, startsAt90k: gap.end90k, stretch: 1 });
  const source = { pictures: [...before, ...behind], gaps: [gap] };

  it('are closed up and named', () => {
    const plan = planClip(exact(9 * fps25, gap.end90k + 7 * fps25), source);
    expect(plan.gaps).toEqual([gap]);
    expect(plan.notes).toEqual(['3.00 s are missing at 0.56 s of the run, closed up']);
    expect(plan.pictures.map(({ at }) => at)).toEqual(upTo(0, 12).map((nth) => nth * 1000));
    expect(plan.stretches).toEqual([
      { start90k: 9 * fps25, end90k: 14 * fps25, at: 0 },
      { start90k: gap.end90k, end90k: gap.end90k + 7 * fps25, at: 5000 },
    ]);
  });

  it('behind the clip are not its business', () => {
    expect(planClip(exact(0, 14 * fps25), source).gaps).toEqual([]);
  });

  it('are copied over when the stream goes on with an IDR', () => {
    expect(planClip(exact(0, gap.end90k + 14 * fps25), source).made).toBe('copy');
  });

  it('before the clip hold it back to what exists', () => {
    const plan = planClip(exact(gap.start90k + 90_000, gap.end90k + 7 * fps25), source);
    expect(plan.in90k).toBe(gap.end90k);
    expect(plan.notes[0]).toBe('starts 2.00 s late: there is no picture before');
  });
});
