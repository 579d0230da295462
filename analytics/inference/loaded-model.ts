import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { TouchlineError } from '../../core/errors.ts';
import type { Device } from './device.ts';
import type { InferenceCall, LoadReport, Tensor } from './inference.ts';
import { lightenGraph } from './lighten-graph.ts';
import { checkAgainstSession } from './model-check.ts';
import { InferenceSession, Tensor as OrtTensor } from './onnx-runtime.ts';
import type { ModelManifest, ModelPack, VideoInput } from './model-manifest.ts';
import { bestOfRows, picturesToInput } from './tensors.ts';
import { wholeSequence } from './whole-sequence.ts';

/** A model whose hash, shape and self-test have been checked. Lives in the inference child. */
export interface LoadedModel {
  report: LoadReport;
  run(call: InferenceCall): Promise<Record<string, Tensor>>;
}

/**
 * @throws TouchlineError `model.unreadable`, `model.wrong-hash`, `model.wrong-shape`, `model.selftest`: never retryable,
 *   the operator has to give us the right file
 */
export async function loadModel(pack: ModelPack, device: Device = 'cpu'): Promise<LoadedModel> {
  const { manifest } = pack;
  const startedMs = performance.now();
  const bytes = await readModel(pack);
  const { session, placement } = await createSession(lightenGraph(bytes), pack, device);
  checkAgainstSession(manifest, session, pack.path);
  const sequence = manifest.state.length === 0 ? undefined : wholeSequence(bytes);
  const model: Model = sequence
    ? { manifest, session: (await createSession(sequence, pack, device)).session, takesSequences: true }
    : { manifest, session, takesSequences: false };
  if (model.session !== session) await session.release();
  const loadedMs = performance.now();
  const run = async (call: InferenceCall): Promise<Record<string, Tensor>> => await runModel(model, call);
  await selfTest(run, pack);
  return {
    run,
    report: {
      device,
      placement,
      loadMs: Math.round(loadedMs - startedMs),
      selfTestMs: manifest.selftest ? Math.round(performance.now() - loadedMs) : undefined,
    },
  };
}

/** The hash is taken of the very bytes that are loaded: the file may change behind us, they do not. */
async function readModel(pack: ModelPack): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(pack.path);
  } catch (cause) {
    throw wrong(pack, 'unreadable', `${pack.path} cannot be read: put the file there or mend "file"`, cause);
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== pack.manifest.sha256) {
    throw wrong(
      pack,
      'wrong-hash',
      `${pack.path} has sha256 ${sha256}, its manifest says ${pack.manifest.sha256}: it is another file, or damaged`,
    );
  }
  return bytes;
}

/**
 * onnxruntime hands a node that the GPU cannot compute to the CPU without a word: it is told not to first, so that it is known
 * and said (`some-on-cpu`), and only then allowed to.
 */
async function createSession(
  bytes: Uint8Array,
  pack: ModelPack,
  device: Device,
): Promise<{ session: InferenceSession; placement: LoadReport['placement'] }> {
  if (device === 'cuda') {
    try {
      return { session: await openSession(bytes, ['cuda'], '1'), placement: 'all-on-device' };
    } catch (cause) {
      // Only this one means "some nodes"; a missing library or a broken file fails again below, and is said there.
      if (!textOf(cause).includes('fallback to CPU')) throw cannotLoad(pack, device, cause);
    }
  }
  try {
    const providers = device === 'cuda' ? ['cuda', 'cpu'] : ['cpu'];
    const session = await openSession(bytes, providers, '0');
    return { session, placement: device === 'cuda' ? 'some-on-cpu' : 'all-on-device' };
  } catch (cause) {
    throw cannotLoad(pack, device, cause);
  }
}

async function openSession(
  bytes: Uint8Array,
  executionProviders: string[],
  noFallback: '0' | '1',
): Promise<InferenceSession> {
  return await InferenceSession.create(bytes, {
    executionProviders,
    // Several processes beat several threads, and spinning doubles a call's time on a busy core (measured).
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    extra: {
      session: {
        intra_op: { allow_spinning: '0' },
        inter_op: { allow_spinning: '0' },
        disable_cpu_ep_fallback: noFallback,
      },
    },
    logSeverityLevel: 3,
  });
}

