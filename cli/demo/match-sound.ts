import { seededRandom, type MatchScript, type Swell } from './match-script.ts';

export const sampleRateHz = 48_000;

/** RMS of the quiet crowd, full scale = 1: -38 dBFS, so a roar of 17 dB stays clear of clipping. */
const bedLevel = 0.0126;

/**
 * The sound of a match, 16 bit mono: a crowd that murmurs, swells and roars, and the referee's whistle. Crowds are noise
 * with the highs taken off; when they shout, the highs come back.
 */
export function soundOf(script: MatchScript): Int16Array {
  const count = Math.round((script.durationMs / 1000) * sampleRateHz);
  const samples = new Int16Array(count);
  const noise = seededRandom(script.seed ^ 0xc0de);
  const dull = bandPass(250, 1_400);
  const bright = bandPass(500, 3_200);
  const blockLength = sampleRateHz / 100;
  let gain = 1;
  let excited = 0;
  for (let at = 0; at < count; at += 1) {
    if (at % blockLength === 0) {
      const ms = (at / sampleRateHz) * 1000;
      const swellDb = Math.max(0, ...script.swells.map((swell) => swellDbAt(swell, ms)));
      // The murmur itself breathes by a decibel or so.
      const murmurDb = Math.sin(ms / 3_700) * 0.7 + Math.sin(ms / 1_300) * 0.5;
      gain = 10 ** ((swellDb + murmurDb) / 20);
      excited = Math.min(1, swellDb / 15);
    }
    const white = noise() * 2 - 1;
    const crowd = (dull(white) * (1 - excited * 0.6) + bright(white) * excited * 0.6) * 2.6 * gain * bedLevel;
    samples[at] = Math.max(-1, Math.min(1, crowd)) * 32_000;
  }
  for (const whistle of script.whistles) addWhistle(samples, whistle);
  return samples;
}

/** A WAVE file (RIFF, PCM) around the samples. */
export function waveFile(samples: Int16Array): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(1, 22); // channels
  header.writeUInt32LE(sampleRateHz, 24);
  header.writeUInt32LE(sampleRateHz * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(samples.byteLength, 40);
  return Buffer.concat([header, Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)]);
}

function swellDbAt(swell: Swell, ms: number): number {
  const since = ms - swell.startMs;
  if (since < 0) return 0;
  if (since < swell.riseMs) return (swell.gainDb * since) / swell.riseMs;
  if (since < swell.riseMs + swell.holdMs) return swell.gainDb;
  return Math.max(0, swell.gainDb * (1 - (since - swell.riseMs - swell.holdMs) / swell.fallMs));
}

/** A pea whistle: one narrow tone near 3.4 kHz whose loudness trills 28 times a second. */
function addWhistle(samples: Int16Array, whistle: MatchScript['whistles'][number]): void {
  const start = Math.round((whistle.atMs / 1000) * sampleRateHz);
  const length = Math.round((whistle.durationMs / 1000) * sampleRateHz);
  const fade = sampleRateHz / 100;
  for (let at = 0; at < length; at += 1) {
    const seconds = at / sampleRateHz;
    const edge = Math.min(1, at / fade, (length - at) / fade);
    const trill = 0.75 + 0.25 * Math.sin(2 * Math.PI * 28 * seconds);
    const tone = Math.sin(2 * Math.PI * 3_400 * seconds + 0.3 * Math.sin(2 * Math.PI * 28 * seconds));
    const sum = (samples[start + at] ?? 0) + tone * trill * edge * 5_000;
    samples[start + at] = Math.max(-32_768, Math.min(32_767, sum));
  }
}

/** Two first-order filters, high-pass then low-pass; enough to colour noise. */
function bandPass(lowHz: number, highHz: number): (sample: number) => number {
  const lowShare = 1 - Math.exp((-2 * Math.PI * lowHz) / sampleRateHz);
  const highShare = 1 - Math.exp((-2 * Math.PI * highHz) / sampleRateHz);
  let low = 0;
  let smooth = 0;
  return (sample) => {
    low += (sample - low) * lowShare;
    smooth += (sample - low - smooth) * highShare;
    return smooth;
  };
}
