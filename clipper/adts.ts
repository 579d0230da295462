/** The AAC of one ADTS frame (ISO/IEC 14496-3 Annex 1.A), without its header. */
export interface AacFrame {
  data: Uint8Array;
  /** Samples per channel: 1024, or a multiple where several raw blocks share a header. */
  sampleCount: number;
}

export interface AacConfig {
  /** AudioSpecificConfig: what goes into the MP4 and what tells one encoder setting from another. */
  specificConfig: Uint8Array;
  sampleRateHz: number;
  channelCount: number;
}

/** Splits bytes into ADTS frames; `rest` is the beginning of a frame that did not end. Bytes between frames are skipped. */
export function splitAdts(bytes: Uint8Array): {
  frames: (AacFrame & AacConfig & { offset: number })[];
  rest: Uint8Array;
} {
  const frames: (AacFrame & AacConfig & { offset: number })[] = [];
  let at = 0;
  while (at + 7 <= bytes.length) {
    const [b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0, b6 = 0] = bytes.subarray(at, at + 7);
    const frameBytes = ((b3 & 3) << 11) | (b4 << 3) | (b5 >> 5);
    const rateIndex = (b2 >> 2) & 15;
    const sampleRateHz = sampleRates[rateIndex];
    const headerBytes = (b1 & 1) === 1 ? 7 : 9;
    if (b0 !== 0xff || (b1 & 0xf6) !== 0xf0 || sampleRateHz === undefined || frameBytes <= headerBytes) {
      at += 1;
      continue;
    }
    if (at + frameBytes > bytes.length) break;
    const objectType = (b2 >> 6) + 1;
    const channelConfig = ((b2 & 1) << 2) | (b3 >> 6);
    frames.push({
      offset: at,
      data: bytes.subarray(at + headerBytes, at + frameBytes),
      sampleCount: 1024 * ((b6 & 3) + 1),
      specificConfig: Uint8Array.of(
        (objectType << 3) | (rateIndex >> 1),
        ((rateIndex & 1) << 7) | (channelConfig << 3),
      ),
      sampleRateHz,
      // Channel configuration 7 means 7.1 (14496-3 Table 1.19); 0 leaves it to the stream, which is nearly always stereo.
      channelCount: channelConfig === 7 ? 8 : channelConfig === 0 ? 2 : channelConfig,
    });
    at += frameBytes;
  }
  return { frames, rest: bytes.subarray(at) };
}

/** Puts the ADTS header back, for decoders that are fed through a pipe. */
export function wrapAdts(frame: Uint8Array, config: AacConfig): Uint8Array {
  const [first = 0, second = 0] = config.specificConfig;
  const objectType = first >> 3;
  const rateIndex = ((first & 7) << 1) | (second >> 7);
  const channelConfig = (second >> 3) & 15;
  const frameBytes = frame.length + 7;
  const wrapped = new Uint8Array(frameBytes);
  wrapped.set([
    0xff,
    0xf1,
    ((objectType - 1) << 6) | (rateIndex << 2) | (channelConfig >> 2),
    ((channelConfig & 3) << 6) | (frameBytes >> 11),
    (frameBytes >> 3) & 0xff,
    ((frameBytes & 7) << 5) | 0x1f,
    0xfc,
  ]);
  wrapped.set(frame, 7);
  return wrapped;
}

/** 14496-3 Table 1.18. */
const sampleRates: readonly number[] = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];
