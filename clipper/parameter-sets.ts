/** What the clipper has to know of a sequence parameter set (ITU-T H.264 §7.3.2.1.1). */
export interface SequenceParameters {
  id: number;
  profileIdc: number;
  constraintFlags: number;
  levelIdc: number;
  chromaFormatIdc: number;
  bitDepthLuma: number;
  bitDepthChroma: number;
  width: number;
  height: number;
  /** False for streams that may hold fields. */
  isProgressive: boolean;
  /** Sample aspect ratio; 1:1 when nothing is said. */
  sar: { num: number; den: number };
  /** ISO/IEC 23091-2 code points; null when nothing is said. */
  colour: { primaries: number; transfer: number; matrix: number; isFullRange: boolean } | null;
}

/** @throws RangeError when the set ends before it is complete */
export function parseSps(nal: Uint8Array): SequenceParameters {
  const bits = bitReader(nal.subarray(1));
  const profileIdc = bits.read(8);
  const constraintFlags = bits.read(8);
  const levelIdc = bits.read(8);
  const id = bits.unsigned();
  let chromaFormatIdc = 1;
  let bitDepthLuma = 8;
  let bitDepthChroma = 8;
  let separatePlanes = false;
  if (profilesWithChromaFormat.has(profileIdc)) {
    chromaFormatIdc = bits.unsigned();
    if (chromaFormatIdc === 3) separatePlanes = bits.flag();
    bitDepthLuma = 8 + bits.unsigned();
    bitDepthChroma = 8 + bits.unsigned();
    bits.flag(); // qpprime_y_zero_transform_bypass
    if (bits.flag()) {
      const listCount = chromaFormatIdc === 3 ? 12 : 8;
      for (let list = 0; list < listCount; list += 1) {
        if (bits.flag()) skipScalingList(bits, list < 6 ? 16 : 64);
      }
    }
  }
  bits.unsigned(); // log2_max_frame_num
  const orderType = bits.unsigned();
  if (orderType === 0) bits.unsigned();
  else if (orderType === 1) {
    bits.flag();
    bits.signed();
    bits.signed();
    const cycle = bits.unsigned();
    for (let step = 0; step < Math.min(cycle, 255); step += 1) bits.signed();
  }
  bits.unsigned(); // max_num_ref_frames
  bits.flag(); // gaps_in_frame_num_allowed
  const widthInMacroblocks = bits.unsigned() + 1;
  const heightInMapUnits = bits.unsigned() + 1;
  const isProgressive = bits.flag();
  if (!isProgressive) bits.flag();
  bits.flag(); // direct_8x8_inference
  const crop = { left: 0, right: 0, top: 0, bottom: 0 };
  if (bits.flag()) {
    crop.left = bits.unsigned();
    crop.right = bits.unsigned();
    crop.top = bits.unsigned();
    crop.bottom = bits.unsigned();
  }
  // §7.4.2.1.1: cropping counts in chroma samples, and in frame lines for interlaced streams.
  const isMono = chromaFormatIdc === 0 || separatePlanes;
  const cropX = !isMono && (chromaFormatIdc === 1 || chromaFormatIdc === 2) ? 2 : 1;
  const cropY = (!isMono && chromaFormatIdc === 1 ? 2 : 1) * (isProgressive ? 1 : 2);
  return {
    id,
    profileIdc,
    constraintFlags,
    levelIdc,
    chromaFormatIdc,
    bitDepthLuma,
    bitDepthChroma,
    isProgressive,
    width: widthInMacroblocks * 16 - cropX * (crop.left + crop.right),
    height: heightInMapUnits * 16 * (isProgressive ? 1 : 2) - cropY * (crop.top + crop.bottom),
    ...usability(bits),
  };
}

/** Ids that a picture parameter set carries: its own and the one of its sequence parameter set. */
export function parsePpsIds(nal: Uint8Array): { id: number; spsId: number } {
  const bits = bitReader(nal.subarray(1));
  return { id: bits.unsigned(), spsId: bits.unsigned() };
}

