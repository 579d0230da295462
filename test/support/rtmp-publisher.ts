import { connect, type Socket } from 'node:net';

import { decodeAmf0, encodeAmf0, type AmfValue } from '../../ingest/rtmp/amf0.ts';
import { ChunkReader } from '../../ingest/rtmp/chunk-reader.ts';
import { ChunkWriter } from '../../ingest/rtmp/chunk-writer.ts';
import { handshakeBytes } from '../../ingest/rtmp/handshake.ts';
import { messageType, type RtmpMessage } from '../../ingest/rtmp/message.ts';
import { Changes } from './rtmp-changes.ts';

/** An encoder of our own, for everything that real ones do not do: each step by itself, and wrongly on request. */
export class RtmpPublisher {
  readonly socket: Socket;
  /** The socket is gone. */
  readonly closed: Promise<void>;
  readonly #writer = new ChunkWriter();
  readonly #reader = new ChunkReader(1 << 20);
  readonly #inbox: RtmpMessage[] = [];
  #handshakeBytesLeft = 1 + 2 * handshakeBytes;
  readonly #changes = new Changes();
  #isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => this.#onData(bytes));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        this.#changes.note();
        resolve();
      });
    });
  }

  /** Connects and shakes hands. */
  static async dial(port: number): Promise<RtmpPublisher> {
    const publisher = await RtmpPublisher.dialSilently(port);
    publisher.socket.write(Buffer.concat([clientHello(), Buffer.alloc(handshakeBytes)]));
    return publisher;
  }

  /** Connects, and says nothing. */
  static async dialSilently(port: number): Promise<RtmpPublisher> {
    const socket = connect({ port, host: '127.0.0.1' });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RtmpPublisher(socket);
  }

  /** Everything up to the answer to publish. @returns its code: `NetStream.Publish.Start`, ... or 'closed' */
  static async publish(port: number, key: string): Promise<{ publisher: RtmpPublisher; code: string }> {
    const publisher = await RtmpPublisher.dial(port);
    await publisher.open();
    return { publisher, code: await publisher.askToPublish(key) };
  }

  /** connect and createStream. */
  async open(
    about: AmfValue = { app: 'live', flashVer: 'test/1.0', tcUrl: 'rtmp://127.0.0.1/live' },
  ): Promise<void> {
    this.command(0, ['connect', 1, about]);
    await this.answer('_result');
    this.command(0, ['createStream', 2, null]);
    await this.answer('_result');
  }

  async askToPublish(key: string): Promise<string> {
    this.command(1, ['publish', 3, null, key, 'live']);
    return await this.statusCode();
  }

  async statusCode(): Promise<string> {
    const values = await this.answer('onStatus');
    return /"code":"([^"]+)"/.exec(JSON.stringify(values ?? []))?.[1] ?? 'closed';
  }

  command(streamId: number, values: readonly AmfValue[]): void {
    this.message(3, {
      typeId: messageType.commandAmf0,
      streamId,
      timestampMs: 0,
      payload: encodeAmf0(values),
    });
  }

  video(timestampMs: number, payload: Uint8Array): void {
    this.message(6, { typeId: messageType.video, streamId: 1, timestampMs, payload });
  }

  audio(timestampMs: number, payload: Uint8Array): void {
    this.message(4, { typeId: messageType.audio, streamId: 1, timestampMs, payload });
  }

  message(chunkStreamId: number, message: RtmpMessage): void {
    this.socket.write(this.#writer.write(chunkStreamId, message));
  }

  /** The values of the next command of that name; undefined when the connection closes first. */
  async answer(name: string): Promise<readonly AmfValue[] | undefined> {
    for (;;) {
      const message = await this.next(messageType.commandAmf0);
      if (message === undefined) return undefined;
      const values = decodeAmf0(message.payload);
      if (values[0] === name) return values;
    }
  }

  /** The next message of that type, leaving out others; undefined when the connection closes first. */
  async next(typeId: number): Promise<RtmpMessage | undefined> {
    for (;;) {
      const message = this.#inbox.shift();
      if (message?.typeId === typeId) return message;
      if (message) continue;
      if (this.#isClosed) return undefined;
      await this.#changes.until(() => this.#inbox.length > 0 || this.#isClosed);
    }
  }

  #onData(bytes: Buffer): void {
    const skipped = Math.min(bytes.length, this.#handshakeBytesLeft);
    this.#handshakeBytesLeft -= skipped;
    this.#reader.feed(bytes.subarray(skipped));
    for (let message = this.#reader.next(); message; message = this.#reader.next()) this.#inbox.push(message);
    this.#changes.note();
  }
}

/** C0 and C1. */
export function clientHello(): Buffer {
  return Buffer.concat([Buffer.of(3), Buffer.alloc(handshakeBytes, 'c1')]);
}

/** The smallest H.264 configuration that has everything: 64x64, Baseline. */
export const avcc = Buffer.from('0142000affe100096742000af8415a084801000468ce3c80', 'hex');
/** AAC LC, 48 kHz, stereo. */
export const asc = Buffer.from('1190', 'hex');

export const videoConfigBody = Buffer.concat([Buffer.of(0x17, 0, 0, 0, 0), avcc]);
export const audioConfigBody = Buffer.concat([Buffer.of(0xaf, 0), asc]);

/** A picture of one NAL unit behind a length of four bytes. */
export function pictureBody(options: {
  isKeyframe: boolean;
  compositionMs?: number;
  bytes?: number;
}): Buffer {
  const nal = Buffer.alloc(options.bytes ?? 32, options.isKeyframe ? 0x65 : 0x41);
  const compositionMs = (options.compositionMs ?? 0) & 0xffffff;
  const head = Buffer.of(
    options.isKeyframe ? 0x17 : 0x27,
    1,
    compositionMs >> 16,
    (compositionMs >> 8) & 255,
    compositionMs & 255,
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(nal.length);
  return Buffer.concat([head, length, nal]);
}

export function soundBody(): Buffer {
  return Buffer.concat([Buffer.of(0xaf, 1), Buffer.alloc(24, 0x21)]);
}
