import assert from 'node:assert/strict';

import { asTouchlineError, type TouchlineError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { MediaPacket } from '../media-packet.ts';
import { decodeAmf0, encodeAmf0, type AmfValue } from './amf0.ts';
import { ChunkReader } from './chunk-reader.ts';
import { ChunkWriter } from './chunk-writer.ts';
import { FlvBodyReader } from './flv-body.ts';
import { Handshake, handshakeBytes } from './handshake.ts';
import { controlChunkStream, messageType, readU32, u32, userControl, type RtmpMessage } from './message.ts';
import { rtmpProtocolError } from './protocol-error.ts';

/** What the socket's owner is to do, in this order. */
export type SessionAction =
  | { kind: 'send'; bytes: Uint8Array }
  /** Ask whether the key opens a channel, read nothing until then, and answer with `accept` or `refuse`. */
  | { kind: 'authenticate'; key: Secret }
  | { kind: 'packet'; packet: MediaPacket }
  /** The answer to the ping that was sent at this time (u32). */
  | { kind: 'pong'; sentMs: number }
  /** The last one: close the connection when everything has been sent. */
  | { kind: 'end'; end: SessionEnd };

export interface SessionEnd {
  why: SessionEndCause;
  /** What to tell the contributor, where there is something to mend. */
  error: TouchlineError | undefined;
}

type SessionEndCause =
  /** The encoder said goodbye: FCUnpublish, deleteStream, or an orderly end of the connection. */
  | 'unpublished'
  /** The connection broke. */
  | 'connection-lost'
  /** Not one byte for 10 s, or no media for 60 s. */
  | 'silent'
  /** The same channel was claimed by a newer connection. */
  | 'taken-over'
  /** It broke the protocol, or sent what we cannot take: see `error`. */
  | 'unusable'
  /** We closed it: channel stopped, server going down. */
  | 'stopped';

/** The code of an onStatus message that ends a publication, and the sentence the encoder may show. */
export interface RefusalStatus {
  code:
    | 'NetStream.Publish.Unauthorized'
    /** Somebody else publishes under that name. */
    | 'NetStream.Publish.BadName'
    /** Not the contributor's fault, or not mended by another key. */
    | 'NetStream.Publish.Failed'
    | 'NetStream.Unpublish.Success';
  description: string;
}

/**
 * handshake        C0, C1 and C2 are awaited. Nothing but they can come. -> connect
 * connect          Commands are awaited: connect, createStream, publish. Little is taken. -> publish-pending
 * publish-pending  A key was given. What comes is kept unread. -> publishing (accept), closing (refuse)
 * publishing       The key was accepted. Media becomes packets. -> closing
 * closing          The `end` action was handed out. Nothing is read, nothing is sent.
 *
 * Every state leads to closing on a broken protocol, and by `close`.
 */
export type SessionState = 'handshake' | 'connect' | 'publish-pending' | 'publishing' | 'closing';

/**
 * The server's side of one RTMP connection without a socket: bytes in, actions out. No packet leaves it before
 * `accept`, because none is made: media messages are looked at in one state alone.
 */
export class RtmpSessionMachine {
  #state: SessionState = 'handshake';
  /** What the encoder calls itself, printable, at most 80 characters. */
  encoder = '';
  #handshake: Handshake | undefined;
  readonly #reader = new ChunkReader(messageBytesBeforePublish);
  readonly #writer = new ChunkWriter();
  readonly #flv = new FlvBodyReader();
  #actions: SessionAction[] = [];
  #receivedBytes = 0;
  #acknowledgedBytes = 0;
  #windowBytes = windowBytesDefault;
  #isConnected = false;
  #streamCount = 0;
  /** The message stream on which publish was said. */
  #publishStreamId = 0;

  /** @param random 1528 bytes */
  constructor(random: Uint8Array) {
    this.#handshake = new Handshake(random);
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Messages that should have held media and did not. */
  get ignoredCount(): number {
    return this.#flv.ignoredCount;
  }

  receive(bytes: Uint8Array): SessionAction[] {
    return this.#act(() => {
      const isAdmitted = this.#state === 'publish-pending' || this.#state === 'publishing';
      if (!isAdmitted && this.#receivedBytes > bytesBeforePublishMax) {
        throw rtmpProtocolError(`${this.#receivedBytes} bytes came before a publish command`);
      }
      this.#receivedBytes += bytes.length;
      this.#reader.feed(this.#handshake ? this.#shakeHands(this.#handshake, bytes) : bytes);
      this.#readMessages();
      this.#acknowledge();
    });
  }

  accept(): SessionAction[] {
    assert(this.#state === 'publish-pending', 'only a key that was asked about can be accepted');
    return this.#act(() => {
      this.#enter('publishing');
      this.#reader.messageBytesMax = messageBytesMax;
      this.#sendStatus('status', 'NetStream.Publish.Start', 'Publishing.');
      this.#readMessages();
    });
  }

  /** Ends the session in any state. The status goes out where a stream was published or asked for. */
  close(end: SessionEnd, status?: RefusalStatus): SessionAction[] {
    return this.#act(() => {
      if (status && (this.#state === 'publish-pending' || this.#state === 'publishing')) {
        const level = status.code === 'NetStream.Unpublish.Success' ? 'status' : 'error';
        this.#sendStatus(level, status.code, status.description);
      }
      this.#enter('closing');
      this.#actions.push({ kind: 'end', end });
    });
  }

  /** Asks the encoder for a sign of life. @param nowMs comes back in the `pong` */
  ping(nowMs: number): SessionAction[] {
    return this.#act(() => {
      const payload = Uint8Array.of(0, userControl.pingRequest, ...u32(nowMs));
      this.#sendControl(messageType.userControl, payload);
    });
  }

  #act(work: () => void): SessionAction[] {
    if (this.#state === 'closing') return [];
    this.#actions = [];
    try {
      work();
    } catch (thrown) {
      this.#fail(asTouchlineError(thrown));
    }
    return this.#actions;
  }

  #fail(error: TouchlineError): void {
    if (this.#state === 'publishing') this.#sendStatus('error', 'NetStream.Publish.Failed', error.message);
    this.#enter('closing');
    this.#actions.push({ kind: 'end', end: { why: 'unusable', error } });
  }

  #enter(state: SessionState): void {
    const from = leadsTo[state];
    assert(from.includes(this.#state), `${this.#state} does not lead to ${state}`);
    this.#state = state;
  }

  /** @returns what came behind the handshake */
  #shakeHands(handshake: Handshake, bytes: Uint8Array): Uint8Array {
    const { takenBytes, reply } = handshake.receive(bytes);
    if (reply) this.#actions.push({ kind: 'send', bytes: reply });
    if (handshake.isDone) {
      this.#handshake = undefined; // 3 KiB that would stay for the whole stream
      this.#enter('connect');
    }
    return bytes.subarray(takenBytes);
  }

  #readMessages(): void {
    while (this.#state === 'connect' || this.#state === 'publishing') {
      const message = this.#reader.next();
      if (message === undefined) return;
      this.#onMessage(message);
    }
  }

  #onMessage(message: RtmpMessage): void {
    const { typeId, payload } = message;
    switch (typeId) {
      case messageType.audio:
      case messageType.video:
        return this.#onMedia(message);
      case messageType.commandAmf0:
        return this.#onCommand(message.streamId, payload);
      case messageType.commandAmf3:
        // One byte of format, then AMF0, unless a value says otherwise: none does in the commands that we know.
        return this.#onCommand(message.streamId, payload.subarray(1));
      case messageType.userControl:
        return this.#onUserControl(payload);
      case messageType.windowAcknowledgementSize:
        this.#windowBytes = readU32(payload, 0) || windowBytesDefault;
        return;
      case messageType.aggregate:
        throw rtmpProtocolError('aggregate messages came in, which no encoder in use sends');
      default:
        // Metadata repeats what the media itself says, and not always truly. Unknown types are for the ignoring (§5.4).
        return;
    }
  }

  #onMedia(message: RtmpMessage): void {
    if (this.#state !== 'publishing') throw rtmpProtocolError('media came before a publish command');
    const packet = this.#flv.read(message);
    if (packet) this.#actions.push({ kind: 'packet', packet });
  }

  #onCommand(streamId: number, payload: Uint8Array): void {
    const [name, transaction, ...rest] = decodeAmf0(payload);
    const transactionId = typeof transaction === 'number' ? transaction : 0;
    if (name === 'connect') return this.#onConnect(transactionId, rest[0]);
    if (!this.#isConnected) throw rtmpProtocolError('a command came before connect');
    switch (typeof name === 'string' ? name : '') {
      case 'releaseStream':
      case 'FCPublish':
        return this.#sendCommand(0, ['_result', transactionId, null, undefined]);
      case 'createStream':
        return this.#onCreateStream(transactionId);
      case 'publish':
        return this.#onPublish(streamId, rest[1]);
      case 'FCUnpublish':
      case 'deleteStream':
      case 'closeStream':
        return this.#onUnpublish();
      case 'play':
      case 'play2':
        this.#publishStreamId = streamId;
        this.#sendStatus('error', 'NetStream.Play.Failed', 'Streams are taken here and not played.');
        throw rtmpProtocolError('a player asked for a stream, where encoders publish');
      default:
        return; // _checkbw, getStreamLength, FCSubscribe, ...: encoders do without an answer
    }
  }

  #onConnect(transactionId: number, about: AmfValue): void {
    if (this.#isConnected) throw rtmpProtocolError('a second connect command came');
    this.encoder = printable(member(about, 'flashVer'));
    if (appOf(member(about, 'app')) !== 'live') {
      const description =
        'The address is rtmp://HOST:PORT/live, and the key goes into its own field or behind it.';
      this.#sendCommand(0, [
        '_error',
        transactionId,
        null,
        { level: 'error', code: 'NetConnection.Connect.InvalidApp', description },
      ]);
      throw rtmpProtocolError('the address does not lead to /live: it is rtmp://HOST:PORT/live/KEY');
    }
    this.#isConnected = true;
    this.#sendControl(messageType.windowAcknowledgementSize, u32(windowBytesDefault));
    this.#sendControl(messageType.setPeerBandwidth, Uint8Array.of(...u32(windowBytesDefault), dynamicLimit));
    this.#sendControl(messageType.setChunkSize, u32(chunkBytesOurs));
    const server = { fmsVer: 'FMS/3,0,1,123', capabilities: 31 };
    const description = 'Connection succeeded.';
    this.#sendCommand(0, [
      '_result',
      transactionId,
      server,
      { level: 'status', code: 'NetConnection.Connect.Success', description, objectEncoding: 0 },
    ]);
  }

  #onCreateStream(transactionId: number): void {
    this.#streamCount += 1;
    if (this.#streamCount > streamCountMax)
      throw rtmpProtocolError(`more than ${streamCountMax} streams were created`);
    this.#sendCommand(0, ['_result', transactionId, null, this.#streamCount]);
  }

  #onPublish(streamId: number, name: AmfValue): void {
    if (this.#state === 'publishing') throw rtmpProtocolError('a second publish command came');
    this.#publishStreamId = streamId;
    // Relays and some encoders put a query behind the key.
    const [key = ''] = typeof name === 'string' ? name.split('?', 1) : [];
    this.#enter('publish-pending');
    this.#actions.push({ kind: 'authenticate', key: new Secret(key) });
  }

  #onUnpublish(): void {
    if (this.#state !== 'publishing') return;
    this.#sendStatus('status', 'NetStream.Unpublish.Success', 'Stopped publishing.');
    this.#enter('closing');
    this.#actions.push({ kind: 'end', end: { why: 'unpublished', error: undefined } });
  }

  #onUserControl(payload: Uint8Array): void {
    if (payload.length < 6) return;
    const event = (payload[0] ?? 0) * 256 + (payload[1] ?? 0);
    if (event === userControl.pingRequest) {
      const answer = Uint8Array.of(0, userControl.pingResponse, ...payload.subarray(2, 6));
      this.#sendControl(messageType.userControl, answer);
    } else if (event === userControl.pingResponse) {
      this.#actions.push({ kind: 'pong', sentMs: readU32(payload, 2) });
    }
  }

  /** At half the window: a peer that keeps to it never has to wait (§5.4.3). */
  #acknowledge(): void {
    if (this.#state === 'handshake' || this.#state === 'closing') return;
    if (this.#receivedBytes - this.#acknowledgedBytes < this.#windowBytes / 2) return;
    this.#acknowledgedBytes = this.#receivedBytes;
    this.#sendControl(messageType.acknowledgement, u32(this.#receivedBytes));
  }

  #sendControl(typeId: number, payload: Uint8Array): void {
    this.#send(controlChunkStream, { typeId, streamId: 0, timestampMs: 0, payload });
  }

  #sendStatus(level: 'status' | 'error', code: string, description: string): void {
    this.#sendCommand(this.#publishStreamId, ['onStatus', 0, null, { level, code, description }]);
  }

  #sendCommand(streamId: number, values: readonly AmfValue[]): void {
    const payload = encodeAmf0(values);
    this.#send(commandChunkStream, { typeId: messageType.commandAmf0, streamId, timestampMs: 0, payload });
  }

  #send(chunkStreamId: number, message: RtmpMessage): void {
    this.#actions.push({ kind: 'send', bytes: this.#writer.write(chunkStreamId, message) });
  }
}