/** True for a picture whose first slice is intra coded (slice_type 2 or 7, §7.4.3). */
export function isIntraSlice(nal: Uint8Array): boolean {
  const bits = bitReader(nal.subarray(1, 24));
  bits.unsigned(); // first_mb_in_slice
  return bits.unsigned() % 5 === 2;
}

/** True for supplemental information with a recovery point (payload type 6, Annex D.2.8) that holds at once. */
export function isRecoveryPoint(nal: Uint8Array): boolean {
  let at = 1;
  while (at + 2 < nal.length) {
    let type = 0;
    let size = 0;
    while (nal[at] === 0xff) [type, at] = [type + 255, at + 1];
    type += nal[at++] ?? 0;
    while (nal[at] === 0xff) [size, at] = [size + 255, at + 1];
    size += nal[at++] ?? 0;
    if (type === 6) return bitReader(nal.subarray(at)).unsigned() === 0;
    at += size;
  }
  return false;
}

/** §7.3.2.1.1: the profiles whose sets name chroma format and bit depth. */
export const profilesWithChromaFormat: ReadonlySet<number> = new Set([
  100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135,
]);

/** Table E-1; index 255 is written out in the stream. */
const aspectRatios: readonly (readonly [number, number])[] = [
  [1, 1],
  [1, 1],
  [12, 11],
  [10, 11],
  [16, 11],
  [40, 33],
  [24, 11],
  [20, 11],
  [32, 11],
  [80, 33],
  [18, 11],
  [15, 11],
  [64, 33],
  [160, 99],
  [4, 3],
  [3, 2],
  [2, 1],
];

/** The first part of the video usability information (Annex E.1.1): aspect ratio and colour. */
function usability(bits: BitReader): Pick<SequenceParameters, 'sar' | 'colour'> {
  let sar = { num: 1, den: 1 };
  let colour: SequenceParameters['colour'] = null;
  if (bits.flag()) {
    if (bits.flag()) {
      const index = bits.read(8);
      const [num, den] = index === 255 ? [bits.read(16), bits.read(16)] : (aspectRatios[index] ?? [1, 1]);
      if (num > 0 && den > 0) sar = { num, den };
    }
    if (bits.flag()) bits.flag(); // overscan
    if (bits.flag()) {
      bits.read(3); // video_format
      const isFullRange = bits.flag();
      colour = { primaries: 2, transfer: 2, matrix: 2, isFullRange };
      if (bits.flag()) {
        colour = { primaries: bits.read(8), transfer: bits.read(8), matrix: bits.read(8), isFullRange };
      }
    }
  }
  return { sar, colour };
}

function skipScalingList(bits: BitReader, size: number): void {
  let last = 8;
  let next = 8;
  for (let at = 0; at < size; at += 1) {
    if (next !== 0) next = (last + bits.signed() + 256) % 256;
    last = next === 0 ? last : next;
  }
}

interface BitReader {
  read(count: number): number;
  flag(): boolean;
  unsigned(): number;
  signed(): number;
}

/** Reads bits and Exp-Golomb codes (§9.1), leaving out emulation prevention bytes (§7.4.1). */
function bitReader(bytes: Uint8Array): BitReader {
  const plain: number[] = [];
  for (const [at, byte] of bytes.entries()) {
    const isPrevention = byte === 3 && at >= 2 && bytes[at - 1] === 0 && bytes[at - 2] === 0;
    if (!isPrevention) plain.push(byte);
  }
  let position = 0;
  const bit = (): number => {
    const byte = plain[position >> 3];
    if (byte === undefined) throw new RangeError('the parameter set ends too early');
    const value = (byte >> (7 - (position & 7))) & 1;
    position += 1;
    return value;
  };
  const read = (count: number): number => {
    let value = 0;
    for (let at = 0; at < count; at += 1) value = value * 2 + bit();
    return value;
  };
  const unsigned = (): number => {
    let zeros = 0;
    while (bit() === 0) {
      zeros += 1;
      if (zeros > 32) throw new RangeError('the parameter set holds a number of more than 32 bits');
    }
    return 2 ** zeros - 1 + read(zeros);
  };
  const signed = (): number => {
    const code = unsigned();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  };
  return { read, flag: () => bit() === 1, unsigned, signed };
}
