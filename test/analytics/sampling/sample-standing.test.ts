import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { PictureRequest } from '../../../analytics/sampling/picture-request.ts';
import { sampleSegment, type Sampled } from '../../../analytics/sampling/sample-segment.ts';
import { standingPictures, standingSound } from '../../../analytics/sampling/sample-standing.ts';
import { checkSegment } from '../../../analytics/sampling/segment-check.ts';
import {
  createStandingFfmpegs,
  type Exchange,
  type StandingFfmpegs,
} from '../../../analytics/sampling/standing-ffmpeg.ts';
import { systemClock } from '../../../core/clock.ts';
import { TouchlineError } from '../../../core/errors.ts';
import { makeMedia, type Media } from '../support/make-media.ts';

const overview: PictureRequest = { perSecondMax: 12.5, view: { kind: 'stretch', width: 64, height: 36 } };
const bands: PictureRequest = { perSecondMax: 0.4, view: { kind: 'bands', share: 0.2 } };

const standing = createStandingFfmpegs({ clock: systemClock });
afterAll(async () => await standing.close());

/** None ever stands: what has to be decoded by an ffmpeg of its own. */
const alone: StandingFfmpegs = {
  ask: async () => {
    throw new TouchlineError({
      code: 'ffmpeg.no-answer',
      message: 'it has gone',
      retryable: true,
      blame: 'environment',
    });
  },
  close: async () => {},
};

let medias: Media[];
beforeAll(async () => {
  medias = await Promise.all(
    [
      { picture: 'testsrc2=SIZE', sound: 'sine=f=440:r=48000', start90k: 900_000 },
      // AAC codes noise as "noise here", and each decoder makes its own.
      {
        picture: 'mandelbrot=SIZE',
        sound: 'anoisesrc=color=pink:amplitude=0.3:r=44100',
        start90k: 1_260_000,
      },
    ].map(async (how) => await makeMedia({ ...how, seconds: 4 })),
  );
});

async function sample(media: Media, by: StandingFfmpegs): Promise<Sampled> {
  return await sampleSegment({
    ...media,
    checked: checkSegment(media.segment, media.bytes),
    pass: 'coarse',
    requests: [overview, bands],
    wantsSound: true,
    standing: by,
    signal: new AbortController().signal,
  });
}

describe('ffmpegs that stay', () => {
  it('give, segment after segment, what an ffmpeg for each segment gives', async () => {
    for (const media of [...medias, ...medias]) {
      const [found, expected] = await Promise.all([sample(media, standing), sample(media, alone)]);
      expect(found.pictures).toEqual(expected.pictures);
      expect(found.pictures.map((some) => some.length)).toEqual([2, 1]);
      expect(found.sound).toEqual(expected.sound);
    }
  });

  it('are asked for the pictures that are wanted alone', async () => {
    const asked: Exchange[] = [];
    const by: StandingFfmpegs = {
      ...alone,
      ask: async (exchange) => {
        asked.push(exchange);
        return await standing.ask(exchange);
      },
    };
    const [media] = medias as [Media];
    const checked = checkSegment(media.segment, media.bytes);
    const task = { ...media, checked, standing: by, signal: new AbortController().signal };
    const source = { width: 320, height: 180, isReordered: true };
    const [found] = (await standingPictures(task, [bands], source)) ?? [];
    expect(found?.map((picture) => picture.atMs)).toEqual([10_000]);
    expect(asked[0]?.answerBytes).toEqual([320 * 72 * 3]);
  });

  it('decode the sound of each segment as if it were the first', async () => {
    const [, noise] = medias as [Media, Media];
    const checked = checkSegment(noise.segment, noise.bytes);
    const task = { ...noise, checked, standing, signal: new AbortController().signal };
    const first = await standingSound(task);
    expect(first?.samples.length).toBeGreaterThan(15_900 * 4);
    expect(await standingSound(task)).toEqual(first);

    const { sound } = checked.coded;
    const heard = async (of: typeof sound): Promise<unknown> =>
      await standingSound({ ...task, checked: { ...checked, coded: { ...checked.coded, sound: of } } });
    const late = (ticks: number): typeof sound =>
      sound.map((unit, index) => (index < 3 ? unit : { ...unit, at90k: unit.at90k + ticks }));
    expect(await heard(late(8900))).toEqual(first);
    expect(await heard(late(9100))).toBeUndefined();
    expect(await heard(sound.map((unit) => ({ ...unit, data: unit.data.subarray(0, -1) })))).toBeUndefined();
    expect(await heard([])).toBeUndefined();
  });

  it('leave to others pictures whose keyframes are rare', async () => {
    const [media] = medias as [Media];
    const checked = checkSegment(media.segment, media.bytes);
    const task = { ...media, checked, standing, signal: new AbortController().signal };
    const [first, second] = checked.coded.keyframes;
    const last = checked.pictures.at(-1);
    if (!first || !second || !last) throw new Error('two keyframes were made');
    const source = { width: 320, height: 180, isReordered: true };
    const at = async (lastAt90k: number): Promise<unknown> =>
      await standingPictures(
        { ...task, checked: { ...checked, pictures: [...checked.pictures, { ...last, at90k: lastAt90k }] } },
        [overview],
        source,
      );
    expect(await at(second.at90k + 450_000)).toHaveLength(1);
    expect(await at(second.at90k + 450_001)).toBeUndefined();
  });
});
