import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { encodeAmf0 } from '../../../ingest/rtmp/amf0.ts';
import { ChunkWriter } from '../../../ingest/rtmp/chunk-writer.ts';
import { RtmpConnection, type SessionEnd } from '../../../ingest/rtmp/connection.ts';
import { handshakeBytes } from '../../../ingest/rtmp/handshake.ts';
import { messageType } from '../../../ingest/rtmp/message.ts';
import { clientHello } from '../../support/rtmp-publisher.ts';
import { HandClock } from '../hand-clock.ts';

describe('RtmpConnection', () => {
  it('ends when the peer reads none of its answers, before they fill our memory', () => {
    const socket = new DeafSocket();
    const ends: SessionEnd[] = [];
    const clock = new HandClock();
    const connection = new RtmpConnection(socket as unknown as Socket, {
      random: Buffer.alloc(handshakeBytes - 8),
      host: {
        clock,
        limits: {
          admissionMsMax: 10_000,
          authenticationMsMax: 3000,
          stalledMs: 2000,
          silentMsMax: 10_000,
          mediaGapMsMax: 60_000,
          restsAfterMs: 5000,
        },
        authenticate: async () => ({ kind: 'opens', channelId: 'ch_1' }),
        claim: () => ({ sessionId: 'ses_1' }),
        open: () => ({ onPacket: () => {}, onStalled: () => {}, onEnd: () => {} }),
        onOver: (_connection, end) => ends.push(end),
      },
    });
    const writer = new ChunkWriter();
    const message = (typeId: number, payload: Uint8Array): Buffer =>
      writer.write(3, { typeId, streamId: 0, timestampMs: 0, payload });
    const connect = encodeAmf0(['connect', 1, { app: 'live' }]);
    socket.emit('data', Buffer.concat([clientHello(), Buffer.alloc(handshakeBytes)]));
    socket.emit('data', message(messageType.commandAmf0, connect));
    let pings = 0;
    // 64 KiB hold 9362 pongs, each a chunk of 7 bytes.
    for (; pings < 20_000 && ends.length === 0; pings += 1) {
      socket.emit('data', message(messageType.userControl, Buffer.from('000600000000', 'hex')));
    }
    expect(pings).toBeLessThan(9400);
    expect(socket.unsentBytes).toBeLessThan(66 * 1024);
    expect(ends).toMatchObject([{ why: 'unusable', error: { code: 'ingest.rtmp-deaf' } }]);
    connection.check(clock.monotonicMs());
    expect(socket.destroyed).toBe(false);
    connection.check(clock.monotonicMs() + 500);
    expect(socket.destroyed).toBe(true);
  });
});

/** A socket whose peer has stopped reading: nothing that is written ever leaves. */
class DeafSocket extends Duplex {
  readonly remoteAddress = '::ffff:192.0.2.7';

  get unsentBytes(): number {
    return this.writableLength;
  }

  setNoDelay(): void {}

  setKeepAlive(): void {}

  override _read(): void {}

  override _write(): void {
    // The callback that says "sent" never comes.
  }
}
