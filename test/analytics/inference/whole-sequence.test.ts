import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { InferenceSession, Tensor } from '../../../analytics/inference/onnx-runtime.ts';
import { builtInModel } from '../../../analytics/inference/model-folder.ts';
import { wholeSequence } from '../../../analytics/inference/whole-sequence.ts';

const windowCount = 20;
const windowSize = 576;
const zeroState = (): Tensor => new Tensor('float32', new Float32Array(256), [2, 1, 128]);
const rate = new Tensor('int64', BigInt64Array.of(16_000n), []);

/** A voice of a kind: 140 Hz with overtones, in syllables. */
const windows = Float32Array.from({ length: windowCount * windowSize }, (_, at) => {
  const seconds = at / 16_000;
  const tone = [1, 2, 3, 5, 8].reduce((sum, n) => sum + Math.sin(2 * Math.PI * 140 * n * seconds) / n, 0);
  return 0.3 * tone * Math.max(0, Math.sin(2 * Math.PI * 4 * seconds));
});

describe('Silero VAD in one call', () => {
  it('hears the same as window by window', async () => {
    const { path } = await builtInModel('silero-vad');
    const file = await readFile(path);
    const steps = await InferenceSession.create(file, { logSeverityLevel: 3 });
    const expected: number[] = [];
    let state = zeroState();
    for (let step = 0; step < windowCount; step += 1) {
      const window = windows.slice(step * windowSize, (step + 1) * windowSize);
      const input = new Tensor('float32', window, [1, windowSize]);
      const found = await steps.run({ input, state, sr: rate });
      expected.push(Number(found['output']?.data[0]));
      state = found['stateN'] as Tensor;
    }
    // It has to depend on what came before, or a lost state would not show.
    expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(0.05);

    const whole = await InferenceSession.create(wholeSequence(file) ?? file, { logSeverityLevel: 3 });
    const input = new Tensor('float32', windows, [windowCount, windowSize]);
    const found = await whole.run({ input, state: zeroState(), sr: rate }, ['output']);
    expect(found['output']?.dims).toEqual([windowCount, 1]);
    for (const [step, value] of expected.entries()) expect(found['output']?.data[step]).toBeCloseTo(value, 4);
  });

  it('is for no other model', async () => {
    const { path } = await builtInModel('pp-ocrv4-det');
    expect(wholeSequence(await readFile(path))).toBeUndefined();
    expect(wholeSequence(Uint8Array.of(255))).toBeUndefined();
  });
});
