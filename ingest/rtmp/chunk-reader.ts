import {
  chunkBytesDefault,
  extendedMark,
  messageType,
  readU24,
  readU32,
  type RtmpMessage,
} from './message.ts';
import { rtmpProtocolError } from './protocol-error.ts';

/** Encoders use up to six; the ids go to 65599. */
export const chunkStreamCountMax = 32;

/**
 * Puts messages together from chunks (§5.3), wherever the network cut the bytes. Each payload byte is copied once, into
 * the message it belongs to. Set Chunk Size and Abort are obeyed here and not handed out.
 *
 *   reader.feed(bytes);
 *   while ((message = reader.next())) ...
 */
export class ChunkReader {
  /** Longer messages break the connection. Raise it once the peer is trusted with more. */
  messageBytesMax: number;
  #chunkBytes = chunkBytesDefault;
  readonly #streams = new Map<number, ChunkStream>();
  #input: Buffer = Buffer.alloc(0);
  #at = 0;
  /** A chunk header, gathered here because the network may cut it: 3 + 11 + 4 bytes at most. */
  readonly #header = new Uint8Array(18);
  #headerBytes = 0;
  /** Whose payload comes now; undefined between chunks. */
  #current: ChunkStream | undefined;
  #chunkBytesLeft = 0;
  /** Reserved for messages that are not complete. */
  #heldBytes = 0;

  constructor(messageBytesMax: number) {
    this.messageBytesMax = messageBytesMax;
  }

  /** The bytes are read by `next`, and must not change until then. */
  feed(bytes: Uint8Array): void {
    const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const rest = this.#input.subarray(this.#at);
    this.#input = rest.length === 0 ? input : Buffer.concat([rest, input]);
    this.#at = 0;
  }

  /**
   * @returns the next complete message, or undefined when more bytes are needed
   * @throws TouchlineError `ingest.rtmp-protocol`; the reader is of no use after that
   */
  next(): RtmpMessage | undefined {
    for (;;) {
      this.#current ??= this.#readHeader();
      const stream = this.#current;
      if (stream === undefined) return undefined;
      const taken = Math.min(this.#chunkBytesLeft, this.#input.length - this.#at);
      if (taken > 0) {
        this.#input.copy(stream.payload, stream.filledBytes, this.#at, this.#at + taken);
        this.#advance(stream, taken);
        this.#at += taken;
      }
      if (this.#chunkBytesLeft > 0) return undefined;
      this.#current = undefined;
      if (stream.filledBytes < stream.payload.length) continue;
      const message = this.#finish(stream);
      if (message.typeId === messageType.setChunkSize) this.#setChunkSize(message.payload);
      else if (message.typeId === messageType.abort) this.#abort(message.payload);
      else return message;
    }
  }

  #advance(stream: ChunkStream, bytes: number): void {
    stream.filledBytes += bytes;
    this.#chunkBytesLeft -= bytes;
  }

  #finish(stream: ChunkStream): RtmpMessage {
    const { typeId, streamId, timestampMs, payload } = stream;
    this.#discard(stream);
    return { typeId, streamId, timestampMs, payload };
  }

