import { z } from 'zod';

const dimension = z.union([z.int().positive(), z.string().min(1)]);
const tensorShape = z.array(dimension).min(1).max(6);
const zeroToOne = z.number().min(0).max(1);

const videoInput = z.strictObject({
  name: z.string().min(1),
  media: z.literal('video'),
  /** Pictures per second the model was trained on; more than keyframes means that it runs in the fine pass. */
  fps: z.number().positive().max(60),
  /** B pictures, or for a spotter B windows of T pictures each. */
  layout: z.enum(['BCHW', 'BHWC', 'BTCHW', 'BTHWC']),
  dtype: z.enum(['float32', 'uint8']),
  /** As the session reports it; a letter stands for a free dimension. */
  shape: tensorShape.min(4).max(5),
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
  /** What has to be done to make probabilities of it: `none` when the graph does it. */
  activation: z.enum(['none', 'softmax', 'sigmoid']).default('none'),
  classes: z.array(z.string().min(1)).min(1).optional(),
});

/** How a spotter is led over time. Counted in its own frames: `inputs[0].fps` of them are a second. */
const window = z.strictObject({
  /** T: how many it looks at in one go. */
  frames: z.int().min(1).max(1000),
  /** From the start of one window to the next; what several windows say of one frame is merged. */
  stride: z.int().min(1).max(1000),
  /**
   * How many frames a score depends on, itself in the middle. Nearer to the end of a window than half of it, a score is made
   * of padding and only used where no other window sees the frame whole. 1 = each frame by itself.
   */
  receptiveField: z.int().min(1).max(2001).default(1),
  /** The scores are of every frame of the window [B, T, K], or of the one in its middle [B, K]. */
  anchor: z.enum(['all', 'middle']).default('all'),
  /** What stands for pictures that are not there: the nearest one, or black. */
  pad: z.enum(['edge', 'zero']).default('edge'),
  merge: z.enum(['mean', 'max']).default('mean'),
});

const fields = z.strictObject({
  schema: z.literal('touchline.model/1'),
  /** Becomes the `source` of spots and the first part of signal names. */
  id: z.string().regex(/^[a-z][a-z0-9-]{0,60}$/),
  version: z.string().min(1),
  license: z.string().min(1),
  /** Which sports it is for; empty = all. */
  sports: z.array(z.string()).default([]),
  task: z.enum(['frame-classifier', 'spotter', 'audio-tagger', 'vad', 'ocr-det', 'ocr-rec']),
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
  /**
   * Where a model that wants more pictures than the keyframes is asked. `candidates`: where something is suspected already.
   * `everywhere`: on every segment as it comes; costs a full decode of all of it, 20 times that of the keyframes.
   */
  look: z.enum(['candidates', 'everywhere']).default('candidates'),
  /** For task `spotter`, and for no other. */
  window: window.optional(),
  post: z
    .strictObject({
      /** Of detections of one class that lie nearer together only the highest stands (non-maximum suppression). */
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

/**
 * `touchline.model/1`: all that has to be known of a model besides its bytes. Lies beside them as `<name>.json`;
 * a folder of such pairs, named in the configuration, is all it takes to add models.
 */
export const modelManifest = fields.superRefine((manifest, context) => {
  for (const [path, message] of [...spotterProblems(manifest), ...classProblems(manifest)]) {
    context.addIssue({ code: 'custom', path, message });
  }
});

type Problem = [path: PropertyKey[], message: string];

/** What the fields of a manifest have to say of each other, before any model is opened. */
function spotterProblems({ task, window, inputs, outputs }: z.infer<typeof fields>): Problem[] {
  const [input] = inputs;
  if (task !== 'spotter') {
    const isWindowed = input?.media === 'video' && input.shape.length === 5;
    return [
      ...(window ? [[['window'], 'is for task "spotter" only'] satisfies Problem] : []),
      ...(isWindowed
        ? [[['inputs', 0, 'shape'], 'has windows in it, so the task is "spotter"'] satisfies Problem]
        : []),
    ];
  }
  if (!window)
    return [[['window'], 'is missing: how many frames a spotter looks at in one go, and its stride']];
  const problems: Problem[] = [];
  if (input?.media !== 'video' || input.layout.length !== 5) {
    problems.push([['inputs', 0, 'layout'], 'must be BTCHW or BTHWC for a spotter']);
  } else if (
    input.shape.length === 5 &&
    typeof input.shape[1] === 'number' &&
    input.shape[1] !== window.frames
  ) {
    problems.push([['inputs', 0, 'shape'], `has ${input.shape[1]} frames, "window" says ${window.frames}`]);
  }
  if (window.stride > window.frames) {
    problems.push([
      ['window', 'stride'],
      `must not exceed frames (${window.frames}), or frames between windows are missed`,
    ]);
  }
  if (window.anchor === 'middle' && window.stride !== 1) {
    problems.push([['window', 'stride'], 'must be 1 where only the middle of a window is scored']);
  }
  if (window.receptiveField > 2 * window.frames - 1) {
    problems.push([
      ['window', 'receptiveField'],
      `must not exceed ${2 * window.frames - 1}: no score can see past its window`,
    ]);
  }
  const index = outputs.findIndex(({ role }) => role === 'class-scores');
  const { shape = [], classes } = outputs[index] ?? {};
  const rank = window.anchor === 'all' ? 3 : 2;
  if (!classes) {
    problems.push([['outputs'], 'must have one with role "class-scores" and "classes"']);
  } else if (shape.length !== rank) {
    const due = rank === 3 ? '[B, T, K]' : '[B, K]';
    problems.push([['outputs', index, 'shape'], `must be ${due} for anchor "${window.anchor}"`]);
  } else if (rank === 3 && typeof shape[1] === 'number' && shape[1] !== window.frames) {
    problems.push([
      ['outputs', index, 'shape'],
      `has ${shape[1]} rows a window, "window" says ${window.frames} frames`,
    ]);
  }
  return problems;
}

/** A name that is no class would be a signal that is always 0. */
function classProblems({ outputs, signals, post }: z.infer<typeof fields>): Problem[] {
  const classes = outputs.find(({ role }) => role === 'class-scores')?.classes;
  if (!classes) return [];
  const unknown = (name: string): boolean => name !== '*' && !classes.includes(name);
  return [
    ...Object.keys(signals)
      .filter(unknown)
      .map((name): Problem => [['signals', name], 'is none of the classes']),
    ...Object.keys(post.threshold)
      .filter(unknown)
      .map((name): Problem => [['post', 'threshold', name], 'is none of the classes']),
  ];
}

export type ModelManifest = z.infer<typeof modelManifest>;
export type VideoInput = z.infer<typeof videoInput>;
export type ModelWindow = z.infer<typeof window>;
export type AudioInput = z.infer<typeof audioInput>;

/** A manifest and where its bytes lie. Not yet proven: that happens in the child, on the bytes it loads. */
export interface ModelPack {
  manifest: ModelManifest;
  path: string;
}
