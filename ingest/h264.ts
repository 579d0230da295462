import { createHash } from 'node:crypto';

import { TouchlineError } from '../core/errors.ts';

/** What a decoder needs before the first picture. */
export interface VideoConfig {
  /** Bytes of the length in front of each NAL unit: 1, 2 or 4. */
  lengthBytes: number;
  sps: readonly Uint8Array[];
  pps: readonly Uint8Array[];
  width: number;
  height: number;
  /** Changes exactly when a parameter set changes. */
  configHash: string;
}

/** nal_unit_type of ISO/IEC 14496-10 table 7-1. */
export const nalType = { idr: 5, sps: 7, pps: 8, aud: 9 } as const;

/**
 * Reads an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1).
 *
 * @throws TouchlineError `ingest.bad-video-config`
 */
export function parseAvcc(avcc: Uint8Array): VideoConfig {
  if (avcc.length < 7 || avcc[0] !== 1) throw badConfig('it is not an AVCDecoderConfigurationRecord');
  const lengthBytes = (byte(avcc, 4) & 3) + 1;
  let at = 5;
  const readSets = (count: number): Uint8Array[] => {
    const sets: Uint8Array[] = [];
    for (let index = 0; index < count; index += 1) {
      const bytes = (byte(avcc, at) << 8) | byte(avcc, at + 1);
      if (bytes === 0 || at + 2 + bytes > avcc.length) throw badConfig('a parameter set ends outside of it');
      sets.push(avcc.slice(at + 2, at + 2 + bytes));
      at += 2 + bytes;
    }
    return sets;
  };
  const sps = readSets(byte(avcc, at++) & 31);
  const pps = readSets(byte(avcc, at++));
  return videoConfig({ lengthBytes, sps, pps });
}

/** The configuration that follows from parameter sets found in the stream itself. */
export function videoConfig(found: Pick<VideoConfig, 'lengthBytes' | 'sps' | 'pps'>): VideoConfig {
  const first = found.sps[0];
  if (!first || found.pps.length === 0) throw badConfig('it holds no SPS or no PPS');
  const hash = createHash('sha256');
  for (const set of [...found.sps, ...found.pps]) hash.update(String(set.length)).update(':').update(set);
  return { ...found, ...pictureSizeOf(first), configHash: hash.digest('hex').slice(0, 16) };
}

/** The record that `parseAvcc` reads, for sources whose parameter sets lie between the pictures. */
export function buildAvcc(sps: readonly Uint8Array[], pps: readonly Uint8Array[]): Uint8Array {
  const first = sps[0] ?? new Uint8Array(4);
  return Uint8Array.from([
    1,
    ...first.subarray(1, 4),
    0xff, // lengthSizeMinusOne = 3
    0xe0 | sps.length,
    ...sps.flatMap(withLength),
    pps.length,
    ...pps.flatMap(withLength),
  ]);
}

function withLength(set: Uint8Array): number[] {
  return [set.length >> 8, set.length & 255, ...set];
}

/**
 * Calls `visit` with the place of each NAL unit of a length-prefixed picture.
 *
 * @returns false when a length points outside of the picture; what came before it has been visited
 */
export function forEachPrefixedNal(
  data: Uint8Array,
  lengthBytes: number,
  visit: (start: number, end: number, type: number) => void,
): boolean {
  let at = 0;
  while (at < data.length) {
    let bytes = 0;
    for (let index = 0; index < lengthBytes; index += 1) bytes = bytes * 256 + byte(data, at + index);
    at += lengthBytes;
    if (at + bytes > data.length) return false;
    if (bytes > 0) visit(at, at + bytes, byte(data, at) & 31);
    at += bytes;
  }
  return true;
}

