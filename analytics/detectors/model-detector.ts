import { TouchlineError } from '../../core/errors.ts';
import type { Inference, Tensor } from '../inference/inference.ts';
import type { AudioInput, ModelManifest, ModelPack, VideoInput } from '../inference/model-manifest.ts';
import { classOutput, probabilitiesOf, readClassScores } from './class-scores.ts';
import type { Detector, Picture, Sound } from './detector.ts';
import { isFor, viewOf } from './model-input.ts';
import { createSpotter } from './spotter.ts';

/**
 * A detector made of nothing but a manifest: how a model that somebody brings is looked with.
 *
 * @throws TouchlineError `model.bad-manifest` for a task that is no detector of its own
 */
export function createModelDetector(pack: ModelPack, inference: Inference): Detector {
  const { inputs, window } = pack.manifest;
  const input = inputs[0];
  const scores = classOutput(pack.manifest);
  if (pack.manifest.task === 'frame-classifier' && input?.media === 'video' && scores?.classes) {
    return frameClassifier({ pack, inference, input, output: scores.name });
  }
  if (pack.manifest.task === 'spotter' && input?.media === 'video' && window && scores?.classes) {
    return createSpotter({ pack, inference, input, window, output: scores.name });
  }
  if (pack.manifest.task === 'audio-tagger' && input?.media === 'audio' && scores?.classes) {
    return audioTagger({ pack, inference, input, output: scores.name });
  }
  throw new TouchlineError({
    code: 'model.bad-manifest',
    message:
      `model ${pack.manifest.id} has task "${pack.manifest.task}" with ${input?.media} input: a model of a folder must be ` +
      'a "frame-classifier" or a "spotter" with video input, or an "audio-tagger" with audio input, and an output "class-scores" with "classes"',
    retryable: false,
    blame: 'environment',
  });
}

interface Parts<Input> {
  pack: ModelPack;
  inference: Inference;
  input: Input;
  output: string;
}

/** Keyframes come once in 1 to 4 s: a model that wants more looks at candidates, in the fine pass. */
const coarseFpsMax = 1;

function frameClassifier({ pack, inference, input, output }: Parts<VideoInput>): Detector {
  const { manifest } = pack;
  const isDense = input.fps > coarseFpsMax;
  const ownPass = isDense && manifest.look === 'candidates' ? 'fine' : 'coarse';
  const pictures = { perSecondMax: input.fps, view: viewOf(input) };
  return {
    name: manifest.id,
    needs: ({ pass, sport }) =>
      pass === ownPass && isFor(manifest.sports, sport) ? { pictures, isDense } : undefined,
    detect: async (sample, signal) => {
      const rows: number[][] = [];
      const batchSize = batchSizeOf(input, inference);
      for (let first = 0; first < sample.pictures.length; first += batchSize) {
        const batch = sample.pictures.slice(first, first + batchSize);
        const call = { inputs: { [input.name]: stack(batch) }, outputs: [output] };
        rows.push(...scoresOf(await inference.run(pack, call, signal), manifest));
      }
      return readClassScores(
        manifest,
        sample.pictures.map(({ atMs }, index) => ({ atMs, scores: rows[index] ?? [] })),
      );
    },
  };
}

function audioTagger({ pack, inference, input, output }: Parts<AudioInput>): Detector {
  const { manifest } = pack;
  return {
    name: manifest.id,
    needs: ({ pass, sport }) =>
      pass === 'coarse' && isFor(manifest.sports, sport) ? { sound: true } : undefined,
    detect: async ({ sound }, signal) => {
      const windows = sound ? windowsOf(sound, input) : undefined;
      if (!windows) return { signals: [], spots: [] };
      const rows: number[][] = [];
      const batchSize = batchSizeOf(input, inference);
      for (let first = 0; first < windows.atMs.length; first += batchSize) {
        const count = Math.min(batchSize, windows.atMs.length - first);
        const data = windows.data.subarray(first * input.samples, (first + count) * input.samples);
        const call = { inputs: { [input.name]: { dims: [count, input.samples], data } }, outputs: [output] };
        rows.push(...scoresOf(await inference.run(pack, call, signal), manifest));
      }
      return readClassScores(
        manifest,
        windows.atMs.map((atMs, index) => ({ atMs, scores: rows[index] ?? [] })),
      );
    },
  };
}

function batchSizeOf(input: VideoInput | AudioInput, { batchMax }: Inference): number {
  const size = input.shape[0];
  return typeof size === 'number' ? size : batchMax;
}

function stack(pictures: readonly Picture[]): Tensor {
  const { width = 0, height = 0 } = pictures[0] ?? {};
  const data = new Uint8Array(pictures.length * width * height * 3);
  for (const [index, picture] of pictures.entries()) data.set(picture.rgb, index * width * height * 3);
  return { dims: [pictures.length, height, width, 3], data };
}

/** Whole windows only, each dated at its middle; what is shorter than one window is filled up with silence. */
function windowsOf(sound: Sound, input: AudioInput): { atMs: number[]; data: Float32Array } {
  const count = 1 + Math.max(0, Math.floor((sound.samples.length - input.samples) / input.hop));
  const data = new Float32Array(count * input.samples);
  const atMs: number[] = [];
  for (let window = 0; window < count; window += 1) {
    const first = window * input.hop;
    data.set(sound.samples.subarray(first, first + input.samples), window * input.samples);
    atMs.push(Math.round(sound.startMs + ((first + input.samples / 2) / input.sampleRate) * 1000));
  }
  return { atMs, data };
}

function scoresOf(outputs: Record<string, Tensor>, manifest: ModelManifest): number[][] {
  const scores = outputs[classOutput(manifest)?.name ?? ''];
  return scores ? probabilitiesOf(manifest, scores) : [];
}
