import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { existsSync } from 'node:fs';

import { probe } from '../../core/process.ts';

/** What CUDA needs on this machine, and what of it is not there. */
export interface CudaFinding {
  /** One entry a thing, with the way to get it; empty = all is there. */
  missing: string[];
  /** Driver and folders, for the log. */
  where: string;
}

/** What has to be looked at; handed in so that a machine without a GPU can be told of one that has it. */
export interface CudaSurroundings {
  platform: string;
  arch: string;
  /** Folder of the native part of onnxruntime-node. */
  runtimeFolder: string;
  /** LD_LIBRARY_PATH as it will be for the inference child. */
  libraryPath: string | undefined;
  exists(path: string): boolean;
  /** `ldconfig -p`, empty where there is none. */
  linkerCache(): string;
}

/**
 * onnxruntime says "Failed to load shared library" for whatever is missing, and prints the name to stderr from native code;
 * this says which one, and where to get it. The names are those that `libonnxruntime_providers_cuda.so` of onnxruntime 1.30
 * for CUDA 12 is linked against
 * (https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html#requirements).
 */
const providerFiles = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];
const cudaLibraries: readonly { file: string; from: string }[] = [
  { file: 'libcuda.so.1', from: 'the NVIDIA driver' },
  { file: 'libcudart.so.12', from: 'the CUDA 12 runtime (13 does not do)' },
  { file: 'libcublas.so.12', from: 'the CUDA 12 runtime' },
  { file: 'libcublasLt.so.12', from: 'the CUDA 12 runtime' },
  { file: 'libcufft.so.11', from: 'the CUDA 12 runtime' },
  { file: 'libcurand.so.10', from: 'the CUDA 12 runtime' },
  { file: 'libcudnn.so.9', from: 'cuDNN 9 (Debian and Ubuntu: libcudnn9-cuda-12)' },
];

export function findCuda(look: CudaSurroundings): CudaFinding {
  if (look.platform !== 'linux' || look.arch !== 'x64') {
    return {
      missing: [`onnxruntime-node has CUDA for Linux on x64 only (this is ${look.platform} on ${look.arch})`],
      where: '',
    };
  }
  const missing: string[] = [];
  const cache = look.linkerCache();
  const folders = [
    look.runtimeFolder,
    ...(look.libraryPath ?? '').split(':').filter((folder) => folder !== ''),
  ];
  for (const { file, from } of cudaLibraries) {
    if (cache.includes(`\t${file} `) || folders.some((folder) => look.exists(join(folder, file)))) continue;
    missing.push(`${file} is on no library path: it comes with ${from}`);
  }
  for (const file of providerFiles) {
    if (look.exists(join(look.runtimeFolder, file))) continue;
    missing.push(
      `${file} is not in ${look.runtimeFolder} (run \`npm rebuild onnxruntime-node\` without ONNXRUNTIME_NODE_INSTALL=skip, or bake it into the image)`,
    );
  }
  return { missing, where: `onnxruntime in ${look.runtimeFolder}` };
}

/** This machine, with the library path that the inference child will get. */
export function thisMachine(libraryPath: string | undefined): CudaSurroundings {
  // The binding's folder is not a part of the package's interface; its main file's place is.
  const main = createRequire(import.meta.url).resolve('onnxruntime-node');
  const { platform, arch } = process;
  return {
    platform,
    arch,
    runtimeFolder: join(dirname(main), '..', 'bin', 'napi-v6', platform, arch),
    libraryPath,
    exists: existsSync,
    linkerCache: () => probe('/sbin/ldconfig', ['-p']).stdout,
  };
}
