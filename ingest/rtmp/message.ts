/** One RTMP message, put together from its chunks. */
export interface RtmpMessage {
  typeId: number;
  /** 0 is the connection itself; createStream hands out the others. */
  streamId: number;
  /** u32, wraps after 49.7 days. */
  timestampMs: number;
  payload: Uint8Array;
}

/** Message type ids: §5.4 for 1-6, §7.1 for the rest. */
export const messageType = {
  setChunkSize: 1,
  abort: 2,
  acknowledgement: 3,
  userControl: 4,
  windowAcknowledgementSize: 5,
  setPeerBandwidth: 6,
  audio: 8,
  video: 9,
  dataAmf3: 15,
  commandAmf3: 17,
  dataAmf0: 18,
  commandAmf0: 20,
  aggregate: 22,
} as const;

/** User control events (§7.1.7). */
export const userControl = { streamBegin: 0, pingRequest: 6, pingResponse: 7 } as const;

/** The chunk size both sides start with (§5.4.1). */
export const chunkBytesDefault = 128;

/** Chunk stream of the protocol control messages (§5.4). */
export const controlChunkStream = 2;

/** What says in the 24-bit field that the timestamp follows in 32 bits (§5.3.1.3). */
export const extendedMark = 0xffffff;

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** 0 where the bytes end too early. */
export function readU32(bytes: Uint8Array, at: number): number {
  return readU24(bytes, at) * 256 + (bytes[at + 3] ?? 0);
}

export function readU24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}
