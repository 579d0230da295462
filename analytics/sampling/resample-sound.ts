/**
 * Sound in another, lower rate: each new sample is a weighted mean (windowed sinc) of the old ones around it. Written out
 * here because a resampler inside ffmpeg holds back the last milliseconds until more sound comes.
 */
export function resampleSound(samples: Float32Array, fromHz: number, toHz: number): Float32Array {
  const { weights, phaseCount, step, reach } = kernelFor(fromHz, toHz);
  const out = new Float32Array(Math.floor((samples.length * toHz) / fromHz));
  const tapCount = 2 * reach;
  for (let index = 0; index < out.length; index += 1) {
    // Position in the old samples is index * step / phaseCount: a whole part and one of `phaseCount` phases.
    const whole = Math.floor((index * step) / phaseCount);
    const phase = index * step - whole * phaseCount;
    const first = whole - reach + 1;
    const at = phase * tapCount;
    if (first >= 0 && first + tapCount <= samples.length) {
      // Four sums, because each addition would wait for the one before: half the time, and it is the hot loop.
      let [one, two, three, four] = [0, 0, 0, 0];
      for (let tap = 0; tap < tapCount; tap += 4) {
        one += (weights[at + tap] as number) * (samples[first + tap] as number);
        two += (weights[at + tap + 1] as number) * (samples[first + tap + 1] as number);
        three += (weights[at + tap + 2] as number) * (samples[first + tap + 2] as number);
        four += (weights[at + tap + 3] as number) * (samples[first + tap + 3] as number);
      }
      out[index] = one + two + three + four;
      continue;
    }
    let sum = 0;
    for (let tap = 0; tap < tapCount; tap += 1) sum += (weights[at + tap] ?? 0) * (samples[first + tap] ?? 0);
    out[index] = sum;
  }
  return out;
}

/** Zero crossings of the sinc on either side: flat to 6.5 kHz of 8, 44 dB down at 9, 59 at 10. */
const crossingCount = 10;
/** Share of the new rate's band that is let through at half power. */
const cutoff = 0.94;

interface Kernel {
  weights: Float32Array;
  phaseCount: number;
  step: number;
  reach: number;
}

function kernelFor(fromHz: number, toHz: number): Kernel {
  const key = `${fromHz}/${toHz}`;
  let kernel = kernels.get(key);
  if (!kernel) kernels.set(key, (kernel = makeKernel(fromHz, toHz)));
  return kernel;
}
/** One for each rate that ever came: AAC has six of 32 kHz and more. */
const kernels = new Map<string, Kernel>();

function makeKernel(fromHz: number, toHz: number): Kernel {
  const divisor = commonDivisor(fromHz, toHz);
  const phaseCount = toHz / divisor;
  const step = fromHz / divisor;
  const band = (cutoff * toHz) / fromHz;
  // Even, so that the taps can be taken four at a time.
  const reach = 2 * Math.ceil(crossingCount / band / 2);
  const weights = new Float32Array(phaseCount * 2 * reach);
  for (let phase = 0; phase < phaseCount; phase += 1) {
    const of = weights.subarray(phase * 2 * reach, (phase + 1) * 2 * reach);
    let sum = 0;
    for (let tap = 0; tap < of.length; tap += 1) {
      const distance = tap - reach + 1 - phase / phaseCount;
      const weight = sinc(distance * band) * hann(distance / reach);
      of[tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < of.length; tap += 1) of[tap] = (of[tap] ?? 0) / sum;
  }
  return { weights, phaseCount, step, reach };
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function hann(x: number): number {
  return Math.abs(x) >= 1 ? 0 : 0.5 + 0.5 * Math.cos(Math.PI * x);
}

function commonDivisor(one: number, other: number): number {
  return other === 0 ? one : commonDivisor(other, one % other);
}
