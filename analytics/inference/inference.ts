import type { Device } from './device.ts';
import type { ModelPack } from './model-manifest.ts';

/** Runs models in a child process, one call at a time: onnxruntime blocks the event loop of whoever calls it. */
export interface Inference {
  /** The most pictures (or windows) that belong into one call on this device. */
  readonly batchMax: number;

  /** Loads and checks a model before it is needed; undefined when it was loaded already. */
  load(model: ModelPack, signal?: AbortSignal): Promise<LoadReport | undefined>;

  /**
   * Runs one model; it is loaded (hash, shape and self-test checked) on its first call.
   *
   * @throws TouchlineError `model.*` (not retryable): the model is not what its manifest says;
   *   `inference.crashed`, `inference.wall-limit` (retryable): this call is lost, the next one finds a new child;
   *   `inference.failed`: the model refused these inputs
   */
  run(model: ModelPack, call: InferenceCall, signal?: AbortSignal): Promise<Record<string, Tensor>>;
  close(): Promise<void>;
}

/** What a self-test inference has shown of a model on this machine. */
export interface LoadReport {
  device: Device;
  /** `some-on-cpu`: the GPU cannot compute every node of the graph, and hands some over for each call. */
  placement: 'all-on-device' | 'some-on-cpu';
  /** Reading, checking and building the session. */
  loadMs: number;
  /** One call; undefined for a model without self-test. */
  selfTestMs: number | undefined;
}

export interface InferenceCall {
  /**
   * By input name. Either in the type and layout of the model itself; or, for an input whose manifest says `media:
   * "video"`, RGB bytes as they came, dims [N, height, width, 3]: the child brings them into the manifest's colour,
   * scale, layout and type (bytes are a quarter of the floats that would have to travel otherwise).
   * For a model with `state`, dim 0 counts the steps: they are run one after the other with the state fed back.
   */
  inputs: Record<string, Tensor>;
  /** Only these outputs come back; default all but state. */
  outputs?: readonly string[];
  /**
   * Reduces one output over its last dimension in the child: instead of K values per row come back `<output>.index`
   * (int32, the best of `columns`, as an index into the whole row) and `<output>.value` (float32).
   */
  best?: { output: string; columns?: Int32Array };
}

export interface Tensor {
  dims: readonly number[];
  data: Float32Array | Uint8Array | Int32Array | BigInt64Array;
}