/** Width and height after cropping, from an SPS (ISO/IEC 14496-10 §7.3.2.1.1). */
export function pictureSizeOf(sps: Uint8Array): { width: number; height: number } {
  const bits = new BitReader(withoutEmulation(sps));
  bits.skip(8);
  const profile = bits.read(8);
  bits.skip(16);
  bits.exp();
  let chroma = 1;
  let separatePlanes = 0;
  if (highProfiles.has(profile)) {
    chroma = bits.exp();
    if (chroma === 3) separatePlanes = bits.read(1);
    bits.exp();
    bits.exp();
    bits.skip(1);
    if (bits.read(1) === 1) skipScalingLists(bits, chroma === 3 ? 12 : 8);
  }
  bits.exp();
  const orderType = bits.exp();
  if (orderType === 0) bits.exp();
  else if (orderType === 1) {
    bits.skip(1);
    bits.exp();
    bits.exp();
    for (let count = Math.min(bits.exp(), 255); count > 0; count -= 1) bits.exp();
  }
  bits.exp();
  bits.skip(1);
  const widthMbs = bits.exp() + 1;
  const heightUnits = bits.exp() + 1;
  const framesOnly = bits.read(1);
  if (framesOnly === 0) bits.skip(1);
  bits.skip(1);
  const crop = bits.read(1) === 1 ? [bits.exp(), bits.exp(), bits.exp(), bits.exp()] : [0, 0, 0, 0];
  // Crop units: table 6-1; planes coded apart count as monochrome.
  const cropX = chroma === 0 || chroma === 3 || separatePlanes === 1 ? 1 : 2;
  const cropY = (chroma === 1 && separatePlanes === 0 ? 2 : 1) * (2 - framesOnly);
  const width = widthMbs * 16 - cropX * ((crop[0] ?? 0) + (crop[1] ?? 0));
  const height = heightUnits * 16 * (2 - framesOnly) - cropY * ((crop[2] ?? 0) + (crop[3] ?? 0));
  if (bits.isOverrun || !(width > 0 && height > 0 && width <= 16384 && height <= 16384)) {
    throw badConfig(`its SPS names a picture of ${width}x${height}`);
  }
  return { width, height };
}

const highProfiles = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

function skipScalingLists(bits: BitReader, count: number): void {
  for (let list = 0; list < count; list += 1) {
    if (bits.read(1) === 0) continue;
    let next = 8;
    for (let index = 0; index < (list < 6 ? 16 : 64) && next !== 0; index += 1) {
      const code = bits.exp();
      const delta = code % 2 === 1 ? (code + 1) / 2 : -code / 2;
      next = (next + delta + 256) % 256;
    }
  }
}

/** Takes the emulation prevention bytes out (§7.4.1). */
function withoutEmulation(nal: Uint8Array): Uint8Array {
  const plain = new Uint8Array(nal.length);
  let filled = 0;
  let zeros = 0;
  for (const value of nal) {
    if (zeros >= 2 && value === 3) {
      zeros = 0;
      continue;
    }
    zeros = value === 0 ? zeros + 1 : 0;
    plain[filled] = value;
    filled += 1;
  }
  return plain.subarray(0, filled);
}

class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isOverrun(): boolean {
    return this.#at > this.#bytes.length * 8;
  }

  read(count: number): number {
    let value = 0;
    for (let index = 0; index < count; index += 1) {
      value = value * 2 + ((byte(this.#bytes, this.#at >> 3) >> (7 - (this.#at & 7))) & 1);
      this.#at += 1;
    }
    return value;
  }

  skip(count: number): void {
    this.#at += count;
  }

  /** ue(v): Exp-Golomb (§9.1). */
  exp(): number {
    let zeros = 0;
    while (zeros < 32 && this.read(1) === 0) zeros += 1;
    return 2 ** zeros - 1 + this.read(zeros);
  }
}

function badConfig(why: string): TouchlineError {
  return new TouchlineError({
    code: 'ingest.bad-video-config',
    message: `the publisher's H.264 configuration cannot be used: ${why}. Restart the encoder, H.264 with AVC configuration`,
    retryable: false,
    blame: 'input',
  });
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
