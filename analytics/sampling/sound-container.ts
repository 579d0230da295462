import { frameSamples, type SoundStream } from './sound-stream.ts';

/**
 * Matroska (RFC 9559) with as many tracks as there are segments to come: ffmpeg opens a decoder for each at its start, so
 * that every segment has one that has decoded nothing before.
 */
export function soundHeader(stream: SoundStream, trackCount: number): Uint8Array {
  const { sampleRateHz, channelCount, config } = stream;
  const rate = new Uint8Array(8);
  new DataView(rate.buffer).setFloat64(0, sampleRateHz);
  const tracks = Array.from({ length: trackCount }, (_, index) =>
    element(
      id.trackEntry,
      element(id.trackNumber, number(index + 1)),
      element(id.trackUid, number(index + 1)),
      element(id.trackType, number(2)), // audio
      element(id.codecId, Buffer.from('A_AAC')),
      element(id.codecPrivate, config),
      element(id.audio, element(id.samplingFrequency, rate), element(id.channels, number(channelCount))),
    ),
  );
  return Buffer.concat([
    element(id.ebml, element(id.docType, Buffer.from('matroska'))),
    Uint8Array.from([...id.segment, ...unknownSize]),
    element(id.info, element(id.timestampScale, number(1_000_000))), // 1 ms
    element(id.tracks, ...tracks),
  ]);
}

/**
 * The frames of one segment for one of the tracks, counted from 0, and behind them the last one again `paddingCount` times:
 * what is decoded of those pushes the rest of the segment out of whoever holds it back.
 *
 * @returns undefined for more than fits: a block's time has 16 bits and a sign
 */
export function soundCluster(
  stream: SoundStream,
  { track, paddingCount }: { track: number; paddingCount: number },
): Uint8Array | undefined {
  const last = stream.frames.at(-1);
  const frames = last ? [...stream.frames, ...Array<Uint8Array>(paddingCount).fill(last)] : [];
  const frameMs = (frameSamples * 1000) / stream.sampleRateHz;
  if (frames.length * frameMs > 0x7fff) return undefined;
  const blocks = frames.map((frame, index) => {
    const head = new Uint8Array(5);
    const view = new DataView(head.buffer);
    view.setUint16(0, 0x4000 | (track + 1));
    view.setInt16(2, Math.round(index * frameMs));
    head[4] = 0x80; // can be decoded by itself
    return element(id.simpleBlock, head, frame);
  });
  return element(id.cluster, element(id.timestamp, number(0)), ...blocks);
}

const id = {
  ebml: [0x1a, 0x45, 0xdf, 0xa3],
  docType: [0x42, 0x82],
  segment: [0x18, 0x53, 0x80, 0x67],
  info: [0x15, 0x49, 0xa9, 0x66],
  timestampScale: [0x2a, 0xd7, 0xb1],
  tracks: [0x16, 0x54, 0xae, 0x6b],
  trackEntry: [0xae],
  trackNumber: [0xd7],
  trackUid: [0x73, 0xc5],
  trackType: [0x83],
  codecId: [0x86],
  codecPrivate: [0x63, 0xa2],
  audio: [0xe1],
  samplingFrequency: [0xb5],
  channels: [0x9f],
  cluster: [0x1f, 0x43, 0xb6, 0x75],
  timestamp: [0xe7],
  simpleBlock: [0xa3],
} as const;
const unknownSize = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

function element(name: readonly number[], ...content: readonly Uint8Array[]): Uint8Array {
  const size = content.reduce((sum, bytes) => sum + bytes.length, 0);
  const head = new Uint8Array(name.length + 4);
  head.set(name);
  // Four bytes hold sizes up to 256 MB.
  new DataView(head.buffer).setUint32(name.length, 0x1000_0000 | size);
  return Buffer.concat([head, ...content]);
}

function number(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
