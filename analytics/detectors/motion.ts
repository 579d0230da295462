import type { Signal } from '../../core/moment.ts';
import { overview } from './cuts.ts';
import type { CodedPicture, Detector, Picture } from './detector.ts';
import { binMs } from './sound-grid.ts';

/**
 * How much moves in the picture.
 *
 * Signals:
 * - `motion.amount`, kbit per picture, every 500 ms on the run's grid (coarse pass): what the encoder needed for the
 *   pictures between keyframes. Comparable within one feed only; costs nothing, because nothing is decoded
 * - `motion.difference`, 0 to 255 (fine pass): mean change of brightness from the picture before
 */
export function createMotionDetector(): Detector {
  return {
    name: 'motion',
    needs: ({ pass }) => (pass === 'fine' ? { pictures: overview } : {}),
    detect: async ({ pass, pictures, codedPictures }) => ({
      signals: (pass === 'coarse' ? motionAmount(codedPictures) : motionDifference(pictures)).filter(
        (signal) => signal.atMs.length > 0,
      ),
      spots: [],
    }),
  };
}

export function motionAmount(pictures: readonly CodedPicture[]): Signal[] {
  const signal: Signal = { name: 'motion.amount', unit: 'kbit/picture', atMs: [], values: [] };
  const bins = new Map<number, number[]>();
  for (const { atMs, bytes, isKeyframe } of pictures) {
    if (isKeyframe) continue;
    const binAtMs = Math.floor(atMs / binMs) * binMs;
    bins.set(binAtMs, [...(bins.get(binAtMs) ?? []), bytes]);
  }
  for (const [atMs, sizes] of bins) {
    const bytesMean = sizes.reduce((sum, bytes) => sum + bytes, 0) / sizes.length;
    signal.atMs.push(atMs);
    signal.values.push(Math.round((bytesMean * 8) / 100) / 10);
  }
  return [signal];
}

export function motionDifference(pictures: readonly Picture[]): Signal[] {
  return [
    {
      name: 'motion.difference',
      unit: '0-255',
      atMs: pictures.slice(1).map((picture) => picture.atMs),
      values: pictures.slice(1).map((picture, index) => meanChange(pictures[index], picture)),
    },
  ];
}

function meanChange(before: Picture | undefined, picture: Picture): number {
  let sum = 0;
  // Green carries most of the brightness (0.59 in Rec. 601) and saves two thirds of the work.
  for (let at = 1; at < picture.rgb.length; at += 3) {
    sum += Math.abs((picture.rgb[at] ?? 0) - (before?.rgb[at] ?? 0));
  }
  return Math.round((sum / (picture.width * picture.height)) * 100) / 100;
}
