import { TouchlineError } from '../../core/errors.ts';
import type { Inference, Tensor } from '../inference/inference.ts';
import type { ModelPack, ModelWindow, VideoInput } from '../inference/model-manifest.ts';
import { probabilitiesOf, readClassScores } from './class-scores.ts';
import type { Detector } from './detector.ts';
import { isFor, sizeOf, viewOf } from './model-input.ts';
import { frameGrid, mergeScores, pictureOf, placeWindows, type FrameGrid } from './spotter-windows.ts';

/**
 * A model that looks at a window of frames and says of each what happens there. A window is mostly longer than a segment,
 * so it runs on into the segments beside it where they are there; what is missing is padded as the manifest says. Reports
 * on the frames of its own segment only: every frame is reported once, by the segment in which it lies.
 *
 * Frames lie on a grid of 1/fps from the start of the run, so neighbouring segments agree on where they are.
 */
export function createSpotter(parts: Parts): Detector {
  const { pack, inference, input, window, output } = parts;
  const { manifest } = pack;
  const needs = {
    // Twice as many as it takes: the fine pass leaves out B-frames, and the nearest of those left should be near.
    pictures: { perSecondMax: 2 * input.fps, view: viewOf(input) },
    isDense: true,
    neighbours: true,
  };
  return {
    name: manifest.id,
    needs: ({ pass, sport }) =>
      (pass === 'fine' || manifest.look === 'everywhere') && isFor(manifest.sports, sport)
        ? needs
        : undefined,
    detect: async (sample, signal) => {
      const grid = frameGrid(sample, input.fps);
      // A peak within this of the segment can still be higher than one inside it.
      const reach = Math.ceil(manifest.post.windowSec * input.fps);
      const starts = placeWindows(grid, window, reach);
      const windows: { start: number; rows: number[][] }[] = [];
      const batchSize = batchSizeOf(parts);
      for (let first = 0; first < starts.length; first += batchSize) {
        const batch = starts.slice(first, first + batchSize);
        const call = { inputs: { [input.name]: fill(batch, grid, parts) }, outputs: [output] };
        const rows = rowsOf(await inference.run(pack, call, signal), parts);
        const rowCount = window.anchor === 'all' ? window.frames : 1;
        if (rows.length < batch.length * rowCount)
          throw tooFewRows(rows.length, batch.length * rowCount, parts);
        for (const [index, start] of batch.entries()) {
          windows.push({ start, rows: rows.slice(index * rowCount, (index + 1) * rowCount) });
        }
      }
      const times = mergeScores(grid, window, windows);
      return readClassScores(manifest, times, { fromMs: sample.startMs, untilMs: sample.endMs });
    },
  };
}

interface Parts {
  pack: ModelPack;
  inference: Inference;
  input: VideoInput;
  window: ModelWindow;
  output: string;
}

/** 100 frames of 398x224 are 27 MB, which travel to the child in one message; a second of such windows is enough. */
const callBytesMax = 32 * 1024 * 1024;

function batchSizeOf({ input, window, inference }: Parts): number {
  const fixed = input.shape[0];
  if (typeof fixed === 'number') return fixed;
  const { width, height } = sizeOf(input);
  return Math.max(
    1,
    Math.min(inference.batchMax, Math.floor(callBytesMax / (window.frames * width * height * 3))),
  );
}

/** Windows of RGB bytes [B, T, height, width, 3]; a model with a fixed batch gets the rest of it black. */
function fill(starts: readonly number[], grid: FrameGrid, { input, window }: Parts): Tensor {
  const { width, height } = sizeOf(input);
  const count = typeof input.shape[0] === 'number' ? input.shape[0] : starts.length;
  const pictureBytes = width * height * 3;
  const data = new Uint8Array(count * window.frames * pictureBytes);
  for (const [index, start] of starts.entries()) {
    for (let frame = 0; frame < window.frames; frame += 1) {
      const picture = pictureOf(grid, start + frame, window.pad);
      if (picture) data.set(picture.rgb, (index * window.frames + frame) * pictureBytes);
    }
  }
  return { dims: [count, window.frames, height, width, 3], data };
}

function rowsOf(outputs: Record<string, Tensor>, { pack, output }: Parts): number[][] {
  const scores = outputs[output];
  return scores ? probabilitiesOf(pack.manifest, scores) : [];
}

/** A graph with free sizes may thin out its time: that shows in what comes out only. */
function tooFewRows(found: number, due: number, { pack, window }: Parts): TouchlineError {
  return new TouchlineError({
    code: 'model.wrong-shape',
    message:
      `model ${pack.manifest.id} gave ${found} rows of scores where its manifest promises ${due}: with anchor ` +
      `"${window.anchor}" a window of ${window.frames} frames has ${window.anchor === 'all' ? 'one for each' : 'one'}`,
    retryable: false,
    blame: 'environment',
  });
}
