import { TouchlineError } from '../core/errors.ts';

/** What an ADTS header says of its frame. */
export interface AudioConfig {
  /** Of the AAC core: with HE-AAC the decoder puts out twice as much. */
  sampleRateHz: number;
  channelCount: number;
  /** ISO/IEC 14496-3 table 1.17, 1 to 4 fit into ADTS. */
  objectType: number;
  rateIndex: number;
  channelConfig: number;
}

export const adtsHeaderBytes = 7;

/** Every AAC frame that ADTS can carry holds as many samples. */
export const samplesPerFrame = 1024;

const sampleRatesHz = [
  96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
];

/**
 * Reads an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
 *
 * @throws TouchlineError `ingest.unsupported-audio` for what ADTS cannot carry
 */
export function parseAudioSpecificConfig(asc: Uint8Array): AudioConfig {
  const declaredType = byte(asc, 0) >> 3;
  const rateIndex = ((byte(asc, 0) & 7) << 1) | (byte(asc, 1) >> 7);
  const channelConfig = (byte(asc, 1) >> 3) & 15;
  const sampleRateHz = sampleRatesHz[rateIndex];
  // SBR (5) and PS (29) are said by name here and found by the decoder itself in ADTS: the core is AAC LC.
  const objectType = declaredType === 5 || declaredType === 29 ? 2 : declaredType;
  if (asc.length < 2 || sampleRateHz === undefined || objectType < 1 || objectType > 4) {
    throw unsupported(`object type ${declaredType}, sample rate index ${rateIndex}`);
  }
  if (channelConfig < 1 || channelConfig > 7) throw unsupported(`channel configuration ${channelConfig}`);
  const channelCount = channelConfig === 7 ? 8 : channelConfig;
  return { sampleRateHz, channelCount, objectType, rateIndex, channelConfig };
}

/** The AudioSpecificConfig of what an ADTS stream carries. */
export function buildAudioSpecificConfig(config: AudioConfig): Uint8Array {
  return Uint8Array.of(
    (config.objectType << 3) | (config.rateIndex >> 1),
    ((config.rateIndex & 1) << 7) | (config.channelConfig << 3),
  );
}

/** Writes the 7 bytes in front of a frame of `frameBytes` (ISO/IEC 13818-7 §6.2). */
export function writeAdtsHeader(
  target: Uint8Array,
  at: number,
  config: AudioConfig,
  frameBytes: number,
): void {
  const bytes = frameBytes + adtsHeaderBytes;
  target[at] = 0xff;
  target[at + 1] = 0xf1; // MPEG-4, no CRC
  target[at + 2] = ((config.objectType - 1) << 6) | (config.rateIndex << 2) | (config.channelConfig >> 2);
  target[at + 3] = ((config.channelConfig & 3) << 6) | (bytes >> 11);
  target[at + 4] = (bytes >> 3) & 255;
  target[at + 5] = ((bytes & 7) << 5) | 0x1f;
  target[at + 6] = 0xfc;
}

/** Calls `visit` with each raw frame of a piece of ADTS sound; frames with a CRC or cut short are skipped over. */
export function forEachAdtsFrame(
  data: Uint8Array,
  visit: (frame: Uint8Array, config: AudioConfig, index: number) => void,
): void {
  let index = 0;
  for (let at = 0; at + adtsHeaderBytes <= data.length;) {
    if (data[at] !== 0xff || (byte(data, at + 1) & 0xf6) !== 0xf0) {
      at += 1;
      continue;
    }
    const headerBytes = (byte(data, at + 1) & 1) === 1 ? adtsHeaderBytes : adtsHeaderBytes + 2;
    const bytes = ((byte(data, at + 3) & 3) << 11) | (byte(data, at + 4) << 3) | (byte(data, at + 5) >> 5);
    const rateIndex = (byte(data, at + 2) >> 2) & 15;
    const channelConfig = ((byte(data, at + 2) & 1) << 2) | (byte(data, at + 3) >> 6);
    const sampleRateHz = sampleRatesHz[rateIndex];
    if (bytes <= headerBytes || at + bytes > data.length || sampleRateHz === undefined) return;
    visit(
      data.subarray(at + headerBytes, at + bytes),
      {
        sampleRateHz,
        channelCount: channelConfig === 7 ? 8 : channelConfig,
        objectType: (byte(data, at + 2) >> 6) + 1,
        rateIndex,
        channelConfig,
      },
      index,
    );
    index += 1;
    at += bytes;
  }
}

function unsupported(what: string): TouchlineError {
  return new TouchlineError({
    code: 'ingest.unsupported-audio',
    message: `the publisher's sound is AAC of a kind that cannot be carried (${what}): set the encoder to AAC LC, mono or stereo`,
    retryable: false,
    blame: 'input',
  });
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
