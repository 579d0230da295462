import { forEachNal } from '../../core/mpegts.ts';
import { withoutReordering } from './unordered-sps.ts';

/**
 * The keyframes of one segment as an H.264 stream (Annex B) of which a decoder shows each picture as soon as it has it:
 * every one brings its parameter sets, with the promise that nothing is reordered, and behind each stands the delimiter
 * of the next, so that no parser waits for more.
 *
 * @param keyframes coded pictures in order, Annex B
 * @returns undefined when that cannot be promised: fields, no parameter sets, not exactly one picture in each unit
 */
export function keyframeStream(keyframes: readonly Uint8Array[]): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let sets: Uint8Array[] = [];
  for (const keyframe of keyframes) {
    const parsed = parseKeyframe(keyframe);
    if (!parsed) return undefined;
    if (parsed.sets.length > 0) sets = parsed.sets;
    if (sets.length === 0) return undefined;
    for (const nal of [...sets, ...parsed.slices, delimiter]) parts.push(startCode, nal);
  }
  return parts.length === 0 ? undefined : Buffer.concat(parts);
}

/** ITU-T H.264 table 7-1. */
const nalType = { idrSlice: 5, sequenceParameters: 7, pictureParameters: 8 } as const;
const startCode = Uint8Array.of(0, 0, 0, 1);
/** Access unit delimiter: an intra picture follows. */
const delimiter = Uint8Array.of(9, 0x10);

function parseKeyframe(keyframe: Uint8Array): { sets: Uint8Array[]; slices: Uint8Array[] } | undefined {
  const sets: Uint8Array[] = [];
  const slices: Uint8Array[] = [];
  let pictureCount = 0;
  let isFit = true;
  forEachNal(keyframe, (nal, type) => {
    if (type === nalType.sequenceParameters) {
      const plain = withoutReordering(nal);
      if (plain) sets.push(plain);
      else isFit = false;
    } else if (type === nalType.pictureParameters) {
      sets.push(nal);
    } else if (type === nalType.idrSlice) {
      // first_mb_in_slice = 0 is one set bit (§7.3.3): a picture begins.
      if (((nal[1] ?? 0) & 0x80) !== 0) pictureCount += 1;
      slices.push(nal);
    } else if (type < nalType.idrSlice) isFit = false; // Slices of another kind among them.
  });
  return isFit && pictureCount === 1 ? { sets, slices } : undefined;
}