function cannotLoad(pack: ModelPack, device: Device, cause: unknown): TouchlineError {
  if (textOf(cause).includes('ExecutionProvider')) {
    return new TouchlineError({
      code: 'inference.no-cuda',
      message: `model ${pack.manifest.id} cannot run on ${device} (${textOf(cause)}): \`touchline doctor\` says what is missing`,
      retryable: false,
      blame: 'environment',
      cause,
    });
  }
  return wrong(
    pack,
    'unreadable',
    `${pack.path} is no model that onnxruntime can load (${textOf(cause)})`,
    cause,
  );
}

interface Model {
  session: InferenceSession;
  manifest: ModelManifest;
  /** One call runs all steps of a model with `state`, from the state zero on (`whole-sequence.ts`). */
  takesSequences: boolean;
}

async function runModel(model: Model, call: InferenceCall): Promise<Record<string, Tensor>> {
  const { session, manifest } = model;
  const inputs = Object.fromEntries(
    Object.entries(call.inputs).map(([name, tensor]) => {
      const input = manifest.inputs.find((one) => one.name === name);
      const isPictures = input?.media === 'video' && tensor.data instanceof Uint8Array;
      return [name, isPictures ? picturesToInput(tensor, input) : tensor];
    }),
  );
  const names = call.outputs ?? manifest.outputs.map((output) => output.name);
  try {
    const found =
      manifest.state.length === 0 || model.takesSequences
        ? await runOnce(session, manifest, inputs, names)
        : await runSteps(session, manifest, inputs, names);
    return reduce(found, call.best);
  } catch (cause) {
    throw new TouchlineError({
      code: 'inference.failed',
      message: `model ${manifest.id} refused its inputs (${textOf(cause)})`,
      retryable: false,
      blame: 'touchline',
      cause,
    });
  }
}

async function runOnce(
  session: InferenceSession,
  manifest: ModelManifest,
  inputs: Record<string, Tensor>,
  names: readonly string[],
): Promise<Record<string, Tensor>> {
  const feeds = { ...toOrt(inputs), ...zeroState(manifest), ...constantFeeds(manifest) };
  const results = await session.run(feeds, [...names]);
  return Object.fromEntries(names.map((name) => [name, fromOrt(results[name])]));
}