/** From which states each one is reached. */
const leadsTo: Record<SessionState, readonly SessionState[]> = {
  handshake: [],
  connect: ['handshake'],
  'publish-pending': ['connect'],
  publishing: ['publish-pending'],
  closing: ['handshake', 'connect', 'publish-pending', 'publishing'],
};

const commandChunkStream = 3;

/** Commands before publish have some hundred bytes, with a signed tcUrl a few thousand. */
const messageBytesBeforePublish = 16 * 1024;

/** The handshake and a handful of commands. */
const bytesBeforePublishMax = 1 + 2 * handshakeBytes + 64 * 1024;

/** An intra picture of 4K at 200 Mb/s and 25 fps has 4 MB. */
const messageBytesMax = 10 * 1024 * 1024;

/** What others announce as well; an encoder at 20 Mb/s then hears of us twice a second. */
const windowBytesDefault = 2_500_000;

/** Limit type of Set Peer Bandwidth (§5.4.5). */
const dynamicLimit = 2;

/** ffmpeg answers with the same size for its own chunks: one header for most pictures in place of one every 128 bytes. */
const chunkBytesOurs = 65_536;

const streamCountMax = 8;

function member(value: AmfValue, name: string): AmfValue {
  if (typeof value !== 'object' || value === null || !(name in value)) return undefined;
  return (value as Readonly<Record<string, AmfValue>>)[name];
}

/** `live` of "live/", "/live", "live?x=1". */
function appOf(app: AmfValue): string | undefined {
  if (typeof app !== 'string') return undefined;
  return app
    .split('?', 1)
    .flatMap((path) => path.split('/'))
    .filter(Boolean)
    .join('/');
}

function printable(value: AmfValue): string {
  return typeof value === 'string' ? value.slice(0, 80).replace(/[^ -~]/g, '?') : '';
}
