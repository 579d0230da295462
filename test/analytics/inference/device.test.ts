import { existsSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { findCuda, thisMachine, type CudaSurroundings } from '../../../analytics/inference/cuda-libraries.ts';
import { chooseDevice } from '../../../analytics/inference/device.ts';
import { TouchlineError } from '../../../core/errors.ts';

const runtimeFolder = '/app/node_modules/onnxruntime-node/bin/napi-v6/linux/x64';
const providers = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];
const libraries = [
  'libcuda.so.1',
  'libcudart.so.12',
  'libcublas.so.12',
  'libcublasLt.so.12',
  'libcufft.so.11',
  'libcurand.so.10',
  'libcudnn.so.9',
];

/** A machine with a GPU, of which something may be taken away. */
function gpuMachine(
  without: readonly string[] = [],
  change: Partial<CudaSurroundings> = {},
): CudaSurroundings {
  const files = new Set([...providers.map((file) => `${runtimeFolder}/${file}`), '/opt/cudnn/libcudnn.so.9']);
  for (const file of without) files.delete(`${runtimeFolder}/${file}`);
  if (without.includes('libcudnn.so.9')) files.delete('/opt/cudnn/libcudnn.so.9');
  const cached = libraries.filter((file) => file !== 'libcudnn.so.9' && !without.includes(file));
  return {
    platform: 'linux',
    arch: 'x64',
    runtimeFolder,
    libraryPath: '/opt/cudnn:/elsewhere',
    exists: (path) => files.has(path),
    linkerCache: () => cached.map((file) => `\t${file} (libc6,x86-64) => /usr/lib/${file}\n`).join(''),
    ...change,
  };
}

describe('findCuda', () => {
  it('misses nothing where all is there, in the cache of the linker or on the library path', () => {
    expect(findCuda(gpuMachine()).missing).toEqual([]);
  });

  it.each([...providers, ...libraries])('names %s when it is missing, and nothing else', (file) => {
    const { missing } = findCuda(gpuMachine([file]));
    expect(missing).toHaveLength(1);
    expect(missing[0]).toContain(file);
  });

  it('takes libcudart.so.13 for no libcudart.so.12', () => {
    const look = gpuMachine(['libcudart.so.12']);
    const cache = `${look.linkerCache()}\tlibcudart.so.13 (libc6,x86-64) => /usr/lib/x\n`;
    expect(findCuda({ ...look, linkerCache: () => cache }).missing[0]).toContain('13 does not do');
  });

  it('says on other machines that there is no CUDA for them, before it names files', () => {
    const { missing } = findCuda(gpuMachine([], { platform: 'darwin', arch: 'arm64' }));
    expect(missing).toEqual([expect.stringContaining('Linux on x64 only (this is darwin on arm64)')]);
  });

  it('looks where onnxruntime really is', () => {
    expect(existsSync(`${thisMachine(undefined).runtimeFolder}/onnxruntime_binding.node`)).toBe(true);
  });
});

describe('chooseDevice', () => {
  it.each([
    ['cpu', [], 'cpu'],
    ['auto', [], 'cuda'],
    ['auto', ['libcudnn.so.9'], 'cpu'],
    ['cuda', [], 'cuda'],
  ] as const)('%s without %j: %s', (wish, without, device) => {
    expect(chooseDevice(wish, () => findCuda(gpuMachine(without))).device).toBe(device);
  });

  it('says why it is the CPU, when it is by itself', () => {
    const { why } = chooseDevice('auto', () => findCuda(gpuMachine(['libcuda.so.1'])));
    expect(why).toContain('libcuda.so.1 is on no library path: it comes with the NVIDIA driver');
  });

  it('never takes the CPU for a GPU that was asked for', () => {
    expect(cudaWithoutCudnn).toThrow(TouchlineError);
    expect(cudaWithoutCudnn).toThrow(/TOUCHLINE_DEVICE=cuda.*libcudnn\.so\.9.*cuDNN 9/);
  });
});

function cudaWithoutCudnn(): unknown {
  return chooseDevice('cuda', () => findCuda(gpuMachine(['libcudnn.so.9'])));
}
