import { chunkBytesDefault, extendedMark, messageType, u32, type RtmpMessage } from './message.ts';

/** Cuts messages into chunks (§5.3) behind the shortest header that says it all. */
export class ChunkWriter {
  #chunkBytes = chunkBytesDefault;
  readonly #last = new Map<number, LastMessage>();

  /** @returns the bytes to send; a Set Chunk Size counts from the next message on */
  write(chunkStreamId: number, message: RtmpMessage): Buffer {
    const { payload } = message;
    const header = this.#header(chunkStreamId, message);
    const parts: Uint8Array[] = [basicHeader(header.format, chunkStreamId), header.fields];
    for (let at = 0; at < payload.length; at += this.#chunkBytes) {
      if (at > 0) parts.push(basicHeader(3, chunkStreamId), header.extended);
      parts.push(payload.subarray(at, at + this.#chunkBytes));
    }
    if (message.typeId === messageType.setChunkSize) {
      this.#chunkBytes = Buffer.from(payload).readUInt32BE(0);
    }
    return Buffer.concat(parts);
  }

  #header(chunkStreamId: number, message: RtmpMessage): ChunkHeader {
    const { typeId, streamId, timestampMs, payload } = message;
    const last = this.#last.get(chunkStreamId);
    const deltaMs = last === undefined ? 0 : (timestampMs - last.timestampMs) >>> 0;
    const goesBack = deltaMs > 0x7fffffff;
    const payloadBytes = payload.length;
    if (last === undefined || goesBack || last.streamId !== streamId) {
      // After a type 0, a type 3 would repeat the absolute time: that difference counts as none of ours.
      this.#last.set(chunkStreamId, { typeId, streamId, timestampMs, payloadBytes, deltaMs: undefined });
      return chunkHeader(0, timestampMs, [
        ...u32(payloadBytes).subarray(1),
        typeId,
        ...u32(streamId).toReversed(),
      ]);
    }
    this.#last.set(chunkStreamId, { typeId, streamId, timestampMs, payloadBytes, deltaMs });
    if (last.typeId !== typeId || last.payloadBytes !== payloadBytes) {
      return chunkHeader(1, deltaMs, [...u32(payloadBytes).subarray(1), typeId]);
    }
    return chunkHeader(last.deltaMs === deltaMs ? 3 : 2, deltaMs, []);
  }
}

interface LastMessage {
  typeId: number;
  streamId: number;
  timestampMs: number;
  payloadBytes: number;
  deltaMs: number | undefined;
}

interface ChunkHeader {
  format: number;
  fields: Uint8Array;
  /** Repeated in front of every further chunk; empty below 16777215 ms. */
  extended: Uint8Array;
}

function chunkHeader(format: number, timeMs: number, rest: readonly number[]): ChunkHeader {
  const extended = timeMs >= extendedMark ? u32(timeMs) : new Uint8Array(0);
  const time24 = format === 3 ? [] : u32(Math.min(timeMs, extendedMark)).subarray(1);
  return { format, fields: Uint8Array.of(...time24, ...rest, ...extended), extended };
}

/** One byte for ids 2-63, two to 319, three to 65599 (§5.3.1.1). */
function basicHeader(format: number, id: number): Uint8Array {
  if (id < 64) return Uint8Array.of((format << 6) | id);
  if (id < 320) return Uint8Array.of(format << 6, id - 64);
  return Uint8Array.of((format << 6) | 1, (id - 64) & 255, (id - 64) >> 8);
}
