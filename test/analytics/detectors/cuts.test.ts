import { afterAll, describe, expect, it } from 'vitest';

import {
  createCutDetector,
  lookAtAll,
  lookAtKeyframes,
  overview,
} from '../../../analytics/detectors/cuts.ts';
import type { CodedPicture, Picture } from '../../../analytics/detectors/detector.ts';
import { motionAmount, motionDifference } from '../../../analytics/detectors/motion.ts';
import { sampleSegment } from '../../../analytics/sampling/sample-segment.ts';
import { createStandingFfmpegs } from '../../../analytics/sampling/standing-ffmpeg.ts';
import { systemClock } from '../../../core/clock.ts';
import { checkSegment } from '../../../analytics/sampling/segment-check.ts';
import { cutFootage, isMissing, makeMedia, sharedPath, type Media } from '../support/make-media.ts';

describe('cuts in the fine pass', () => {
  it('are where one picture has other colours than the one before', () => {
    const pictures = [...shot(0, 20, [40, 120, 40]), ...shot(20, 20, [120, 40, 40])];
    const { spots } = lookAtAll({ pictures, codedPictures: [] });
    expect(spots).toMatchObject([{ atMs: 1600, label: 'cut', source: 'cuts', evidence: { difference: 1 } }]);
  });

  it('are dated at the largest coded picture since the one before', () => {
    const pictures = [...shot(0, 20, [40, 120, 40]), ...shot(20, 20, [120, 40, 40])];
    const codedPictures = [coded(1520, 900), coded(1540, 100), coded(1560, 800), coded(1600, 300)];
    expect(lookAtAll({ pictures, codedPictures }).spots[0]?.atMs).toBe(1560);
  });

  it('are not where the whole shot is restless', () => {
    const pictures = Array.from({ length: 40 }, (_, index) =>
      plain(index, index % 2 === 0 ? [40, 120, 40] : [120, 40, 40]),
    );
    expect(lookAtAll({ pictures, codedPictures: [] }).spots).toEqual([]);
  });

  it.each([
    [0.38, 0],
    [0.42, 1],
  ])('need enough of the picture to change: %d of it', (share, count) => {
    const pictures = [...shot(0, 20, [40, 120, 40]), ...shot(20, 20, [40, 120, 40], share)];
    expect(lookAtAll({ pictures, codedPictures: [] }).spots).toHaveLength(count);
  });

  it('within half a second are one: a wipe', () => {
    const pictures = [
      ...shot(0, 20, [40, 120, 40]),
      ...shot(20, 3, [120, 40, 40]),
      ...shot(23, 20, [40, 40, 120]),
    ];
    expect(lookAtAll({ pictures, codedPictures: [] }).spots).toHaveLength(1);
  });

  it('are found in what ffmpeg encoded, on the picture', async () => {
    const media = await makeMedia({ picture: twoScenes, seconds: 4 });
    expect((await cutsIn(media, 'fine')).map((atMs) => Math.abs(atMs - 2520) <= 120)).toEqual([true]);
  });
});

describe('cuts in the coarse pass', () => {
  const keyframes = [plain(0, [40, 120, 40]), plain(25, [120, 40, 40])];
  const sizes = Array.from({ length: 50 }, (_, index) =>
    coded(index * 40, 100 + (index % 4 === 0 ? 100 : 0)),
  );

  it('are at the coded picture that stands out between two different keyframes', () => {
    const codedPictures = sizes.with(30, coded(1200, 600));
    expect(lookAtKeyframes({ pictures: keyframes, codedPictures }).spots).toMatchObject([
      { atMs: 1200, evidence: { sizeRatio: 2 } },
    ]);
  });

  it('are not where nothing stands out, nor where the keyframes are alike', () => {
    expect(lookAtKeyframes({ pictures: keyframes, codedPictures: sizes }).spots).toEqual([]);
    const alike = [plain(0, [40, 120, 40]), plain(25, [40, 120, 40])];
    expect(
      lookAtKeyframes({ pictures: alike, codedPictures: sizes.with(30, coded(1200, 600)) }).spots,
    ).toEqual([]);
  });

  it('say how different the keyframes are, whatever comes of it', () => {
    expect(lookAtKeyframes({ pictures: keyframes, codedPictures: [] }).signals).toMatchObject([
      { name: 'cuts.difference', atMs: [2000], values: [1] },
    ]);
    expect(lookAtKeyframes({ pictures: keyframes.slice(1), codedPictures: [] }).signals).toEqual([]);
  });
});

