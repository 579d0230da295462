import type { Signal } from '../../core/moment.ts';
import type { Detector, Sound } from './detector.ts';
import { binsOf, frameLevelsDb } from './sound-grid.ts';

/**
 * How loud the crowd is. Loudness alone is wrong (a commentator who starts to talk adds 10 dB), so it is the *floor*
 * under all else that counts: thousands of voices have no pauses. How far it rose is for the moments to say, who see
 * more than one segment.
 *
 * Signals, every 500 ms on the run's grid, the sample standing at the start of its half second:
 * - `crowd.floor`, dB below full scale: 20th percentile of the power of 20 ms frames above 200 Hz
 * - `crowd.crest`, dB: mean of those frames' levels minus the floor; 1-2 for a roar, 5 and more for speech
 */
export function createCrowdDetector(): Detector {
  return {
    name: 'crowd',
    needs: ({ pass }) => (pass === 'coarse' ? { sound: true } : undefined),
    detect: async ({ sound }) => ({ signals: sound ? crowdSignals(sound) : [], spots: [] }),
  };
}

const frameMs = 20;
/** Wind, hum and the bass of the stadium's music lie below. */
const highPassHz = 200;
const floorPercentile = 0.2;

export function crowdSignals(sound: Sound): Signal[] {
  const levels = frameLevelsDb(sound, { frameMs, highPassHz });
  const floor: Signal = { name: 'crowd.floor', unit: 'dBFS', atMs: [], values: [] };
  const crest: Signal = { name: 'crowd.crest', unit: 'dB', atMs: [], values: [] };
  for (const bin of binsOf({ startMs: sound.startMs, stepMs: frameMs, stepCount: levels.length })) {
    const sorted = levels.slice(bin.first, bin.first + bin.count).toSorted();
    const floorDb = sorted[Math.floor(floorPercentile * (bin.count - 1))] ?? 0;
    const meanDb = sorted.reduce((sum, level) => sum + level, 0) / bin.count;
    floor.atMs.push(bin.atMs);
    floor.values.push(tenths(floorDb));
    crest.atMs.push(bin.atMs);
    crest.values.push(tenths(meanDb - floorDb));
  }
  return [floor, crest];
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
