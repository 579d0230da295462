import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { cutAndProve, makeWide, type CutAttempt, type WideCut } from '../../clipper/wide-cut.ts';
import { compare, findPeak, proveClip } from '../../clipper/proof.ts';
import { ffmpegFor } from '../../clipper/run-ffmpeg.ts';
import { readSourceMedia, type SourceMedia } from '../../clipper/source-media.ts';
import { TouchlineError } from '../../core/errors.ts';
import { silentLog } from '../../core/log.ts';
import { clipFolderOnDisk, cutJobFor } from '../support/clips.ts';
import { makeSegments } from '../support/segments.ts';

const printBytes = 64 * 36;

/** A print whose every level is `level`, with one in ten changed by `noise`. */
function print(level: number, noise = 0): Uint8Array {
  return Uint8Array.from({ length: printBytes }, (_, at) => level + (at % 10 === 0 ? noise : 0));
}

describe('comparing', () => {
  const source = print(100);
  it.each([
    ['the same picture at its place', [print(60), source, print(140)], 1, ''],
    ['the same picture with the noise of an encoder', [print(60), print(100, 5), print(140)], 1, ''],
    ['a still scene where noise makes a neighbour nearer', [source, print(100, 3), source], 1, ''],
    ['one picture early', [source, print(102), print(104)], 1, '-1 frames from its place'],
    ['one picture late', [print(98), print(99), source], 1, '1 frames from its place'],
    [
      'another picture',
      [print(40), print(50), print(60)],
      1,
      'another picture at the peak (difference 50.0)',
    ],
    ['just too different', [print(100 + 5)], 0, 'another picture at the peak (difference 5.0)'],
    ['just alike enough', [print(100 + 4)], 0, ''],
  ])('%s', (_title, found, expected, because) => {
    const proof = compare(source, Buffer.concat(found), expected, found.length);
    expect(proof.isProven ? '' : proof.because).toContain(because);
    expect(proof.isProven).toBe(because === '');
  });

  it('fewer pictures than there should be prove nothing', () => {
    expect(compare(source, print(100), 0, 2)).toEqual({
      isProven: false,
      because: '1 of 2 pictures around the peak are in the file',
    });
  });

  it('a source that cannot be decoded proves nothing', () => {
    expect(compare(new Uint8Array(), print(100), 0, 1).isProven).toBe(false);
  });
});

describe('the picture on screen at the peak', () => {
  const pictures = [0, 3600, 7200, 10_800].map((pts90k) => ({ pts90k }));
  const plan = {
    pictures: pictures.map((_, source) => ({ source, at: source })),
    in90k: 0,
    out90k: 14_400,
    gaps: [{ start90k: 8000, end90k: 10_800 }],
  };
  it.each([
    [0, 0],
    [3599, 0],
    [3600, 1],
    [7999, 2],
    [8000, undefined],
    [10_800, 3],
    [14_399, 3],
    [14_400, undefined],
    [-90, 0],
    [-91, undefined],
  ])('at %i ticks it is %s', (peak90k, place) => {
    expect(findPeak(plan, pictures, peak90k)).toBe(place);
  });
});

describe('a clip whose proof fails', () => {
  const clips = clipFolderOnDisk();
  const job = {
    ...cutJobFor({ records: [] }, { inSeconds: 1.2, outSeconds: 3.8 }),
    in90k: 108_000,
    out90k: 342_000,
  };
  const workFolder = mkdtempSync(join(clips.path, 'work-'));
  const run = ffmpegFor({ clipId: 'clp_test', workFolder, signal: new AbortController().signal });
  let media: SourceMedia;
  let right: WideCut;
  let oneFrameLate: WideCut;

  beforeAll(async () => {
    const segments = makeSegments({ fps: '25', seconds: 5, gopFrames: 50 });
    media = await readSourceMedia(segments.records, (segment) => Promise.resolve(segments.bytesOf(segment)));
    right = await makeWide(job, media, () => undefined, run);
    const moved = await makeWide(
      { ...job, in90k: 108_000 + 3600, out90k: 342_000 + 3600 },
      media,
      () => undefined,
      run,
    );
    oneFrameLate = { ...moved, plan: right.plan };
  });
  afterAll(() => clips.remove());

  const prove = async (attempts: CutAttempt[]) =>
    await cutAndProve(job, attempts, { media, workFolder, run, log: silentLog });

  it('is made again, and the one that is proven is taken', async () => {
    const { cut, proof } = await prove([() => Promise.resolve(oneFrameLate), () => Promise.resolve(right)]);
    expect(proof).toEqual({ isProven: true });
    expect(cut).toBe(right);
  });

  it('again and again, it says so and names the mistake', async () => {
    const { proof } = await prove([() => Promise.resolve(oneFrameLate), () => Promise.resolve(oneFrameLate)]);
    expect(proof).toEqual({
      isProven: false,
      because: 'the picture of the peak is -1 frames from its place',
    });
  });

  it('with a file of something else it says so', async () => {
    const other = makeSegments({ fps: '25', seconds: 5, gopFrames: 50, encoderArgs: ['-vf', 'negate'] });
    const otherMedia = await readSourceMedia(other.records, (segment) =>
      Promise.resolve(other.bytesOf(segment)),
    );
    const cut = await makeWide(job, otherMedia, () => undefined, run);
    const { proof } = await prove([() => Promise.resolve(cut)]);
    expect(proof.isProven ? '' : proof.because).toMatch(/^the file shows another picture at the peak/);
  });

  it('in another shape is proven by what was done to its pictures, and by nothing else', async () => {
    const filters = ['crop=trunc(ih*9/16/2)*2:ih'];
    const { cut } = await prove([() => Promise.resolve(right)]);
    const settings = `-c:v libx264 -bf 0 -fps_mode passthrough -video_track_timescale ${cut.plan.timescale}`;
    await run('cropping', {
      args: ['-i', 'wide.mp4', '-vf', ...filters, ...settings.split(' '), '-an', '-y', 'cropped.mp4'],
    });
    const { plan } = cut;
    const about = { peakMs: job.moment.peakMs, plan, pictures: media.pictures, file: 'cropped.mp4', run };
    expect(await proveClip({ ...about, filters })).toEqual({ isProven: true });
    expect(await proveClip(about)).toMatchObject({ isProven: false });
    expect(await proveClip({ ...about, filters, peakMs: about.peakMs + 40_000 })).toMatchObject({
      isElsewhere: true,
    });
  });

  it('is made in the next way when the first finds that it cannot', async () => {
    const cannot = new TouchlineError({
      code: 'clip.undecodable',
      message: 'no',
      retryable: false,
      blame: 'input',
    });
    const { cut } = await prove([() => Promise.reject(cannot), () => Promise.resolve(right)]);
    expect(cut).toBe(right);
    await expect(prove([() => Promise.reject(cannot)])).rejects.toBe(cannot);
  });
});