/** One step for each row of the inputs, the state of each going into the next: a whole segment in one call. */
async function runSteps(
  session: InferenceSession,
  manifest: ModelManifest,
  inputs: Record<string, Tensor>,
  names: readonly string[],
): Promise<Record<string, Tensor>> {
  const stepCount = Object.values(inputs)[0]?.dims[0] ?? 0;
  const constants = constantFeeds(manifest);
  let state = zeroState(manifest);
  const rows: Record<string, Tensor[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (let step = 0; step < stepCount; step += 1) {
    const stepInputs = Object.fromEntries(
      Object.entries(inputs).map(([name, tensor]) => [name, rowOf(tensor, step)]),
    );
    const results = await session.run({ ...toOrt(stepInputs), ...state, ...constants });
    state = Object.fromEntries(manifest.state.map((one) => [one.in, results[one.out] as OrtTensor]));
    for (const name of names) rows[name]?.push(fromOrt(results[name]));
  }
  return Object.fromEntries(names.map((name) => [name, joinRows(rows[name] ?? [])]));
}

function zeroState(manifest: ModelManifest): Record<string, OrtTensor> {
  return Object.fromEntries(
    manifest.state.map((one) => [
      one.in,
      new OrtTensor('float32', new Float32Array(sizeOf(one.shape)), one.shape),
    ]),
  );
}

function reduce(found: Record<string, Tensor>, best: InferenceCall['best']): Record<string, Tensor> {
  const rows = best && found[best.output];
  if (!rows) return found;
  const { index, value } = bestOfRows(rows, best.columns);
  const { [best.output]: _reduced, ...others } = found;
  return { ...others, [`${best.output}.index`]: index, [`${best.output}.value`]: value };
}

/** Deterministic noise in, known values out: catches a runtime that computes nonsense on this machine. */
async function selfTest(run: LoadedModel['run'], pack: ModelPack): Promise<void> {
  const { selftest } = pack.manifest;
  if (!selftest) return;
  const inputs = Object.fromEntries(
    pack.manifest.inputs.map((input) => {
      const dims = input.shape.map((size) => (typeof size === 'number' ? size : (selftest.dims[size] ?? 1)));
      return [input.name, input.media === 'video' ? noisePictures(dims, input.layout) : noiseSound(dims)];
    }),
  );
  const outputs = await run({ inputs, outputs: [selftest.output] });
  for (const [index, expected] of Object.entries(selftest.expect)) {
    const got = Number(outputs[selftest.output]?.data[Number(index)]);
    if (Math.abs(got - expected) <= selftest.tolerance) continue;
    throw wrong(
      pack,
      'selftest',
      `${selftest.output}[${index}] is ${got} instead of ${expected}: this machine or its onnxruntime computes something else`,
    );
  }
}

function noisePictures(dims: readonly number[], layout: VideoInput['layout']): Tensor {
  const leading = dims.slice(0, -3);
  const [one = 1, two = 1, three = 1] = dims.slice(-3);
  const pictureDims = layout.endsWith('CHW') ? [...leading, two, three, one] : [...leading, one, two, three];
  const unit = noise();
  return {
    dims: pictureDims,
    data: Uint8Array.from({ length: sizeOf(dims) }, () => Math.floor(unit() * 256)),
  };
}

function noiseSound(dims: readonly number[]): Tensor {
  const unit = noise();
  return { dims, data: Float32Array.from({ length: sizeOf(dims) }, () => unit() * 2 - 1) };
}

/** The generator of Numerical Recipes, seeded with 1, so that any language can make the same self-test. */
function noise(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function constantFeeds(manifest: ModelManifest): Record<string, OrtTensor> {
  return Object.fromEntries(
    Object.entries(manifest.constants).map(([name, value]) => [
      name,
      new OrtTensor('int64', BigInt64Array.of(BigInt(value)), []),
    ]),
  );
}

function toOrt(tensors: Record<string, Tensor>): Record<string, OrtTensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { data, dims }]) => [name, ortTensor(data, dims)]),
  );
}

function ortTensor(data: Tensor['data'], dims: readonly number[]): OrtTensor {
  if (data instanceof Float32Array) return new OrtTensor('float32', data, dims);
  if (data instanceof Uint8Array) return new OrtTensor('uint8', data, dims);
  if (data instanceof Int32Array) return new OrtTensor('int32', data, dims);
  return new OrtTensor('int64', data, dims);
}

function fromOrt(tensor: OrtTensor | undefined): Tensor {
  if (!tensor) throw new Error('an output is missing');
  return { dims: tensor.dims, data: tensor.data as Tensor['data'] };
}

function rowOf(tensor: Tensor, row: number): Tensor {
  const dims = [1, ...tensor.dims.slice(1)];
  const size = sizeOf(dims);
  return { dims, data: tensor.data.subarray(row * size, (row + 1) * size) };
}

function joinRows(rows: readonly Tensor[]): Tensor {
  const first = rows[0];
  if (!first) return { dims: [0], data: new Float32Array() };
  const size = first.data.length;
  const data = new Float32Array(size * rows.length);
  for (const [index, row] of rows.entries()) data.set(row.data as Float32Array, index * size);
  return { dims: [rows.length, ...first.dims.slice(1)], data };
}

function sizeOf(dims: readonly number[]): number {
  return dims.reduce((size, dim) => size * dim, 1);
}

function textOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).split('\n')[0] ?? '';
}

function wrong(pack: ModelPack, what: string, message: string, cause?: unknown): TouchlineError {
  return new TouchlineError({
    code: `model.${what}`,
    message: `model ${pack.manifest.id}: ${message}`,
    retryable: false,
    blame: 'environment',
    cause,
  });
}
