import { z } from 'zod';

const dimension = z.union([z.int().positive(), z.string().min(1)]);
const tensorShape = z.array(dimension).min(1).max(6);
const zeroToOne = z.number().min(0).max(1);

const videoInput = z.strictObject({
  name: z.string().min(1),
  media: z.literal('video'),
  /** Pictures per second the model was trained on; more than keyframes means that it runs in the fine pass. */
  fps: z.number().positive().max(60),
  layout: z.enum(['BCHW', 'BHWC']),
  dtype: z.enum(['float32', 'uint8']),
  /** As the session reports it; a letter stands for a free dimension. */
  shape: tensorShape.length(4),
  resize: z.enum(['exact', 'letterbox', 'center-crop']).default('exact'),
  padValue: z.int().min(0).max(255).default(0),
  color: z.enum(['RGB', 'BGR']).default('RGB'),
  /** value = (byte * scale - mean) / std, per channel in the model's order. Leave out what the graph does itself. */
  scale: z.number().positive().default(1),
  mean: z.array(z.number()).length(3).default([0, 0, 0]),
  std: z.array(z.number().positive()).length(3).default([1, 1, 1]),
});

const audioInput = z.strictObject({
  name: z.string().min(1),
  media: z.literal('audio'),
  sampleRate: z.literal(16_000),
  channels: z.literal(1),
  /** Samples per window, from one window to the next, and how many of the window before are put in front. */
  samples: z.int().positive().max(1_600_000),
  hop: z.int().positive(),
  context: z.int().nonnegative().default(0),
  layout: z.literal('BS'),
  dtype: z.literal('float32').default('float32'),
  shape: tensorShape.length(2),
});

const output = z.strictObject({
  name: z.string().min(1),
  role: z.enum(['class-scores', 'speech-probability', 'text-map', 'text-rows', 'embedding']),
  shape: tensorShape,
  activation: z.enum(['none', 'softmax', 'sigmoid']).default('none'),
  classes: z.array(z.string().min(1)).min(1).optional(),
});

/**
 * `touchline.model/1`: all that has to be known of a model besides its bytes. Lies beside them as `<name>.json`;
 * a folder of such pairs, named in the configuration, is all it takes to add models.
 */
export const modelManifest = z.strictObject({
  schema: z.literal('touchline.model/1'),
  /** Becomes the `source` of spots and the first part of signal names. */
  id: z.string().regex(/^[a-z][a-z0-9-]{0,60}$/),
  version: z.string().min(1),
  license: z.string().min(1),
  /** Which sports it is for; empty = all. */
  sports: z.array(z.string()).default([]),
  task: z.enum(['frame-classifier', 'audio-tagger', 'vad', 'ocr-det', 'ocr-rec']),
  /** In the manifest's folder; `npm:<package>/<path>` for a file inside an installed package. */
  file: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  inputs: z
    .array(z.discriminatedUnion('media', [videoInput, audioInput]))
    .min(1)
    .max(1),
  /** Fed back from call to call: what comes out as `out` goes in as `in`. Zeros at the start. */
  state: z
    .array(z.strictObject({ in: z.string(), out: z.string(), shape: z.array(z.int().positive()) }))
    .default([]),
  /** Inputs that are always the same, by name. Integers are int64 scalars. */
  constants: z.record(z.string(), z.int()).default({}),
  outputs: z.array(output).min(1),
  post: z
    .strictObject({
      /** Detections of one class that lie nearer together are one. */
      windowSec: z.number().min(0).max(60).default(1),
      /** Per class, `*` for the others. */
      threshold: z.record(z.string(), zeroToOne).default({ '*': 0.5 }),
    })
    .prefault({}),
  /** Which classes are of interest; those left out are not reported. */
  signals: z
    .record(z.string(), z.strictObject({ event: z.string().min(1), weight: zeroToOne.default(1) }))
    .default({}),
  /** Run at load on noise (see `loaded-model.ts`): which values have to come out, by their place in the output. */
  selftest: z
    .strictObject({
      /** Sizes of the free dimensions, 1 for those not named. */
      dims: z.record(z.string(), z.int().positive()).default({}),
      output: z.string(),
      expect: z.record(z.string().regex(/^\d+$/), z.number()),
      tolerance: z.number().positive().default(0.01),
    })
    .optional(),
});

export type ModelManifest = z.infer<typeof modelManifest>;
export type VideoInput = z.infer<typeof videoInput>;
export type AudioInput = z.infer<typeof audioInput>;

/** A manifest and where its bytes lie. Not yet proven: that happens in the child, on the bytes it loads. */
export interface ModelPack {
  manifest: ModelManifest;
  path: string;
}
