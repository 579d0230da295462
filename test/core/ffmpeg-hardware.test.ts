import { existsSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { findNvdec, findNvenc, type FfmpegProbe } from '../../core/ffmpeg-hardware.ts';

const encoders =
  ' V....D libx264              H.264\n V....D h264_nvenc           NVIDIA NVENC H.264 encoder\n';
const hwaccels = 'Hardware acceleration methods:\nvdpau\ncuda\nvaapi\n';

function give(answer: Buffer | Error = Buffer.alloc(100)): Buffer {
  if (answer instanceof Error) throw answer;
  return answer;
}

/** A machine whose GPU answers as told. */
function machine(answers: { encode?: Buffer | Error; decode?: Buffer | Error; lists?: string }): FfmpegProbe {
  return {
    list: (what) => answers.lists ?? (what === '-encoders' ? encoders : hwaccels),
    run: async (args) => {
      if (args.includes('h264_nvenc')) return give(answers.encode);
      return give(args.includes('cuda') ? answers.decode : undefined);
    },
  };
}

describe('findNvenc', () => {
  it('takes it where ffmpeg lists it and a test encode goes through', async () => {
    await expect(findNvenc(machine({}))).resolves.toMatchObject({ isUsable: true });
  });

  it.each([
    ['is not listed', { lists: ' V....D libx264  H.264\n' }, /built without h264_nvenc/],
    ['is listed but fails', { encode: new Error('Cannot load libcuda.so.1') }, /libcuda\.so\.1/],
    ['goes through and gives nothing', { encode: Buffer.alloc(0) }, /no bytes/],
  ])('leaves it where it %s', async (_, answers, why) => {
    const found = await findNvenc(machine(answers));
    expect(found.isUsable).toBe(false);
    expect(found.why).toMatch(why);
  });
});

describe('findNvdec', () => {
  const whole = Buffer.alloc((12 * 320 * 240 * 3) / 2);

  it('takes it where every picture of a test comes back', async () => {
    await expect(findNvdec(machine({ decode: whole }))).resolves.toMatchObject({ isUsable: true });
  });

  it.each([
    ['is not listed', { lists: 'vdpau\n' }, /built without/],
    ['is listed but fails', { decode: new Error('no device') }, /no device/],
    ['loses a picture', { decode: whole.subarray(1) }, /gave \d+ bytes/],
  ])('leaves it where it %s', async (_, answers, why) => {
    const found = await findNvdec(machine(answers));
    expect(found.isUsable).toBe(false);
    expect(found.why).toMatch(why);
  });
});

describe.skipIf(existsSync('/dev/nvidiactl'))('a machine without a GPU', () => {
  it('is told so by the real ffmpeg, with what is missing', async () => {
    const [encoder, decoder] = await Promise.all([findNvenc(), findNvdec()]);
    expect([encoder.isUsable, decoder.isUsable]).toEqual([false, false]);
    expect(encoder.why).toMatch(/built without|libcuda|nvenc|device/i);
    expect(decoder.why).toMatch(/built without|libcuda|cuda|device|gave \d+ bytes/i);
  });
});
