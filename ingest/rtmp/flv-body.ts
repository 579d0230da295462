import { TouchlineError } from '../../core/errors.ts';
import { ticksPerMs } from '../../core/media-time.ts';
import type { MediaPacket } from '../media-packet.ts';
import { messageType, readU24, type RtmpMessage } from './message.ts';
import { rtmpProtocolError } from './protocol-error.ts';

/**
 * Reads audio and video messages of one publisher: bodies of FLV tags (Adobe's FLV specification 10.1, annex E.4).
 * H.264 and AAC are taken; anything else is refused in one sentence that says what to set.
 */
export class FlvBodyReader {
  /** Bodies that hold no media: cut short, or pictures before their configuration. */
  ignoredCount = 0;
  readonly #time = new UnwrappedTime();
  #hasVideoConfig = false;
  #hasAudioConfig = false;

  /**
   * @returns undefined for what carries no media: end of sequence, video commands, empty bodies
   * @throws TouchlineError `ingest.unsupported-codec`
   */
  read(message: RtmpMessage): MediaPacket | undefined {
    // Both tracks are on one clock, so that a wrap between two of their packets does not tear them apart.
    const timeMs = this.#time.unwrap(message.timestampMs);
    const packet =
      message.typeId === messageType.video
        ? this.#readVideo(message.payload, timeMs)
        : this.#readAudio(message.payload, timeMs);
    if (packet === undefined) this.ignoredCount += 1;
    return packet;
  }

  #readVideo(body: Uint8Array, timeMs: number): MediaPacket | undefined {
    const [head, packetType] = body;
    if (head === undefined) return undefined;
    if ((head & isEnhanced) !== 0) throw unsupportedVideo(fourCharacters(body));
    const frameType = head >> 4;
    const codec = head & 15;
    if (frameType === frameTypes.command) return undefined;
    if (codec !== videoCodec.avc) throw unsupportedVideo(videoCodecNames[codec] ?? `codec number ${codec}`);
    if (body.length <= avcHeaderBytes) return undefined;
    const data = body.subarray(avcHeaderBytes);
    if (packetType === avcPacketType.config) {
      this.#hasVideoConfig = true;
      return { kind: 'video-config', avcc: data };
    }
    if (packetType !== avcPacketType.picture || !this.#hasVideoConfig) return undefined;
    // CompositionTime is SI24: negative where an encoder lets DTS run ahead of PTS.
    const compositionMs = (readU24(body, 2) << 8) >> 8;
    return {
      kind: 'video',
      dts90k: timeMs * ticksPerMs,
      pts90k: (timeMs + compositionMs) * ticksPerMs,
      isKeyframe: frameType === frameTypes.key,
      data,
    };
  }

  #readAudio(body: Uint8Array, timeMs: number): MediaPacket | undefined {
    const [head, packetType] = body;
    if (head === undefined) return undefined;
    const codec = head >> 4;
    if (codec === audioCodec.enhanced) throw unsupportedAudio(fourCharacters(body));
    if (codec !== audioCodec.aac) throw unsupportedAudio(audioCodecNames[codec] ?? `codec number ${codec}`);
    if (body.length <= aacHeaderBytes) return undefined;
    const data = body.subarray(aacHeaderBytes);
    if (packetType === aacPacketType.config) {
      this.#hasAudioConfig = true;
      return { kind: 'audio-config', asc: data };
    }
    if (packetType !== aacPacketType.frame || !this.#hasAudioConfig) return undefined;
    return { kind: 'audio', pts90k: timeMs * ticksPerMs, data };
  }
}

/** Counts on where 32 bits of ms end (49.7 days): the value nearest to the one before is meant. */
class UnwrappedTime {
  #lastMs: number | undefined;

  unwrap(u32Ms: number): number {
    this.#lastMs = this.#lastMs === undefined ? u32Ms : this.#lastMs + ((u32Ms - this.#lastMs) | 0);
    if (Math.abs(this.#lastMs) > wanderedMsMax) {
      throw rtmpProtocolError('the timestamps wandered a thousand years away');
    }
    return this.#lastMs;
  }
}

/** In 90 kHz ticks still a whole number of 53 bits. Only somebody who means to gets there, in jumps of 24 days. */
const wanderedMsMax = 2 ** 45;

/** Enhanced RTMP: the first bit of a video body says that a FourCC follows. */
const isEnhanced = 0x80;
const frameTypes = { key: 1, command: 5 } as const;
const videoCodec = { avc: 7 } as const;
const audioCodec = { enhanced: 9, aac: 10 } as const;
const avcPacketType = { config: 0, picture: 1 } as const;
const aacPacketType = { config: 0, frame: 1 } as const;
const avcHeaderBytes = 5;
const aacHeaderBytes = 2;

const videoCodecNames: Record<number, string> = {
  2: 'Sorenson H.263',
  3: 'Screen Video',
  4: 'VP6',
  5: 'VP6 with alpha',
  6: 'Screen Video 2',
  12: 'HEVC',
};

const audioCodecNames: Record<number, string> = {
  0: 'PCM',
  1: 'ADPCM',
  2: 'MP3',
  3: 'PCM',
  4: 'Nellymoser',
  5: 'Nellymoser',
  6: 'Nellymoser',
  7: 'G.711 A-law',
  8: 'G.711 mu-law',
  11: 'Speex',
  14: 'MP3',
};

const fourCharacterNames: Record<string, string> = {
  hvc1: 'HEVC',
  av01: 'AV1',
  vp09: 'VP9',
  vp08: 'VP8',
  avc1: 'H.264 in Enhanced RTMP framing',
  mp4a: 'AAC in Enhanced RTMP framing',
  Opus: 'Opus',
  fLaC: 'FLAC',
  'ac-3': 'AC-3',
  'ec-3': 'E-AC-3',
};

/** Only names that we know are repeated: the bytes come from a stranger. */
function fourCharacters(body: Uint8Array): string {
  const code = Buffer.from(body.subarray(1, 5)).toString('latin1');
  return fourCharacterNames[code] ?? 'a codec of Enhanced RTMP';
}

function unsupportedVideo(codec: string): TouchlineError {
  return unsupported(
    `the video is ${codec}; set the encoder's video codec to H.264 (x264, NVENC H.264, ...)`,
  );
}

function unsupportedAudio(codec: string): TouchlineError {
  return unsupported(`the audio is ${codec}; set the encoder's audio codec to AAC`);
}

function unsupported(what: string): TouchlineError {
  return new TouchlineError({
    code: 'ingest.unsupported-codec',
    message: `this stream cannot be taken: ${what}. RTMP is taken with H.264 and AAC`,
    retryable: false,
    blame: 'input',
  });
}
