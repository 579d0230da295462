import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { wrapAdts } from '../../clipper/adts.ts';
import { decodeSound } from '../../clipper/commands.ts';
import { measure, planLoudness, type Pcm } from '../../clipper/loudness.ts';
import { ffmpegFor } from '../../clipper/run-ffmpeg.ts';
import { makeSound } from '../../clipper/sound.ts';
import { readSourceMedia, type SoundFrame } from '../../clipper/source-media.ts';
import { clipFolderOnDisk } from '../support/clips.ts';
import { makeSegments, soundDelayMs } from '../support/segments.ts';

const clips = clipFolderOnDisk();
afterAll(() => clips.remove());
const workFolder = mkdtempSync(join(clips.path, 'work-'));
const run = ffmpegFor({ clipId: 'clp_test', workFolder, signal: new AbortController().signal });
const second = 90_000;

/** What a player hears: decoded, with the samples before the start left out. */
async function hear(sound: Awaited<ReturnType<typeof makeSound>>): Promise<Float32Array> {
  const { track } = sound;
  if (!track) return new Float32Array();
  const input = Buffer.concat(track.frames.map((frame) => wrapAdts(frame, track.config)));
  const [bytes = Buffer.alloc(0)] = await run('hearing', {
    args: decodeSound({ sampleRateHz: 48_000, channelCount: 1 }),
    input,
  });
  const samples = new Float32Array(new Uint8Array(bytes).buffer);
  return samples.subarray(track.skipSamples, track.skipSamples + track.playSamples);
}

function oneStretch(start90k: number, end90k: number): Parameters<typeof makeSound>[0]['plan'] {
  return {
    timescale: second,
    duration: end90k - start90k,
    stretches: [{ start90k, end90k, at: 0 }],
  };
}

describe('the sound of a clip', () => {
  let frames: SoundFrame[];
  beforeAll(async () => {
    const segments = makeSegments({ fps: '25', seconds: 5, gopFrames: 50, sound: { startsAtSeconds: 0 } });
    const media = await readSourceMedia(segments.records, (segment) =>
      Promise.resolve(segments.bytesOf(segment)),
    );
    frames = media.sound;
  });

  it('is copied with one frame before it, and starts on the sample', async () => {
    const sound = await makeSound({
      frames,
      plan: oneStretch(second, 3 * second),
      loudnessLufs: undefined,
      run,
    });
    expect(sound.notes).toEqual([]);
    expect(sound.track?.skipSamples).toBeGreaterThanOrEqual(1024);
    expect(sound.track?.skipSamples).toBeLessThan(2048);
    expect(sound.track?.playSamples).toBe(96_000);
    expect(frames.some((frame) => frame.data === sound.track?.frames[0])).toBe(true);
    const heard = await hear(sound);
    for (const at of [0, 0.9, 1.8]) expect(Math.abs(soundDelayMs(heard, 1, at))).toBeLessThanOrEqual(1);
  });

  it('with a lost frame is made anew, and what is behind the hole stays where it was', async () => {
    const lost = frames.filter((frame) => frame.pts90k < 1.5 * second || frame.pts90k > 1.9 * second);
    const sound = await makeSound({
      frames: lost,
      plan: oneStretch(second, 3 * second),
      loudnessLufs: undefined,
      run,
    });
    expect(sound.notes.join()).toMatch(/^no sound for 0\.\d\d s at 1\.5\d s of the run$/);
    const heard = await hear(sound);
    expect(Math.abs(soundDelayMs(heard, 1, 0.2))).toBeLessThanOrEqual(1);
    expect(Math.abs(soundDelayMs(heard, 1, 1.5))).toBeLessThanOrEqual(1);
    expect(Math.max(...heard.subarray(0.6 * 48_000, 0.8 * 48_000).map(Math.abs))).toBeLessThan(0.01);
  });

  it('over a closed gap follows the pictures', async () => {
    const plan = {
      timescale: second,
      duration: 2 * second,
      stretches: [
        { start90k: second, end90k: 2 * second, at: 0 },
        { start90k: 3.5 * second, end90k: 4.5 * second, at: second },
      ],
    };
    const heard = await hear(await makeSound({ frames, plan, loudnessLufs: undefined, run }));
    expect(heard.length).toBe(96_000);
    expect(Math.abs(soundDelayMs(heard, 1, 0.8))).toBeLessThanOrEqual(1);
    expect(Math.abs(soundDelayMs(heard, 2.5, 1.1))).toBeLessThanOrEqual(1);
  });

  it('that ends early says so and is copied as far as it goes', async () => {
    const early = frames.filter((frame) => frame.pts90k < 2 * second);
    const sound = await makeSound({
      frames: early,
      plan: oneStretch(second, 3 * second),
      loudnessLufs: undefined,
      run,
    });
    expect(sound.notes.join()).toMatch(/^no sound for 0\.9\d s at 2\.0\d s of the run$/);
    expect(sound.track?.playSamples).toBeLessThan(50_000);
  });

  it('that lies elsewhere is none, and says so', async () => {
    const sound = await makeSound({
      frames,
      plan: oneStretch(90 * second, 91 * second),
      loudnessLufs: undefined,
      run,
    });
    expect(sound).toEqual({ track: undefined, notes: ['no sound in this stretch'] });
  });
});

/** Noise of a level, with a whistle's worth of peaks. */
function crowd(level: number, peak: number): Pcm {
  let state = 7;
  const samples = Float32Array.from({ length: 48_000 * 4 }, (_, at) => {
    state = (state * 48_271) % 2_147_483_647;
    return at % 24_000 < 200 ? peak : level * (state / 1_073_741_823 - 1);
  });
  return { samples, sampleRateHz: 48_000, channelCount: 1 };
}

describe('loudness', () => {
  it.each([
    ['turned up', crowd(0.01, 0.02), -23],
    ['turned down', crowd(0.8, 0.9), -23],
    ['turned up against the limiter', crowd(0.05, 0.9), -16],
  ])('is %s to the target within 1 LU, and never over -1 dBTP', async (_title, pcm, targetLufs) => {
    const plan = await planLoudness(pcm, targetLufs, run);
    const after = await measure(pcm, plan.filters, run);
    expect(Math.abs(after.integratedLufs - targetLufs)).toBeLessThanOrEqual(1);
    expect(after.truePeakDb).toBeLessThanOrEqual(-1);
    expect(Math.abs(plan.afterLufs - after.integratedLufs)).toBeLessThanOrEqual(0.3);
  });

  it('of silence is left alone', async () => {
    const silence = { samples: new Float32Array(96_000), sampleRateHz: 48_000, channelCount: 1 };
    expect((await planLoudness(silence, -23, run)).filters).toEqual([]);
  });
});
