import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { encodePictures } from '../../clipper/commands.ts';
import { sharpnessOf } from '../../clipper/renditions.ts';
import type { Preset } from '../../core/clip.ts';
import { clipFolderOnDisk, type CutOnDisk } from '../support/clips.ts';
import { decodeErrors, makeSegments, readSound, soundDelayMs } from '../support/segments.ts';

const clips = clipFolderOnDisk();
afterAll(() => clips.remove());

describe('the renditions of a clip', () => {
  let done: CutOnDisk;
  const frameCount = 45;
  const startSeconds = 1.6;

  beforeAll(async () => {
    const segments = makeSegments({
      fps: '25',
      seconds: 4,
      gopFrames: 50,
      size: '480x270',
      sound: { startsAtSeconds: 0 },
    });
    done = await clips.cut(segments, {
      inSeconds: startSeconds,
      outSeconds: 3.4,
      presets: ['wide', 'vertical', 'proxy', 'thumbnail', 'waveform'],
    });
  });

  it.each([
    ['vertical' as const, 1080, 1920, '1:1'],
    ['proxy' as const, 640, 360, '1:1'],
  ])('%s has its size, every picture, and the sound in its place', (preset, width, height, shape) => {
    const path = done.pathOf(preset);
    const probe = ffprobe(path, '-select_streams', 'v', '-show_streams') as { streams: object[] };
    expect(probe.streams[0]).toMatchObject({
      width,
      height,
      sample_aspect_ratio: shape,
      nb_frames: String(frameCount),
      r_frame_rate: '25/1',
      start_pts: 0,
    });
    expect(done.sidecar.renditions.find((one) => one.preset === preset)).toMatchObject({
      width,
      height,
      proven: true,
    });
    expect(decodeErrors(path)).toBe('');
    expect(Math.abs(soundDelayMs(readSound(path), startSeconds, 1))).toBeLessThanOrEqual(1);
  });

  it('stills and sound say nothing of a proof', () => {
    const proofs = done.sidecar.renditions.map(({ preset, proven }) => [preset, proven]);
    expect(Object.fromEntries(proofs)).toEqual({
      wide: true,
      vertical: true,
      proxy: true,
      thumbnail: undefined,
      waveform: undefined,
    });
  });

  it('the proxy has a keyframe each second', () => {
    const { packets } = ffprobe(done.pathOf('proxy'), '-select_streams', 'v', '-show_packets') as {
      packets: { pts_time: string; flags: string }[];
    };
    const keys = packets.filter(({ flags }) => flags.startsWith('K')).map(({ pts_time }) => Number(pts_time));
    expect(keys).toEqual([0, 1]);
  });

  it.skipIf(existsSync('/dev/nvidiactl'))(
    'a GPU that fails leaves the work to x264, and the sidecar says so',
    async () => {
      const segments = makeSegments({ fps: '25', seconds: 2, gopFrames: 25, size: '320x180' });
      const cut = { inSeconds: 0.2, outSeconds: 1.2, presets: ['wide', 'proxy'] as Preset[] };
      const failed = await clips.cut(segments, { ...cut, encoder: 'nvenc' });
      expect(failed.sidecar.notes).toContainEqual(
        expect.stringMatching(/^proxy was encoded by x264: ffmpeg stopped .*making the proxy rendition/),
      );
      expect(decodeErrors(failed.pathOf('proxy'))).toBe('');
      const usual = await clips.cut(segments, cut);
      expect(usual.sidecar.notes.filter((note) => note.includes('x264'))).toEqual([]);
    },
  );

  it('asks NVENC for the same pictures as x264, by its own names', () => {
    const x264 = {
      preset: 'veryfast',
      crf: 20,
      profile: 'high',
      bFrames: 3,
      gopFrames: 50,
      parameterSetId: 0,
    } as const;
    const wish = {
      ranges: [],
      shiftSeconds: 10,
      timeBase: { num: 1, den: 25 },
      filters: [],
      x264,
      keyframesAtSeconds: [],
    };
    const args = encodePictures(wish, 'nvenc').join(' ');
    expect(args).toContain('-vcodec h264_nvenc');
    expect(args).toMatch(/-preset p4 -rc vbr -cq 20 -b:v 0 -g 50 -profile:v high .*-bf 3 -forced-idr 1/);
    expect(args).not.toContain('x264');
  });

  it('the thumbnail is one whole JPEG of the clip', () => {
    const body = done.bodyOf('thumbnail');
    expect([...body.subarray(0, 2), ...body.subarray(-2)]).toEqual([0xff, 0xd8, 0xff, 0xd9]);
    const probe = ffprobe(done.pathOf('thumbnail'), '-show_streams');
    expect(probe).toMatchObject({ streams: [{ codec_name: 'mjpeg', width: 480, height: 270 }] });
    expect(decodeErrors(done.pathOf('thumbnail'))).toBe('');
    expect(done.sidecar.renditions.find((one) => one.preset === 'thumbnail')).toMatchObject({
      durationMs: 0,
    });
  });

  it('the waveform has a peak pair each 10 ms, as high as the sound', () => {
    const waveform = JSON.parse(new TextDecoder().decode(done.bodyOf('waveform'))) as {
      version: number;
      length: number;
      samples_per_pixel: number;
      sample_rate: number;
      data: number[];
    };
    expect(waveform).toMatchObject({ version: 2, samples_per_pixel: 80, sample_rate: 8000, length: 180 });
    expect(waveform.data).toHaveLength(360);
    // The sweep has an amplitude of one half: 64 of 127, less what the decoder's rounding and the sampling take.
    expect(Math.max(...waveform.data)).toBeGreaterThan(55);
    expect(Math.max(...waveform.data)).toBeLessThan(80);
    expect(Math.min(...waveform.data)).toBeLessThan(-55);
  });
});

