/**
 * The sequence parameter set of a stream that consists of keyframes alone: the same in all that pixels depend on, but it
 * promises that pictures are shown in the order in which they are coded. A decoder then gives out each at once instead
 * of holding back the two or three that B-frames would need (`max_num_reorder_frames`, ITU-T H.264 Annex E.2.1).
 *
 * @param nal without start code
 * @returns undefined for streams that may hold fields, whose keyframes are two pictures, and for sets that end too early
 */
export function withoutReordering(nal: Uint8Array): Uint8Array | undefined {
  const bits = new BitCopier(nal);
  try {
    return copySet(bits) ? bits.finish() : undefined;
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

/** §7.3.2.1.1: the profiles whose sets name chroma format and bit depth. */
const profilesWithChromaFormat = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

/** @returns false for what may be interlaced */
function copySet(bits: BitCopier): boolean {
  bits.copy(8); // nal_unit_type
  const profileIdc = bits.copy(8);
  bits.copy(16); // constraints, level
  bits.copyUnsigned(); // id
  if (profilesWithChromaFormat.has(profileIdc)) copyChromaFormat(bits);
  bits.copyUnsigned(); // log2_max_frame_num
  copyOrderType(bits);
  const referenceCount = bits.copyUnsigned();
  bits.copy(1); // gaps_in_frame_num_allowed
  bits.copyUnsigned(); // width
  bits.copyUnsigned(); // height
  if (bits.copy(1) === 0) return false; // frame_mbs_only
  bits.copy(1); // direct_8x8_inference
  if (bits.copy(1) === 1) for (let edge = 0; edge < 4; edge += 1) bits.copyUnsigned(); // cropping
  writeUsability(bits, referenceCount);
  return true;
}

function copyChromaFormat(bits: BitCopier): void {
  const chromaFormat = bits.copyUnsigned();
  if (chromaFormat === 3) bits.copy(1);
  bits.copyUnsigned(); // bit depth, luma and chroma
  bits.copyUnsigned();
  bits.copy(1); // qpprime_y_zero_transform_bypass
  if (bits.copy(1) === 0) return;
  for (let list = 0; list < (chromaFormat === 3 ? 12 : 8); list += 1) {
    if (bits.copy(1) === 1) copyScalingList(bits, list < 6 ? 16 : 64);
  }
}

function copyScalingList(bits: BitCopier, size: number): void {
  let last = 8;
  let next = 8;
  for (let at = 0; at < size; at += 1) {
    if (next !== 0) next = (last + signed(bits.copyUnsigned()) + 256) % 256;
    last = next === 0 ? last : next;
  }
}

function copyOrderType(bits: BitCopier): void {
  const orderType = bits.copyUnsigned();
  if (orderType === 0) bits.copyUnsigned();
  if (orderType !== 1) return;
  bits.copy(1);
  bits.copyUnsigned();
  bits.copyUnsigned();
  const cycle = bits.copyUnsigned();
  if (cycle > 255) throw new RangeError('no stream has so long a cycle of picture orders');
  for (let step = 0; step < cycle; step += 1) bits.copyUnsigned();
}

/** Annex E.1.1, written anew: of what stood there only the colours matter to pixels. */
function writeUsability(bits: BitCopier, referenceCount: number): void {
  const hadUsability = bits.read(1) === 1;
  bits.write(1, 1);
  bits.write(0, 2); // no aspect ratio, no overscan
  if (hadUsability) {
    if (bits.read(1) === 1 && bits.read(8) === 255) bits.read(32);
    if (bits.read(1) === 1) bits.read(1);
    // video_signal_type: format and range, and where they are named primaries, transfer and matrix
    if (bits.copy(1) === 1 && (bits.copy(4), bits.copy(1)) === 1) bits.copy(24);
  } else bits.write(0, 1);
  bits.write(0, 5); // no place of chroma, no timing, no buffer models (two kinds), no picture structure
  bits.write(1, 1); // bitstream_restriction:
  bits.write(1, 1); // motion vectors may leave the picture
  for (const value of [0, 0, 16, 16, 0, referenceCount]) bits.writeUnsigned(value); // the 5th: none is reordered
}

function signed(code: number): number {
  return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
}

/** Reads the payload of a NAL unit bit by bit and writes another one (§7.4.1: emulation prevention out and in again). */
class BitCopier {
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  #readCount = 0;
  #writtenCount = 0;

  constructor(nal: Uint8Array) {
    for (const [at, byte] of nal.entries()) {
      const isPrevention = byte === 3 && at >= 2 && nal[at - 1] === 0 && nal[at - 2] === 0;
      if (!isPrevention) this.#from.push(byte);
    }
  }

  /** @throws RangeError at the end */
  read(count: number): number {
    let value = 0;
    for (let index = 0; index < count; index += 1) {
      const byte = this.#from[this.#readCount >> 3];
      if (byte === undefined) throw new RangeError('the parameter set ends too early');
      value = value * 2 + ((byte >> (7 - (this.#readCount & 7))) & 1);
      this.#readCount += 1;
    }
    return value;
  }

  write(value: number, count: number): void {
    for (let index = count - 1; index >= 0; index -= 1) {
      const at = this.#writtenCount >> 3;
      const bit = Math.floor(value / 2 ** index) % 2;
      this.#to[at] = (this.#to[at] ?? 0) | (bit << (7 - (this.#writtenCount & 7)));
      this.#writtenCount += 1;
    }
  }

  copy(count: number): number {
    const value = this.read(count);
    this.write(value, count);
    return value;
  }

  /** Exp-Golomb (§9.1); a signed value has the same bits. */
  copyUnsigned(): number {
    let zeroCount = 0;
    while (this.copy(1) === 0) {
      zeroCount += 1;
      if (zeroCount > 32) throw new RangeError('no such code');
    }
    return 2 ** zeroCount - 1 + this.copy(zeroCount);
  }

  writeUnsigned(value: number): void {
    const bitCount = Math.floor(Math.log2(value + 1));
    this.write(0, bitCount);
    this.write(value + 1, bitCount + 1);
  }

  finish(): Uint8Array {
    this.write(1, 1); // rbsp_stop_one_bit
    const nal: number[] = [];
    for (const byte of this.#to) {
      if (byte <= 3 && nal.at(-1) === 0 && nal.at(-2) === 0) nal.push(3);
      nal.push(byte);
    }
    return Uint8Array.from(nal);
  }
}
