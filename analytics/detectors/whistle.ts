import type { Spot } from '../../core/moment.ts';
import type { Detector, Sound } from './detector.ts';
import { PowerSpectrum } from './power-spectrum.ts';

/**
 * The referee's whistle: one narrow, steady, loud tone. No model; it found the one real kick-off whistle and gave one
 * false long hit in six clips without any.
 *
 * Spots `whistle`: `durationMs` is how long it blew, `confidence` grows with it, `evidence.hz` is its mean pitch.
 */
export function createWhistleDetector(): Detector {
  return {
    name: 'whistle',
    needs: ({ pass }) => (pass === 'coarse' ? { sound: true } : undefined),
    detect: async ({ sound }) => ({ signals: [], spots: sound ? findWhistles(sound) : [] }),
  };
}

const fftSize = 512;
const hopSamples = 256;
/** Pea whistles of field sports blow at 2.8 to 4.6 kHz, others from 2.2 on. */
const lowestHz = 2200;
const highestHz = 4700;
const peaHz: readonly [number, number] = [2800, 4600];
/** The tone stands this far above the median of its band... */
const prominenceDbMin = 18;
/** ...and holds this share of the whole power in its three bins. */
const shareMin = 0.35;
const durationMsMin = 120;
/** A trill takes the tone away for a frame or two. */
const holeFrameCountMax = 3;

interface Tone {
  frame: number;
  hz: number;
}

export function findWhistles(sound: Sound): Spot[] {
  const frameMs = (hopSamples / sound.sampleRateHz) * 1000;
  const runs: Tone[][] = [];
  for (const tone of tonesOf(sound)) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (last && tone.frame - last.frame <= holeFrameCountMax + 1) run?.push(tone);
    else runs.push([tone]);
  }
  return runs.flatMap((run): Spot[] => {
    const first = run[0]?.frame ?? 0;
    const frameCount = (run.at(-1)?.frame ?? 0) - first + 1;
    const durationMs = Math.round(frameCount * frameMs);
    if (durationMs < durationMsMin || run.length < frameCount / 2) return [];
    const hz = Math.round(run.reduce((sum, tone) => sum + tone.hz, 0) / run.length);
    const isPea = hz >= peaHz[0] && hz <= peaHz[1];
    return [
      {
        atMs: Math.round(sound.startMs + first * frameMs),
        label: 'whistle',
        // A blip of 0.12 s says little, a blow of half a second as much as a whistle can.
        confidence: Math.min(1, 0.4 + durationMs / 1000) * (isPea ? 1 : 0.5),
        source: 'whistle',
        durationMs,
        evidence: { hz },
      },
    ];
  });
}

const spectrum = new PowerSpectrum(fftSize);

function tonesOf(sound: Sound): Tone[] {
  const hzPerBin = sound.sampleRateHz / fftSize;
  const low = Math.ceil(lowestHz / hzPerBin);
  const high = Math.floor(highestHz / hzPerBin);
  const tones: Tone[] = [];
  for (let frame = 0; frame * hopSamples + fftSize <= sound.samples.length; frame += 1) {
    const power = spectrum.of(sound.samples, frame * hopSamples);
    let peak = low;
    for (let bin = low; bin <= high; bin += 1) if ((power[bin] ?? 0) > (power[peak] ?? 0)) peak = bin;
    const three = (power[peak - 1] ?? 0) + (power[peak] ?? 0) + (power[peak + 1] ?? 0);
    // Bin 3 is 94 Hz: what lies below is hum and wind, and would hide a whistle.
    let total = 0;
    for (let bin = 3; bin < power.length; bin += 1) total += power[bin] ?? 0;
    if (total < quiet || three < shareMin * total) continue;
    const median = power.slice(low, high + 1).toSorted()[(high - low) >> 1] ?? 0;
    if (10 * Math.log10((power[peak] ?? 0) / (median + 1e-12)) < prominenceDbMin) continue;
    tones.push({ frame, hz: peak * hzPerBin });
  }
  return tones;
}

/** About -60 dB: in digital silence the resampler's noise has tones too. */
const quiet = 1e-6 * fftSize * fftSize * 0.1;
