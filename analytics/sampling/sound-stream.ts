import { ticksPerSecond } from '../../core/media-time.ts';

/** The sound of one segment, taken apart: what `sound-container.ts` packs for a decoder that has decoded nothing before. */
export interface SoundStream {
  /** AAC frames without their ADTS headers, one after the other. */
  frames: Uint8Array[];
  sampleRateHz: number;
  channelCount: number;
  /** AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1). */
  config: Uint8Array;
}

export const frameSamples = 1024;
/** What ffmpeg's own resampler lets pass before it fills a hole or cuts (`min_hard_comp`). */
const driftMax90k = 9000;

/**
 * Takes ADTS apart (ISO/IEC 14496-3 Annex 1.A).
 *
 * @param units PES packets in order with their times
 * @returns undefined for what has to be decoded alone: holes, frames cut in two, other than AAC-LC of 32 kHz and more (below,
 *   doubled rates are common and not announced) in mono or stereo
 */
export function soundStream(units: readonly { at90k: number; data: Uint8Array }[]): SoundStream | undefined {
  const all = Buffer.concat(units.map((unit) => unit.data));
  const [, , kind = 0, channels = 0] = all;
  const rateIndex = (kind >> 2) & 15;
  const sampleRateHz = sampleRates[rateIndex];
  const channelCount = ((kind & 1) << 2) | (channels >> 6);
  if (sampleRateHz === undefined || channelCount < 1 || channelCount > 2) return undefined;
  const ticksPerFrame = (frameSamples * ticksPerSecond) / sampleRateHz;
  const start90k = units[0]?.at90k ?? 0;
  const frames: Uint8Array[] = [];
  let unitIndex = 0;
  let unitOffset = 0;
  for (let offset = 0; offset < all.length;) {
    const found = frameAt(all, offset);
    if (!found || offset + found.frameBytes > all.length) return undefined;
    // A packet's time is that of the first frame that begins in it (ISO/IEC 13818-1 §2.4.3.7).
    for (; unitIndex < units.length && offset >= unitOffset; unitIndex += 1) {
      const unit = units[unitIndex];
      const due90k = start90k + frames.length * ticksPerFrame;
      if (!unit || Math.abs(unit.at90k - due90k) > driftMax90k) return undefined;
      unitOffset += unit.data.length;
    }
    frames.push(all.subarray(offset + found.headerBytes, offset + found.frameBytes));
    offset += found.frameBytes;
  }
  // Object type 2, AAC-LC, then rate and channels.
  const config = Uint8Array.of((2 << 3) | (rateIndex >> 1), ((rateIndex & 1) << 7) | (channelCount << 3));
  return frames.length === 0 ? undefined : { frames, sampleRateHz, channelCount, config };
}

/** By sampling_frequency_index, from 32 kHz on. */
const sampleRates: readonly number[] = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000];

/** The frame that begins there, if it is of the same kind as the very first one. */
function frameAt(bytes: Uint8Array, at: number): { headerBytes: number; frameBytes: number } | undefined {
  const header = bytes.subarray(at, at + 7);
  const [sync = 0, version = 0, kind = 0, channels = 0, length = 0, rest = 0, blocks = 0] = header;
  const isFrame = sync === 0xff && (version & 0xf6) === 0xf0 && (blocks & 3) === 0;
  // Object type 2 is AAC-LC (here counted from 0), then rate and channels.
  const isSame = kind >> 6 === 1 && kind === bytes[2] && channels >> 6 === (bytes[3] ?? 0) >> 6;
  const headerBytes = (version & 1) === 1 ? 7 : 9; // with a checksum
  const frameBytes = ((channels & 3) << 11) | (length << 3) | (rest >> 5);
  return isFrame && isSame && frameBytes > headerBytes ? { headerBytes, frameBytes } : undefined;
}
