import type { Signal } from '../../core/moment.ts';
import type { Inference } from '../inference/inference.ts';
import type { ModelPack } from '../inference/model-manifest.ts';
import type { Detector, Sound } from './detector.ts';
import { binsOf } from './sound-grid.ts';

/**
 * Is somebody talking? Tells the commentator from the crowd: Silero VAD gives 0.75-0.91 on commentary and 0.00 on
 * roars, cheers and applause.
 *
 * Signal `speech.probability`, 0 to 1, every 500 ms on the run's grid: mean over the half second.
 */
export function createSpeechDetector(inference: Inference, model: ModelPack): Detector {
  return {
    name: 'speech',
    needs: ({ pass }) => (pass === 'coarse' ? { sound: true } : undefined),
    detect: async ({ sound }, signal) => {
      if (!sound || sound.samples.length < windowSamples) return { signals: [], spots: [] };
      const found = await inference.run(model, { inputs: { input: windowsOf(sound) } }, signal);
      const probabilities = found['output']?.data as Float32Array;
      return { signals: [speechSignal(sound.startMs, probabilities)], spots: [] };
    },
  };
}

/** The model's own sizes at 16 kHz: 512 new samples behind the last 64 of the window before. */
const windowSamples = 512;
const contextSamples = 64;
const windowMs = 32;

function windowsOf(sound: Sound): { dims: number[]; data: Float32Array } {
  const count = Math.floor(sound.samples.length / windowSamples);
  const size = contextSamples + windowSamples;
  const data = new Float32Array(count * size);
  for (let window = 0; window < count; window += 1) {
    const end = (window + 1) * windowSamples;
    const start = Math.max(0, end - size);
    const piece = sound.samples.subarray(start, end);
    data.set(piece, window * size + size - piece.length);
  }
  return { dims: [count, size], data };
}

function speechSignal(startMs: number, probabilities: Float32Array): Signal {
  const bins = binsOf({ startMs, stepMs: windowMs, stepCount: probabilities.length });
  return {
    name: 'speech.probability',
    unit: '0-1',
    atMs: bins.map((bin) => bin.atMs),
    values: bins.map((bin) => {
      const values = probabilities.subarray(bin.first, bin.first + bin.count);
      return Math.round((values.reduce((sum, value) => sum + value, 0) / bin.count) * 100) / 100;
    }),
  };
}
