import type { Signal, Spot } from '../../core/moment.ts';
import type { CodedPicture, Detector, Picture, SegmentSample } from './detector.ts';

/**
 * Where the director changed the camera. ffmpeg's `scdet` misses two cuts in three on sport and fires on pans; colours
 * counted in each quarter of the picture, compared with what is usual around, found 15 of 16.
 *
 * Spots `cut`, at the first coded picture of the new shot:
 * - fine pass: two pictures up to 160 ms apart differ far more than their neighbours do; `evidence.difference` 0 to 1
 * - coarse pass: two keyframes differ and one picture between them took far more bytes than its like, because it could
 *   not be predicted from those before; `evidence.sizeRatio`. Found 6 of 8 without decoding anything more. Size alone
 *   is not enough (a source's own keyframes shine through), so what follows the last keyframe is left to the fine pass
 *
 * Signal `cuts.difference`, 0 to 1 (coarse pass): how different each keyframe is from the one before in the segment.
 */
export function createCutDetector(): Detector {
  return {
    name: 'cuts',
    needs: () => ({ pictures: overview }),
    detect: async (sample) => (sample.pass === 'coarse' ? lookAtKeyframes(sample) : lookAtAll(sample)),
  };
}

/** Motion asks for the same, so both share one decode. */
export const overview = { perSecondMax: 12.5, view: { kind: 'stretch', width: 64, height: 36 } } as const;

/** The same cut seen again, or a wipe, within this time is one cut. */
const cutApartMs = 500;
/** The footage's true cuts have 0.5 and more, its wildest whip pan 0.37. */
const differenceMin = 0.4;
/** Against the median of the second before and after: true cuts of the footage have 4.6 and more, pans up to 2.6. */
const ratioMin = 2.8;
const ratioFull = 5;
const neighbourCount = 12;
/** A still picture has a median of nearly 0, and any change would be infinitely unusual. */
const differenceNoise = 0.02;

export function lookAtAll(sample: Pick<SegmentSample, 'pictures' | 'codedPictures'>): {
  signals: Signal[];
  spots: Spot[];
} {
  const { pictures, codedPictures } = sample;
  const differences = differencesOf(pictures);
  const candidates = differences.flatMap(({ difference, fromMs, toMs }, index): Spot[] => {
    const near = differences.slice(Math.max(0, index - neighbourCount), index + neighbourCount + 1);
    const ratio = difference / (median(near.map((one) => one.difference)) + differenceNoise);
    if (difference < differenceMin || ratio < ratioMin) return [];
    const first = largest(codedPictures.filter(({ atMs }) => atMs > fromMs && atMs <= toMs));
    return [
      cut(first?.atMs ?? toMs, 0.5 + 0.5 * Math.min(1, ratio / ratioFull), { difference: round(difference) }),
    ];
  });
  const isBest = (one: Spot): boolean =>
    candidates.every(
      (other) =>
        Math.abs(other.atMs - one.atMs) >= cutApartMs ||
        differenceIn(other) < differenceIn(one) ||
        (differenceIn(other) === differenceIn(one) && other.atMs >= one.atMs),
    );
  return { signals: [], spots: candidates.filter(isBest) };
}

const keyframeDifferenceMin = 0.5;
const sizeRatioMin = 1;
const sizeNeighbourCount = 24;

export function lookAtKeyframes(sample: Pick<SegmentSample, 'pictures' | 'codedPictures'>): {
  signals: Signal[];
  spots: Spot[];
} {
  const { pictures, codedPictures } = sample;
  const differences = differencesOf(pictures);
  const spots = differences.flatMap(({ difference, fromMs, toMs }) =>
    difference < keyframeDifferenceMin ? [] : largestOfItsKind(codedPictures, { fromMs, toMs }),
  );
  const signal: Signal = {
    name: 'cuts.difference',
    unit: '0-1',
    atMs: differences.map((one) => one.toMs),
    values: differences.map((one) => round(one.difference)),
  };
  return { signals: differences.length === 0 ? [] : [signal], spots };
}

/** The picture that stands out most from the 24 coded before and behind it, if it does. */
function largestOfItsKind(
  codedPictures: readonly CodedPicture[],
  range: { fromMs: number; toMs: number },
): Spot[] {
  const inter = codedPictures.filter((picture) => !picture.isKeyframe);
  let best: { atMs: number; ratio: number } | undefined;
  for (const [index, { atMs, bytes }] of inter.entries()) {
    if (atMs <= range.fromMs || atMs > range.toMs) continue;
    const near = inter
      .slice(Math.max(0, index - sizeNeighbourCount), index + sizeNeighbourCount + 1)
      .map((one) => one.bytes)
      .toSorted((one, other) => other - one);
    // P-pictures are the large ones among B-pictures: the tenth part from above stands for them.
    const usual = (near[Math.floor(near.length / 10)] ?? 0) + (near[near.length >> 1] ?? 0);
    const ratio = near.length < sizeNeighbourCount || usual === 0 ? 0 : bytes / usual;
    if (ratio >= sizeRatioMin && ratio > (best?.ratio ?? 0)) best = { atMs, ratio };
  }
  return best ? [cut(best.atMs, Math.min(0.8, 0.3 + best.ratio / 4), { sizeRatio: round(best.ratio) })] : [];
}

function differencesOf(pictures: readonly Picture[]): { difference: number; fromMs: number; toMs: number }[] {
  const counts = pictures.map(countColours);
  return pictures.slice(1).map((picture, index) => ({
    difference: distance(counts[index], counts[index + 1]),
    fromMs: pictures[index]?.atMs ?? 0,
    toMs: picture.atMs,
  }));
}

const binCount = 512;

/** Share of each of 512 colours (3 bits a channel) in each quarter of the picture. */
function countColours({ width, height, rgb }: Picture): Float32Array {
  const counts = new Float32Array(4 * binCount);
  const share = 1 / (width * height);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 3) {
      const quarter = (y * 2 >= height ? 2 : 0) + (x * 2 >= width ? 1 : 0);
      const colour =
        (((rgb[at] ?? 0) >> 5) << 6) | (((rgb[at + 1] ?? 0) >> 5) << 3) | ((rgb[at + 2] ?? 0) >> 5);
      const bin = quarter * binCount + colour;
      counts[bin] = (counts[bin] ?? 0) + share;
    }
  }
  return counts;
}

/** 0 = the same colours in the same quarters, 1 = none in common. */
function distance(one: Float32Array | undefined, other: Float32Array | undefined): number {
  let sum = 0;
  for (let bin = 0; bin < 4 * binCount; bin += 1) sum += Math.abs((one?.[bin] ?? 0) - (other?.[bin] ?? 0));
  return sum / 2;
}

function cut(atMs: number, confidence: number, evidence: Record<string, number>): Spot {
  return { atMs, label: 'cut', confidence: round(confidence), source: 'cuts', durationMs: 0, evidence };
}

function differenceIn(spot: Spot): number {
  return Number(spot.evidence['difference']);
}

function largest(pictures: readonly CodedPicture[]): CodedPicture | undefined {
  return pictures.reduce<CodedPicture | undefined>(
    (best, one) => (best === undefined || one.bytes > best.bytes ? one : best),
    undefined,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
