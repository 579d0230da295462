import { ticksPerSecond } from '../../core/media-time.ts';

/** The sound of one segment as a piece of ADTS that a decoder can be given right behind that of another segment. */
export interface SoundStream {
  bytes: Uint8Array;
  sampleRateHz: number;
  /** Samples that come out of the decoder for the segment, and behind them for the silence that follows. */
  sampleCount: number;
  silentSampleCount: number;
}

const frameSamples = 1024;
/** What ffmpeg's own resampler lets pass before it fills a hole or cuts (`min_hard_comp`). */
const driftMax90k = 9000;

/**
 * Takes ADTS apart (ISO/IEC 14496-3 Annex 1.A) and puts two frames of silence behind it: each frame overlaps the next,
 * so they keep the end of this segment out of the beginning of the next.
 *
 * @param units PES packets in order with their times
 * @returns undefined for what has to be decoded alone: holes, frames cut in two, other than AAC-LC of 32 kHz and more (below,
 *   doubled rates are common and not announced) in mono or stereo
 */
export function soundStream(units: readonly { at90k: number; data: Uint8Array }[]): SoundStream | undefined {
  const all = Buffer.concat(units.map((unit) => unit.data));
  const silence = silentFrameLike(all);
  const sampleRateHz = sampleRates[((all[2] ?? 0) >> 2) & 15];
  if (!silence || sampleRateHz === undefined) return undefined;
  const ticksPerFrame = (frameSamples * ticksPerSecond) / sampleRateHz;
  const start90k = units[0]?.at90k ?? 0;
  let frameCount = 0;
  let unitIndex = 0;
  let unitOffset = 0;
  let offset = 0;
  while (offset < all.length) {
    const frameBytes = frameBytesAt(all, offset);
    if (frameBytes === undefined || offset + frameBytes > all.length) return undefined;
    // A packet's time is that of the first frame that begins in it (ISO/IEC 13818-1 §2.4.3.7).
    for (; unitIndex < units.length && offset >= unitOffset; unitIndex += 1) {
      const unit = units[unitIndex];
      if (!unit || Math.abs(unit.at90k - start90k - frameCount * ticksPerFrame) > driftMax90k)
        return undefined;
      unitOffset += unit.data.length;
    }
    frameCount += 1;
    offset += frameBytes;
  }
  return {
    bytes: Buffer.concat([all, silence, silence]),
    sampleRateHz,
    sampleCount: frameCount * frameSamples,
    silentSampleCount: 2 * frameSamples,
  };
}

/** By sampling_frequency_index, from 32 kHz on. */
const sampleRates: readonly number[] = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000];

/** Length of the frame that begins there, if it is of the same kind as the very first one. */
function frameBytesAt(bytes: Uint8Array, at: number): number | undefined {
  const [sync = 0, version = 0, kind = 0, channels = 0, length = 0, rest = 0, blocks = 0] = bytes.subarray(
    at,
    at + 7,
  );
  const isFrame = sync === 0xff && (version & 0xf6) === 0xf0 && (blocks & 3) === 0;
  // Object type 2 is AAC-LC (here counted from 0), then rate and channels.
  const isSame = kind >> 6 === 1 && kind === bytes[2] && channels >> 6 === (bytes[3] ?? 0) >> 6;
  const frameBytes = ((channels & 3) << 11) | (length << 3) | (rest >> 5);
  return isFrame && isSame && frameBytes > 7 ? frameBytes : undefined;
}

/** A frame with nothing in it: no energy in any band of its one or two channels. */
function silentFrameLike(bytes: Uint8Array): Uint8Array | undefined {
  const [, version = 0, kind = 0, channels = 0] = bytes;
  const channelCount = ((kind & 1) << 2) | (channels >> 6);
  const payload = silentPayloads[channelCount];
  if (!payload) return undefined;
  const frameBytes = payload.length + 7;
  const header = [
    0xff,
    version | 1, // no checksum
    kind,
    (channels & 0xfc) | (frameBytes >> 11),
    (frameBytes >> 3) & 0xff,
    ((frameBytes & 7) << 5) | 0x1f,
    0xfc,
  ];
  return Uint8Array.from([...header, ...payload]);
}

/** By channel configuration: single_channel_element or channel_pair_element of a long window without any section. */
const silentPayloads: Readonly<Record<number, readonly number[]>> = {
  1: [0x00, 0xc8, 0x00, 0x80, 0x23, 0x80],
  2: [0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80],
};
