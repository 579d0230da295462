import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { AnalysisPass } from '../../../core/jobs.ts';
import { bandRowCount, type PictureRequest } from '../../../analytics/sampling/picture-request.ts';
import { planSampling } from '../../../analytics/sampling/sample-plan.ts';
import { sampleSegment, type Sampled } from '../../../analytics/sampling/sample-segment.ts';
import { checkSegment } from '../../../analytics/sampling/segment-check.ts';
import { createStandingFfmpegs } from '../../../analytics/sampling/standing-ffmpeg.ts';
import { systemClock } from '../../../core/clock.ts';
import { makeMedia, mediaHeight, mediaWidth, type Media } from '../support/make-media.ts';

const small: PictureRequest = { perSecondMax: 12.5, view: { kind: 'stretch', width: 64, height: 36 } };
const bands: PictureRequest = { perSecondMax: 1, view: { kind: 'bands', share: 0.2 } };

const standing = createStandingFfmpegs({ clock: systemClock });
afterAll(async () => await standing.close());

let media: Media;
beforeAll(async () => {
  // The upper half is red, the lower half blue; a 1 kHz tone begins after exactly 2 s.
  media = await makeMedia({
    picture: 'color=c=red:SIZE,drawbox=y=ih/2:h=ih/2:w=iw:c=blue:t=fill',
    sound: "aevalsrc='0.5*sin(2*PI*1000*t)*gte(t,2)':s=48000",
    seconds: 4,
    start90k: 900_000,
  });
});

async function sample(
  one: Media,
  options: { pass?: AnalysisPass; requests?: readonly PictureRequest[]; wantsSound?: boolean } = {},
): Promise<Sampled> {
  const { pass = 'coarse', requests = [small], wantsSound = false } = options;
  const checked = checkSegment(one.segment, one.bytes);
  const signal = new AbortController().signal;
  return await sampleSegment({ ...one, checked, pass, requests, wantsSound, standing, signal });
}

describe('the coarse pass', () => {
  it('gives every keyframe at its own time, to each request in its shape, and the sound', async () => {
    const { pictures, sound } = await sample(media, { requests: [small, bands], wantsSound: true });
    expect(pictures.map((found) => found.map(({ atMs, width, height }) => [atMs, width, height]))).toEqual([
      [
        [10_000, 64, 36],
        [12_000, 64, 36],
      ],
      [
        [10_000, 320, 72],
        [12_000, 320, 72],
      ],
    ]);
    expect(sound?.samples.length).toBeGreaterThan(4 * 16_000 - 400);
    expect(Math.abs((sound?.startMs ?? 0) - 10_000)).toBeLessThan(30);
  });

  it('stacks the bottom band below the top band', async () => {
    const [found] = (await sample(media, { requests: [bands] })).pictures;
    const rgb = found?.[0]?.rgb ?? new Uint8Array();
    const row = (index: number): number[] => [...rgb.subarray(index * 320 * 3, index * 320 * 3 + 3)];
    expect(row(30)).toEqual([expect.closeTo(254, -1), expect.closeTo(0, -1), expect.closeTo(0, -1)]);
    expect(row(40)).toEqual([expect.closeTo(0, -1), expect.closeTo(0, -1), expect.closeTo(254, -1)]);
  });

  it('keeps sound at its time: the tone begins where it was put', async () => {
    const { sound } = await sample(media, { requests: [], wantsSound: true });
    const first = sound?.samples.findIndex((value) => Math.abs(value) > 0.1) ?? -1;
    expect((sound?.startMs ?? 0) + first / 16).toBeGreaterThan(12_000 - 25);
    expect((sound?.startMs ?? 0) + first / 16).toBeLessThan(12_000 + 25);
  });

  it('gives nothing to look at without pictures, nothing to hear without sound', async () => {
    const dark = await makeMedia({ sound: 'sine=f=440', seconds: 2 });
    const heard = await sample(dark, { wantsSound: true });
    expect(heard.pictures).toEqual([[]]);
    expect(heard.sound?.samples.length).toBeGreaterThan(31_000);

    const mute = await makeMedia({ picture: 'testsrc2=SIZE', seconds: 2 });
    const seen = await sample(mute, { wantsSound: true });
    expect(seen.pictures[0]).toHaveLength(1);
    expect(seen.sound).toBeUndefined();
  });
});

describe('the fine pass', () => {
  it('gives no more pictures than asked for, none of them B-frames, to the end', async () => {
    const [found = []] = (await sample(media, { pass: 'fine' })).pictures;
    const steps = found.slice(1).map(({ atMs }, index) => atMs - (found[index]?.atMs ?? 0));
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(75);
    expect(Math.max(...steps)).toBeLessThanOrEqual(200);
    expect(found.at(-1)?.atMs).toBeGreaterThan(13_750);
  });

  it('takes every picture where there are no B-frames to leave out', () => {
    const options = { pass: 'fine', requests: [small], wantsSound: false } as const;
    const source = { width: 320, height: 180 };
    expect(planSampling({ ...options, source: { ...source, isReordered: false } }).args).not.toContain(
      '-skip_frame',
    );
    expect(planSampling({ ...options, source: { ...source, isReordered: true } }).args).toContain('bidir');
  });
});

describe('every shape of picture', () => {
  it.each<[PictureRequest['view'], number[]]>([
    [{ kind: 'letterbox', width: 100, height: 100, pad: 114 }, [114, 114, 114]],
    [{ kind: 'centre', width: 100, height: 100 }, [0, 0, 254]],
    [{ kind: 'stretch', width: 100, height: 100 }, [0, 0, 254]],
  ])('%o has what it should have in its last pixel', async (view, last) => {
    const [found] = (await sample(media, { requests: [{ perSecondMax: 1, view }] })).pictures;
    expect([...(found?.[0]?.rgb.subarray(-3) ?? [])]).toEqual(
      last.map((value) => expect.closeTo(value, -1) as number),
    );
  });

  it('has bands of an even number of rows, and at least two', () => {
    expect([bandRowCount(0.2, 180), bandRowCount(0.22, 1080), bandRowCount(0.001, 180)]).toEqual([
      36, 238, 2,
    ]);
  });
});

describe('a segment that passes the first look', () => {
  it('and whose keyframes cannot be decoded is corrupt', async () => {
    const bytes = overwriteSlices(media.bytes);
    await expect(sample({ segment: media.segment, bytes })).rejects.toMatchObject({
      code: 'segment.corrupt',
      retryable: false,
    });
  });

  it('and whose record says another size gives pictures of the size that was asked for', async () => {
    const segment = {
      ...media.segment,
      video: media.segment.video && { ...media.segment.video, width: 640, height: 360 },
    };
    const { pictures } = await sample({ ...media, segment }, { requests: [bands] });
    expect(pictures[0]?.map(({ width, height }) => [width, height])).toEqual([
      [2 * mediaWidth, 2 * bandRowCount(0.2, 2 * mediaHeight)],
      [2 * mediaWidth, 2 * bandRowCount(0.2, 2 * mediaHeight)],
    ]);
  });
});

/** Puts zeros over what follows the start of every IDR slice, up to the packet's end, and breaks its header. */
function overwriteSlices(bytes: Uint8Array): Uint8Array {
  const broken = bytes.slice();
  for (let at = 0; at + 5 < broken.length; at += 1) {
    const isIdr =
      broken[at] === 0 && broken[at + 1] === 0 && broken[at + 2] === 1 && ((broken[at + 3] ?? 0) & 31) === 5;
    if (isIdr) broken.fill(0, at + 4, at + 14);
  }
  return broken;
}
