import { existsSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createGpuDecoding, type GpuDecoding } from '../../../analytics/sampling/gpu-decoding.ts';
import type { PictureRequest } from '../../../analytics/sampling/picture-request.ts';
import { sampleSegment, type Sampled } from '../../../analytics/sampling/sample-segment.ts';
import { checkSegment } from '../../../analytics/sampling/segment-check.ts';
import { createStandingFfmpegs } from '../../../analytics/sampling/standing-ffmpeg.ts';
import { systemClock } from '../../../core/clock.ts';
import { TouchlineError } from '../../../core/errors.ts';
import { runFfmpeg } from '../../../core/ffmpeg.ts';
import { silentLog } from '../../../core/log.ts';
import type { AnalysisPass } from '../../../core/jobs.ts';
import { makeMedia, type Media } from '../support/make-media.ts';

const small: PictureRequest = { perSecondMax: 5, view: { kind: 'stretch', width: 64, height: 36 } };
const works = async () => ({ isUsable: true, why: 'a test went through' });
const standing = createStandingFfmpegs({ clock: systemClock });
afterAll(async () => await standing.close());

let media: Media;
beforeAll(async () => {
  media = await makeMedia({ picture: 'testsrc2=SIZE', sound: 'sine=f=440', seconds: 2 });
});

type Run = typeof runFfmpeg;

/** What ffmpeg would do on a machine with a GPU: the same, without those of its arguments that need one. */
const withGpu: Run = async (job) => {
  const gpuOnly = new Set(['-hwaccel', '-hwaccel_output_format', 'cuda']);
  const args = job.args.filter((one) => !gpuOnly.has(one)).map((one) => one.replace('hwdownload,', ''));
  return await runFfmpeg({ ...job, args });
};
const gone: Run = async (job) => {
  if (!isForGpu(job.args)) return await runFfmpeg(job);
  throw new TouchlineError({
    code: 'ffmpeg.failed',
    message: 'No device available for decoder: device type cuda needed for codec h264',
    retryable: false,
    blame: 'input',
  });
};

const givesNothing: Run = async (job) => (await withGpu(job)).map(() => Buffer.alloc(0));

function isForGpu(args: readonly string[]): boolean {
  return args.includes('cuda') && args.some((one) => one.includes('[0:v:0]hwdownload,format=nv12,'));
}

async function sample(
  gpu: GpuDecoding | undefined,
  run: Run,
  options: { pass?: AnalysisPass; one?: Media; signal?: AbortSignal } = {},
): Promise<{ sampled: Sampled; onGpu: boolean[] }> {
  const { pass = 'fine', one = media, signal = new AbortController().signal } = options;
  const onGpu: boolean[] = [];
  const counted: Run = async (job) => {
    onGpu.push(isForGpu(job.args));
    return await run(job);
  };
  const checked = checkSegment(one.segment, one.bytes);
  const about = { ...one, checked, pass, requests: [small], wantsSound: true };
  return { sampled: await sampleSegment({ ...about, gpu, run: counted, standing, signal }), onGpu };
}

describe('a fine pass', () => {
  it('is decoded on the GPU where a test decode went through, and gives what the CPU gives', async () => {
    const gpu = createGpuDecoding({ isWanted: true, log: silentLog, find: works });
    const { sampled, onGpu } = await sample(gpu, withGpu);
    expect(onGpu).toEqual([true]);
    const expected = (await sample(undefined, runFfmpeg)).sampled;
    const [found = []] = sampled.pictures;
    const [due = []] = expected.pictures;
    expect(found.map(({ atMs }) => atMs)).toEqual(due.map(({ atMs }) => atMs));
    expect(found.length).toBeGreaterThan(5);
    for (const [index, { rgb }] of found.entries()) {
      const differences = rgb.map((value, at) => Math.abs(value - (due[index]?.rgb[at] ?? 0)));
      expect(Math.max(...differences)).toBeLessThanOrEqual(4);
    }
  });

  it.each([
    ['the test decode failed', true, async () => ({ isUsable: false, why: 'Cannot load libcuda.so.1' })],
    ['the worker is meant for the CPU', false, works],
  ])('is decoded on the CPU where %s', async (_, isWanted, find) => {
    const { onGpu } = await sample(createGpuDecoding({ isWanted, log: silentLog, find }), withGpu);
    expect(onGpu).toEqual([false]);
  });

  it('is decoded again on the CPU when the GPU fails, and after three of those no more on the GPU', async () => {
    const faults: unknown[] = [];
    const log = { ...silentLog, warn: (_: string, fields?: object) => faults.push(fields) };
    const gpu = createGpuDecoding({ isWanted: true, log, find: works });
    for (let nth = 1; nth <= 3; nth += 1) {
      const { sampled, onGpu } = await sample(gpu, gone);
      expect(onGpu).toEqual([true, false]);
      expect(sampled.pictures[0]?.length).toBeGreaterThan(5);
    }
    expect(faults).toMatchObject([
      { faultCount: 1, isOver: false },
      { faultCount: 2, isOver: false },
      { faultCount: 3, isOver: true },
    ]);
    expect((await sample(gpu, gone)).onGpu).toEqual([false]);
  });

  it('of a segment that the CPU cannot decode either says that it is corrupt, and blames no GPU', async () => {
    const faults: unknown[] = [];
    const gpu: GpuDecoding = { isOn: async () => true, onFault: (error) => faults.push(error) };
    await expect(sample(gpu, givesNothing)).rejects.toMatchObject({ code: 'segment.corrupt' });
    expect(faults).toEqual([]);
  });

  it('that is called off is not begun again', async () => {
    const off = new AbortController();
    const gpu = createGpuDecoding({ isWanted: true, log: silentLog, find: works });
    const starts: boolean[] = [];
    const calledOff: Run = async (job) => {
      starts.push(isForGpu(job.args));
      if (isForGpu(job.args)) off.abort();
      return await gone(job);
    };
    await expect(sample(gpu, calledOff, { signal: off.signal })).rejects.toThrow();
    expect(starts).toEqual([true]);
  });
});

describe('a coarse pass', () => {
  it('is never decoded on the GPU: keyframes alone cost the CPU little', async () => {
    const gpu: GpuDecoding = {
      isOn: async () => {
        throw new Error('nobody should ask');
      },
      onFault: () => {},
    };
    const { onGpu } = await sample(gpu, withGpu, { pass: 'coarse' });
    expect(onGpu).toEqual([]);
  });
});

describe('this machine', () => {
  it.skipIf(existsSync('/dev/nvidia0'))('has no GPU, and so decodes on the CPU', async () => {
    await expect(createGpuDecoding({ isWanted: true, log: silentLog }).isOn()).resolves.toBe(false);
  });
});
