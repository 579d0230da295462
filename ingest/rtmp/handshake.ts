import { rtmpProtocolError } from './protocol-error.ts';
import { u32 } from './message.ts';

/** C1, S1, C2 and S2 each (§5.2.3). */
export const handshakeBytes = 1536;
const version = 3;

/**
 * The server's side of the handshake (§5.2): C0 and C1 come, S0, S1 and S2 go, C2 comes. S2 echoes C1. That serves
 * clients with a digest as well: the four zero bytes in our S1 say that we know none, and they go on without.
 */
export class Handshake {
  readonly #c1 = Buffer.alloc(handshakeBytes);
  readonly #random: Uint8Array;
  /** Bytes of C0, C1 and C2 so far. */
  #receivedBytes = 0;

  /** @param random 1528 bytes for S1 */
  constructor(random: Uint8Array) {
    this.#random = random;
  }

  get isDone(): boolean {
    return this.#receivedBytes === 1 + 2 * handshakeBytes;
  }

  /**
   * @returns how many of the bytes belong to the handshake, and what to answer when C1 has just become complete
   * @throws TouchlineError `ingest.rtmp-protocol` when the first byte is not RTMP's
   */
  receive(bytes: Uint8Array): { takenBytes: number; reply: Uint8Array | undefined } {
    const before = this.#receivedBytes;
    if (before === 0 && bytes.length > 0 && bytes[0] !== version) throw notRtmp(bytes[0] ?? 0);
    const takenBytes = Math.min(bytes.length, 1 + 2 * handshakeBytes - before);
    this.#receivedBytes += takenBytes;
    if (before > handshakeBytes) return { takenBytes, reply: undefined };

    // C1 lies behind the one byte of C0; what there is of C2 is not looked at.
    const c1 = bytes.subarray(before === 0 ? 1 : 0, 1 + handshakeBytes - before);
    this.#c1.set(c1, Math.max(0, before - 1));
    const reply = this.#receivedBytes > handshakeBytes ? this.#reply() : undefined;
    return { takenBytes, reply };
  }

  #reply(): Uint8Array {
    const s1 = Buffer.concat([u32(0), u32(0), this.#random], handshakeBytes);
    return Buffer.concat([Uint8Array.of(version), s1, this.#c1]);
  }
}

function notRtmp(firstByte: number): Error {
  const guess =
    firstByte === 22
      ? ' (TLS: use rtmp:// here, rtmps:// is not served)'
      : firstByte === 6
        ? ' (RTMPE: use rtmp:// here)'
        : '';
  return rtmpProtocolError(`the first byte was ${firstByte}${guess}, where RTMP has 3`);
}
