import { describe, expect, it } from 'vitest';

import { frameOfMark, markInAddress } from '../../../web/console/pages/editor/address-mark.ts';
import { namedIn } from '../../../web/console/export-words.ts';

describe('a mark in the address of the editor', () => {
  it.each([
    ['?in=1700000000000', { end: 'in', wallMs: 1_700_000_000_000 }],
    ['?out=1700000000040', { end: 'out', wallMs: 1_700_000_000_040 }],
    ['', undefined],
    ['?in=', undefined],
    ['?in=-5', undefined],
    ['?in=1e3', undefined],
    ['?out=<script>', undefined],
  ])('%s', (search, mark) => {
    expect(markInAddress(search)).toEqual(mark);
  });

  const rate = { num: 30_000, den: 1001 };
  /** The context begins 60 s before the clip, which begins 100 s into the run. */
  const clock = { startMs: 40_000, rate, frameCount: 3600, gaps: [] };
  const clip = {
    startWallMs: 1_700_000_000_000,
    actual: { in90k: 9_000_000, out90k: 10_000_000 },
    gaps: [],
    frameRate: rate,
  };
  const frame = (n: number) => (n * 1000 * rate.den) / rate.num;
  const inContext = Math.round(60_000 / frame(1));

  it.each([0, 1, 2, 29, 150, 331])(
    'is the very frame %i that was shown, after rounding to whole ms',
    (shown) => {
      const wallMs = Math.round(clip.startWallMs + frame(shown));
      expect(frameOfMark({ end: 'in', wallMs }, clip, clock)).toBe(inContext + shown);
    },
  );

  it('lies behind a gap that the file closed up', () => {
    const gaps = [{ start90k: 9_180_000, end90k: 9_630_000 }];
    const withGap = { ...clock, gaps: [{ fromMs: 102_000, toMs: 107_000 }] };
    const wallMs = Math.round(clip.startWallMs + frame(90));
    // Both files have the same pictures on both sides of it.
    expect(frameOfMark({ end: 'out', wallMs }, { ...clip, gaps }, withGap)).toBe(inContext + 90);
    const before = Math.round(clip.startWallMs + frame(30));
    expect(frameOfMark({ end: 'out', wallMs: before }, { ...clip, gaps }, withGap)).toBe(inContext + 30);
  });

  it('stays within the file: 4 s before a clip at the very beginning is its beginning', () => {
    const early = { ...clip, actual: { in90k: 3_600_000, out90k: 4_000_000 } };
    const wallMs = clip.startWallMs - 4000;
    expect(frameOfMark({ end: 'in', wallMs }, early, clock)).toBe(0);
    expect(frameOfMark({ end: 'out', wallMs: wallMs + 10_000_000 }, early, clock)).toBe(3599);
  });
});

describe('what the server says of clips', () => {
  it('is said in the names of the page, and in ids where it has none', () => {
    const clips = [
      { clipId: 'clp_a1', name: 'goal at 12:30' },
      { clipId: 'clp_a12', name: '$& <b>' },
    ];
    expect(namedIn('the exact file of clp_a1, clp_a12 and clp_b is being made', clips)).toBe(
      'the exact file of “goal at 12:30”, “$& <b>” and clp_b is being made',
    );
  });
});