  #discard(stream: ChunkStream): void {
    this.#heldBytes -= stream.payload.length;
    stream.isOpen = false;
    stream.payload = nothing;
    stream.filledBytes = 0;
  }

  /** @returns the chunk stream whose payload follows, or undefined when the header is not complete yet */
  #readHeader(): ChunkStream | undefined {
    const header = this.#header;
    if (!this.#gather(1)) return undefined;
    const format = (header[0] ?? 0) >> 6;
    const shortId = (header[0] ?? 0) & 63;
    const basicBytes = shortId === 0 ? 2 : shortId === 1 ? 3 : 1;
    const fieldsEnd = basicBytes + (fieldBytes[format] ?? 0);
    if (!this.#gather(fieldsEnd)) return undefined;

    const id = shortId > 1 ? shortId : 64 + (header[1] ?? 0) + (shortId === 1 ? (header[2] ?? 0) * 256 : 0);
    const stream = this.#streamOf(id, format);
    if (stream.isOpen && format !== 3) {
      throw rtmpProtocolError(`chunk stream ${id} began a message before the one before was complete`);
    }
    const time24 = format === 3 ? 0 : readU24(header, basicBytes);
    const isExtended = format === 3 ? stream.extendedMs !== undefined : time24 === extendedMark;
    if (isExtended && !this.#gather(fieldsEnd + 4)) return undefined;
    this.#headerBytes = 0;
    const extendedMs = isExtended ? readU32(header, fieldsEnd) : undefined;
    if (format !== 3)
      this.#readFields(stream, { format, at: basicBytes, timeMs: extendedMs ?? time24, extendedMs });
    if (!stream.isOpen) this.#open(stream, format);
    this.#chunkBytesLeft = Math.min(this.#chunkBytes, stream.payload.length - stream.filledBytes);
    // §5.3.1.3 wants the extended timestamp in the chunks that follow as well. Some encoders leave it out.
    if (format === 3 && isExtended && extendedMs !== stream.extendedMs)
      this.#returnToPayload(stream, fieldsEnd);
    return stream;
  }

  #readFields(
    stream: ChunkStream,
    fields: { format: number; at: number; timeMs: number; extendedMs: number | undefined },
  ): void {
    const { format, at, timeMs, extendedMs } = fields;
    stream.extendedMs = extendedMs;
    stream.timeMs = timeMs;
    if (format === 2) return;
    stream.payloadBytes = readU24(this.#header, at + 3);
    stream.typeId = this.#header[at + 6] ?? 0;
    if (format === 1) return;
    // The one field in RTMP that is little-endian (§5.3.1.2.1).
    const [a = 0, b = 0, c = 0, d = 0] = this.#header.subarray(at + 7, at + 11);
    stream.streamId = a + b * 0x100 + c * 0x10000 + d * 0x1000000;
  }

  /** Begins a message. A type 3 that does so repeats the time before it, absolute or not (§5.3.1.2.4). */
  #open(stream: ChunkStream, format: number): void {
    if (stream.payloadBytes > this.messageBytesMax) {
      throw rtmpProtocolError(
        `a message of ${stream.payloadBytes} bytes was announced, more than the ${this.messageBytesMax} that are taken here`,
      );
    }
    if (this.#heldBytes + stream.payloadBytes > this.messageBytesMax + heldBytesSpare) {
      throw rtmpProtocolError(
        `${this.#heldBytes + stream.payloadBytes} bytes of unfinished messages were announced`,
      );
    }
    stream.timestampMs = format === 0 ? stream.timeMs : (stream.timestampMs + stream.timeMs) >>> 0;
    stream.isOpen = true;
    stream.payload = Buffer.allocUnsafe(stream.payloadBytes);
    this.#heldBytes += stream.payloadBytes;
  }

  /** What was taken for an extended timestamp belongs to the payload, and what the chunk has no room for to the next header. */
  #returnToPayload(stream: ChunkStream, at: number): void {
    const taken = Math.min(4, this.#chunkBytesLeft);
    stream.payload.set(this.#header.subarray(at, at + taken), stream.filledBytes);
    this.#advance(stream, taken);
    this.#header.copyWithin(0, at + taken, at + 4);
    this.#headerBytes = 4 - taken;
  }

  #streamOf(id: number, format: number): ChunkStream {
    const known = this.#streams.get(id);
    if (known) return known;
    // librtmp, and with it OBS, opens chunk stream 2 with a type 1; its stream id is then 0.
    if (format > 1) throw rtmpProtocolError(`chunk stream ${id} began with a header of type ${format}`);
    if (this.#streams.size >= chunkStreamCountMax) {
      throw rtmpProtocolError(`more than ${chunkStreamCountMax} chunk streams were opened`);
    }
    const stream: ChunkStream = {
      typeId: 0,
      streamId: 0,
      timestampMs: 0,
      timeMs: 0,
      extendedMs: undefined,
      payloadBytes: 0,
      isOpen: false,
      payload: nothing,
      filledBytes: 0,
    };
    this.#streams.set(id, stream);
    return stream;
  }

  /** @returns true when the header holds `count` bytes */
  #gather(count: number): boolean {
    while (this.#headerBytes < count && this.#at < this.#input.length) {
      this.#header[this.#headerBytes] = this.#input[this.#at] ?? 0;
      this.#headerBytes += 1;
      this.#at += 1;
    }
    return this.#headerBytes >= count;
  }

  #setChunkSize(payload: Uint8Array): void {
    const bytes = readU32(payload, 0);
    // §5.4.1: the first bit is zero and the size at least 1.
    if (payload.length < 4 || bytes < 1 || bytes > 0x7fffffff) {
      throw rtmpProtocolError(
        `a chunk size of ${bytes} bytes was asked for, where 1 to 2147483647 is allowed`,
      );
    }
    this.#chunkBytes = bytes;
  }

  #abort(payload: Uint8Array): void {
    const stream = this.#streams.get(readU32(payload, 0));
    if (stream?.isOpen) this.#discard(stream);
  }
}

interface ChunkStream {
  typeId: number;
  streamId: number;
  /** Of the message that is open or was last. */
  timestampMs: number;
  /** The time field of the last header that had one: a timestamp in type 0, else a difference. */
  timeMs: number;
  /** That field where it took 32 bits. */
  extendedMs: number | undefined;
  payloadBytes: number;
  isOpen: boolean;
  payload: Buffer;
  filledBytes: number;
}

const nothing = Buffer.alloc(0);

/** Message header bytes of the four chunk types (§5.3.1.2). */
const fieldBytes = [11, 7, 3, 0];

/** A picture of the full size may be in the making while sound goes on beside it. */
const heldBytesSpare = 256 * 1024;
