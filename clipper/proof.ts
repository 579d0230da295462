import { ticksFromMs } from '../core/media-time.ts';
import type { ClipPlan } from './clip-plan.ts';
import { fingerprintPictures } from './commands.ts';
import { decodable } from './picture-encoder.ts';
import type { RunFfmpeg } from './run-ffmpeg.ts';
import type { Picture } from './source-media.ts';

export type Proof =
  | { isProven: true }
  /** `isElsewhere`: the peak is not in what was planned, so no other way of cutting the same plan can prove it. */
  | { isProven: false; because: string; isElsewhere?: true };

/**
 * Looks for the picture that the source shows at the moment's peak in the finished file, at its place. Both are decoded by
 * ffmpeg and compared as small grey pictures, so whatever goes wrong on the way (wrong place, broken decode, wrong
 * segment) shows.
 *
 * @param file the finished MP4 in the work folder
 * @param filters what was done to every picture on its way into the file: a crop, another size
 */
export async function proveClip(options: {
  peakMs: number;
  plan: ClipPlan;
  pictures: readonly Picture[];
  file: string;
  filters?: readonly string[];
  run: RunFfmpeg;
}): Promise<Proof> {
  const { plan, pictures, file, run } = options;
  const peak90k = ticksFromMs(options.peakMs);
  const expectedAt = findPeak(plan, pictures, peak90k);
  if (expectedAt === undefined) {
    return notInTheClip(options.peakMs);
  }
  const peak = plan.pictures[expectedAt];
  const from = Math.max(0, expectedAt - neighbourCount);
  const around = plan.pictures.slice(from, expectedAt + neighbourCount + 1);
  const input = decodable([peak?.source ?? 0], pictures);
  const sourceAt = input.atOf(peak?.source ?? 0);
  const [source = Buffer.alloc(0), found = Buffer.alloc(0)] = await run('looking for the peak', {
    args: fingerprintPictures({
      source: { from: sourceAt, to: sourceAt },
      sourceFilters: options.filters ?? [],
      file,
      // A little before the first of them, because the seek is rounded.
      fileSeekSeconds: Math.max(0, ((around[0]?.at ?? 0) - 1) / plan.timescale),
      fileRange: { from: around[0]?.at ?? 0, to: around.at(-1)?.at ?? 0 },
      fileCount: around.length,
      width: printWidth,
      height: printHeight,
    }),
    input: input.mp4,
    extraOutputs: 1,
  });
  return compare(source, found, expectedAt - from, around.length);
}

export function notInTheClip(peakMs: number): Proof {
  return {
    isProven: false,
    because: `no picture of the peak at ${peakMs} ms is in the clip`,
    isElsewhere: true,
  };
}

/** Enough detail to tell one frame of a pan from the next, little enough to forgive what an encoder does. */
const printWidth = 64;
const printHeight = 36;
const printBytes = printWidth * printHeight;

/** One picture off is the mistake that happens; six each way show how near a wrong one comes. */
const neighbourCount = 6;

/**
 * Mean difference of grey levels (0-255). On 1080p football, pictures encoded at crf 18 differ by 0.1 to 0.25, copied ones by
 * 0, the next different picture of a pan by 1 to 2, one 0.1 s away by 4.
 */
const differenceMax = 4;

/** In a still scene all neighbours are alike; the encoder's noise may then prefer another by this much. */
const preferenceMax = 0.4;

/** Pure part: is the picture at `expected` the source's, and no other one a better match? */
export function compare(source: Uint8Array, found: Uint8Array, expected: number, count: number): Proof {
  if (source.length !== printBytes)
    return { isProven: false, because: 'the picture of the peak cannot be decoded' };
  const foundCount = Math.floor(found.length / printBytes);
  if (foundCount !== count) {
    return { isProven: false, because: `${foundCount} of ${count} pictures around the peak are in the file` };
  }
  const differences = Array.from({ length: count }, (_, nth) =>
    meanDifference(source, found.subarray(nth * printBytes, (nth + 1) * printBytes)),
  );
  const here = differences[expected] ?? Infinity;
  const best = Math.min(...differences);
  if (best > differenceMax) {
    return {
      isProven: false,
      because: `the file shows another picture at the peak (difference ${here.toFixed(1)})`,
    };
  }
  if (here > differenceMax || here > best + preferenceMax) {
    const off = differences.indexOf(best) - expected;
    return { isProven: false, because: `the picture of the peak is ${off} frames from its place` };
  }
  return { isProven: true };
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < printBytes; at += 1) sum += Math.abs((a[at] ?? 0) - (b[at] ?? 0));
  return sum / printBytes;
}

/** The picture on screen at the peak, as its place in the clip; undefined when none is (a gap, or outside). */
export function findPeak(
  plan: Pick<ClipPlan, 'pictures' | 'in90k' | 'out90k' | 'gaps'>,
  pictures: readonly { pts90k: number }[],
  peak90k: number,
): number | undefined {
  // A peak is named in whole ms, so the clip's own first picture may lie up to half a ms behind it.
  if (peak90k < plan.in90k - ticksFromMs(1) || peak90k >= plan.out90k) return undefined;
  if (plan.gaps.some((gap) => peak90k >= gap.start90k && peak90k < gap.end90k)) return undefined;
  const behind = plan.pictures.findIndex(({ source }) => (pictures[source]?.pts90k ?? 0) > peak90k);
  return behind < 0 ? plan.pictures.length - 1 : Math.max(0, behind - 1);
}

/** Time of the peak in the clip, for stills; the middle of the clip when it is not in it. */
export function peakSeconds(plan: ClipPlan, pictures: readonly Picture[], peakMs: number): number {
  const place = findPeak(plan, pictures, ticksFromMs(peakMs)) ?? Math.floor(plan.pictures.length / 2);
  return (plan.pictures[place]?.at ?? 0) / plan.timescale;
}