it.each([
  ['left', 0],
  ['right', 1],
])(
  'the square one shows the %s of the picture when an editor wants it so, and is proven there',
  async (side, cropSquare) => {
    const segments = makeSegments({ fps: '25', seconds: 2, gopFrames: 25, size: '320x180' });
    const edit = { version: 1, cropVertical: 0.5, cropSquare, title: '', tags: [] };
    const cut = { inSeconds: 0.4, outSeconds: 1.2, presets: ['wide' as const, 'square' as const], edit };
    const done = await clips.cut(segments, cut);
    const square = done.sidecar.renditions.find(({ preset }) => preset === 'square');
    expect(square).toMatchObject({ width: 1080, height: 1080, proven: true, editVersion: 1 });
    const likeness = (x: number): number => {
      const graph = `[0:v]crop=180:180:${x}:0[a];[1:v]scale=180:180[b];[a][b]ssim=stats_file=-`;
      const args = ['-v', 'error', '-i', done.pathOf('wide'), '-i', done.pathOf('square')];
      const lines = execFileSync('ffmpeg', [...args, '-lavfi', graph, '-f', 'null', '-']).toString();
      return Number(/All:([\d.]+)/.exec(lines)?.[1]);
    };
    const [left, right] = [likeness(0), likeness(140)];
    expect(side === 'left' ? left - right : right - left).toBeGreaterThan(0.2);
  },
);

it('a blurred picture is less sharp than the same one unblurred', () => {
  const width = 320;
  const sharp = Uint8Array.from({ length: width * 180 }, (_, at) => ((at >> 3) % 2 === 0 ? 200 : 50));
  const blurred = sharp.map((_, at) => ((sharp[at - 1] ?? 0) + (sharp[at] ?? 0) + (sharp[at + 1] ?? 0)) / 3);
  expect(sharpnessOf(blurred)).toBeLessThan(sharpnessOf(sharp) * 0.7);
  expect(sharpnessOf(new Uint8Array(width * 180).fill(128))).toBe(0);
});

function ffprobe(path: string, ...args: string[]): unknown {
  return JSON.parse(
    execFileSync('ffprobe', ['-v', 'error', ...args, '-of', 'json', path], { encoding: 'utf8' }),
  );
}