const truth: [file: string, cutsMs: number[]][] = [
  ['soccer_messi_getafe_goal_replays.mp4', [3440, 6320, 15_440, 30_320]],
  ['tennis_indoor_stock_cuts.mp4', [2480, 6720, 8960, 12_480]],
  ['soccer_youth_veo_a.mp4', []],
];

describe.skipIf(isMissing('footage/video'))('cuts in real footage', () => {
  const made = new Map<string, Promise<Media>>();
  const footage = (file: string): Promise<Media> => {
    const media = made.get(file) ?? cutFootage(sharedPath(`footage/video/${file}`));
    made.set(file, media);
    return media;
  };

  it.each(truth)('%s: all found in the fine pass, none too many', async (file, cutsMs) => {
    const found = await cutsIn(await footage(file), 'fine');
    expect(found.filter((atMs) => !cutsMs.some((cutMs) => Math.abs(atMs - cutMs) <= 350))).toEqual([]);
    expect(cutsMs.filter((cutMs) => !found.some((atMs) => Math.abs(atMs - cutMs) <= 350))).toEqual([]);
  });

  it.each(truth)('%s: none too many in the coarse pass', async (file, cutsMs) => {
    const found = await cutsIn(await footage(file), 'coarse');
    expect(found.filter((atMs) => !cutsMs.some((cutMs) => Math.abs(atMs - cutMs) <= 350))).toEqual([]);
  });
});

describe('motion', () => {
  it('in the coarse pass is what the encoder needed a picture, by half seconds, keyframes aside', () => {
    const pictures = [coded(0, 90_000, true), coded(40, 1000), coded(480, 2000), coded(500, 4000)];
    expect(motionAmount(pictures)).toMatchObject([
      { name: 'motion.amount', atMs: [0, 500], values: [12, 32] },
    ]);
  });

  it('in the fine pass is the mean change of brightness', () => {
    const pictures = [plain(0, [0, 100, 0]), plain(1, [0, 100, 0]), plain(2, [0, 140, 0])];
    expect(motionDifference(pictures)).toMatchObject([{ atMs: [80, 160], values: [0, 40] }]);
  });
});

const twoScenes = 'color=c=green:SIZE,format=yuv420p,drawbox=c=maroon:t=fill:enable=gte(t\\,2.52)';

const standing = createStandingFfmpegs({ clock: systemClock });
afterAll(async () => await standing.close());

async function cutsIn(media: Media, pass: 'coarse' | 'fine'): Promise<number[]> {
  const checked = checkSegment(media.segment, media.bytes);
  const signal = new AbortController().signal;
  const sampled = await sampleSegment({
    ...media,
    checked,
    pass,
    requests: [overview],
    wantsSound: false,
    standing,
    signal,
  });
  const { spots } = await createCutDetector().detect(
    {
      segment: media.segment,
      pass,
      sport: 'soccer',
      startMs: 0,
      endMs: 0,
      sound: undefined,
      pictures: sampled.pictures[0] ?? [],
      codedPictures: checked.pictures.map(({ at90k, bytes, isKeyframe }) => ({
        atMs: at90k / 90,
        bytes,
        isKeyframe,
      })),
    },
    signal,
  );
  return spots.map(({ atMs }) => atMs);
}

function shot(first: number, count: number, colour: readonly number[], changedShare = 0): Picture[] {
  return Array.from({ length: count }, (_, index) => plain(first + index, colour, changedShare));
}

/** One colour, or with `changedShare` of the rows black. */
function plain(index: number, colour: readonly number[], changedShare = 0): Picture {
  const [width, height] = [64, 50];
  const rgb = Uint8Array.from({ length: width * height * 3 }, (_, at) =>
    at < changedShare * width * height * 3 ? 0 : (colour[at % 3] ?? 0),
  );
  return { atMs: index * 80, width, height, rgb };
}

function coded(atMs: number, bytes: number, isKeyframe = false): CodedPicture {
  return { atMs, bytes, isKeyframe };
}
