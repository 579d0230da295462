import { join } from 'node:path';

import { afterAll, afterEach, describe, expect, it } from 'vitest';

import type { Inference, Tensor } from '../../../analytics/inference/inference.ts';
import { findCuda, thisMachine } from '../../../analytics/inference/cuda-libraries.ts';
import { createInference } from '../../../analytics/inference/inference-process.ts';
import { builtInModel, readModelFolder } from '../../../analytics/inference/model-folder.ts';
import type { ModelPack } from '../../../analytics/inference/model-manifest.ts';
import { silentLog } from '../../../core/log.ts';
import { isMissing, sharedPath } from '../support/make-media.ts';
import { celebrationManifest, modelFolder, sha256Of } from '../support/model-fixtures.ts';

const open: Inference[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function inference(
  options: { callWallMsMax?: number; callCountMax?: number } = {},
): ReturnType<typeof createInference> {
  const made = createInference({ log: silentLog, ...options });
  open.push(made);
  return made;
}

/** For tests that leave the child as it was: starting one takes most of their time. */
const shared = createInference({ log: silentLog });
afterAll(async () => await shared.close());

const vad = await builtInModel('silero-vad');

/** Silence for so many steps of 32 ms. */
function silence(stepCount: number): { inputs: Record<string, Tensor> } {
  return { inputs: { input: { dims: [stepCount, 576], data: new Float32Array(stepCount * 576) } } };
}

describe('the built-in models', () => {
  it.each(['silero-vad', 'pp-ocrv4-det', 'pp-ocrv4-rec'] as const)(
    '%s loads: its hash, shape and self-test hold',
    async (name) => {
      const pack = await builtInModel(name);
      await expect(shared.load(pack)).resolves.toEqual({
        device: 'cpu',
        placement: 'all-on-device',
        loadMs: expect.any(Number),
        selfTestMs: expect.any(Number),
      });
      await expect(shared.load(pack)).resolves.toBeUndefined(); // Loaded already.
    },
  );

  it('run a whole segment of steps in one call, with the state of each going into the next', async () => {
    const one = shared;
    const noisy = Float32Array.from({ length: 3 * 576 }, (_, index) => Math.sin(index * index) * 0.5);
    const together = await one.run(vad, { inputs: { input: { dims: [3, 576], data: noisy } } });
    const first = await one.run(vad, { inputs: { input: { dims: [1, 576], data: noisy.subarray(0, 576) } } });
    const third = await one.run(vad, { inputs: { input: { dims: [1, 576], data: noisy.subarray(1152) } } });
    expect(together['output']?.dims).toEqual([3, 1]);
    expect(together['output']?.data[0]).toBe(first['output']?.data[0]);
    expect(together['output']?.data[2]).not.toBe(third['output']?.data[0]); // It remembers the two before.
  });

  it('give the best column of each row instead of all 6625, out of those allowed', async () => {
    const reader = await builtInModel('pp-ocrv4-rec');
    const grey: Tensor = { dims: [1, 48, 64, 3], data: new Uint8Array(48 * 64 * 3).fill(128) };
    const output = 'softmax_11.tmp_0';
    const all = await shared.run(reader, { inputs: { x: grey } });
    const best = await shared.run(reader, {
      inputs: { x: grey },
      best: { output, columns: Int32Array.of(3, 7) },
    });
    expect(Object.keys(best)).toEqual([`${output}.index`, `${output}.value`]);
    expect(best[`${output}.index`]?.dims).toEqual([1, 8]);
    const row = all[output]?.data ?? new Float32Array();
    expect(best[`${output}.value`]?.data[0]).toBeCloseTo(Math.max(Number(row[3]), Number(row[7])), 6);
  });
});

describe('a child that dies', () => {
  it('costs the call in hand, retryable, and no other: the next finds a new child', async () => {
    const one = inference();
    await one.load(vad);
    const pid = one.childPid() ?? 0;
    const inHand = one.run(vad, silence(20_000));
    const waiting = one.run(vad, silence(2));
    process.kill(pid, 'SIGKILL');
    await expect(inHand).rejects.toMatchObject({
      code: 'inference.crashed',
      retryable: true,
      blame: 'environment',
    });
    expect((await waiting)['output']?.dims).toEqual([2, 1]);
    expect(one.childPid()).not.toBe(pid);
  });

  it('is ended by us when a call takes longer than its limit', async () => {
    const one = inference({ callWallMsMax: 3000 });
    await one.load(vad);
    const pid = one.childPid() ?? 0;
    process.kill(pid, 'SIGSTOP');
    await expect(one.run(vad, silence(1))).rejects.toMatchObject({
      code: 'inference.wall-limit',
      retryable: true,
    });
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });

  it('of old age is replaced between two calls', async () => {
    const one = inference({ callCountMax: 2 });
    await one.run(vad, silence(1));
    const pid = one.childPid();
    await one.run(vad, silence(1));
    await one.run(vad, silence(1));
    expect(one.childPid()).not.toBe(pid);
  });

  it('by our own hand leaves nothing behind', async () => {
    const one = inference();
    await one.load(vad);
    const pid = one.childPid() ?? 0;
    const inHand = one.run(vad, silence(20_000));
    await Promise.all([expect(inHand).rejects.toMatchObject({ code: 'aborted' }), one.close()]);
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    await expect(one.run(vad, silence(1))).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('a call', () => {
  it('that was called off while it waited is not run, and does not stop those behind it', async () => {
    const one = inference();
    await expect(one.run(vad, silence(1), AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
    expect((await one.run(vad, silence(1)))['output']?.dims).toEqual([1, 1]);
  });

  it('with inputs of the wrong shape is refused with a message, and the child lives on', async () => {
    const one = inference();
    const wrong = { inputs: { input: { dims: [1, 9], data: new Float32Array(9) } } };
    await expect(one.run(vad, wrong)).rejects.toMatchObject({ code: 'inference.failed', retryable: false });
    const pid = one.childPid();
    await one.run(vad, silence(1));
    expect(one.childPid()).toBe(pid);
  });
});

describe.skipIf(isMissing('models'))('a model that somebody brings', () => {
  const from = sharedPath('models/celebration_squeezenet.onnx');

  it('is taken when it is what its manifest says', async () => {
    const { folder, remove } = await modelFolder([{ manifest: await celebrationManifest(), from }]);
    try {
      const [pack] = await readModelFolder(folder);
      await expect(shared.load(pack as ModelPack)).resolves.toMatchObject({ device: 'cpu' });
    } finally {
      await remove();
    }
  });

  it.each<[string, (manifest: Awaited<ReturnType<typeof celebrationManifest>>) => unknown, string, RegExp]>([
    [
      'another hash',
      (it) => ({ ...it, sha256: '0'.repeat(64) }),
      'model.wrong-hash',
      /sha256 .* its manifest says 0000/,
    ],
    [
      'another input shape',
      (it) => ({ ...it, inputs: [{ ...it.inputs[0], shape: ['N', 3, 256, 256] }] }),
      'model.wrong-shape',
      /input "input" is \[N, 3, 224, 224\], the manifest says \[N, 3, 256, 256\]/,
    ],
    [
      'another output name',
      (it) => ({ ...it, outputs: [{ ...it.outputs[0], name: 'logits' }], selftest: undefined }),
      'model.wrong-shape',
      /no output "logits" \(it has "probs"\)/,
    ],
    [
      'another type',
      (it) => ({ ...it, inputs: [{ ...it.inputs[0], dtype: 'uint8' }] }),
      'model.wrong-shape',
      /is float32, the manifest says uint8/,
    ],
    [
      'too many classes',
      (it) => ({ ...it, outputs: [{ ...it.outputs[0], classes: ['celebration', 'b', 'c'] }] }),
      'model.wrong-shape',
      /has 2 columns, "classes" names 3/,
    ],
    [
      'another result of the self-test',
      (it) => ({ ...it, selftest: { output: 'probs', expect: { '0': 0.5 } } }),
      'model.selftest',
      /probs\[0\] is 0\.69.* instead of 0\.5/,
    ],
    [
      'a file that is not there',
      (it) => ({ ...it, file: 'missing.onnx' }),
      'model.unreadable',
      /missing\.onnx cannot be read/,
    ],
  ])('with %s is refused in one clear error, for good', async (_what, change, code, message) => {
    const manifest = change(await celebrationManifest()) as Awaited<ReturnType<typeof celebrationManifest>>;
    const { folder, remove } = await modelFolder([{ manifest }]);
    try {
      const [pack] = await readModelFolder(folder);
      const path = manifest.file === 'missing.onnx' ? join(folder, 'missing.onnx') : from;
      const loading = shared.load({ ...(pack as ModelPack), path });
      await expect(loading).rejects.toMatchObject({ code, retryable: false, blame: 'environment' });
      await expect(loading).rejects.toThrow(message);
    } finally {
      await remove();
    }
  });

  it('that is no model at all is refused', async () => {
    const path = sharedPath('models/yamnet_labels.txt');
    const { folder, remove } = await modelFolder([
      { manifest: { ...(await celebrationManifest()), sha256: await sha256Of(path) } },
    ]);
    try {
      const [pack] = await readModelFolder(folder);
      await expect(shared.load({ ...(pack as ModelPack), path })).rejects.toMatchObject({
        code: 'model.unreadable',
      });
    } finally {
      await remove();
    }
  });
});

describe('a folder of models', () => {
  it('that does not exist, or holds a manifest that is none, is named with all that is wrong', async () => {
    await expect(readModelFolder('/nowhere/models')).rejects.toThrow(
      /\/nowhere\/models: the folder of models cannot be read/,
    );
    const { folder, remove } = await modelFolder([
      { manifest: { id: 'x', schema: 'touchline.model/1', task: 'poetry' } as never },
    ]);
    try {
      await expect(readModelFolder(folder)).rejects.toMatchObject({
        code: 'model.bad-manifest',
        retryable: false,
      });
      await expect(readModelFolder(folder)).rejects.toThrow(/x\.json.*task: .*sha256: /s);
    } finally {
      await remove();
    }
  });
});

it.each([
  ['cpu', 8],
  ['cuda', 250],
] as const)('takes on %s as many pictures in one call as are good for it', async (device, batchMax) => {
  const one = createInference({ log: silentLog, device });
  expect(one.batchMax).toBe(batchMax);
  await one.close();
});

describe.skipIf(findCuda(thisMachine(undefined)).missing.length === 0)('a GPU that is not there', () => {
  it('is refused by the runtime too, whatever was found before, and the CPU does not step in', async () => {
    const one = createInference({ log: silentLog, device: 'cuda' });
    try {
      await expect(one.load(await builtInModel('silero-vad'))).rejects.toMatchObject({
        code: 'inference.no-cuda',
        retryable: false,
      });
    } finally {
      await one.close();
    }
  });
});
