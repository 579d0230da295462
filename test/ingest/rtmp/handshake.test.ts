import { describe, expect, it } from 'vitest';

import { Handshake, handshakeBytes } from '../../../ingest/rtmp/handshake.ts';

const random = Buffer.alloc(handshakeBytes - 8, 0x77);
const c0 = Buffer.of(3);
const c1 = Buffer.from(Array.from({ length: handshakeBytes }, (_, index) => (index * 7) & 255));
const c2 = Buffer.alloc(handshakeBytes, 2);

describe('Handshake', () => {
  it.each([1, 2, 700, 1536, 1537, 3073, 5000])(
    'in pieces of %i bytes, echoes C1 and takes exactly its own',
    (size) => {
      const handshake = new Handshake(random);
      const wire = Buffer.concat([c0, c1, c2, Buffer.from('what follows')]);
      const replies: Uint8Array[] = [];
      let taken = 0;
      for (let at = 0; at < wire.length && !handshake.isDone; at += size) {
        const { takenBytes, reply } = handshake.receive(wire.subarray(at, at + size));
        taken += takenBytes;
        if (reply) replies.push(reply);
      }
      expect(taken).toBe(3073);
      expect(handshake.isDone).toBe(true);
      expect(replies).toHaveLength(1);
      const reply = Buffer.concat(replies);
      expect(reply[0]).toBe(3);
      // Zeros where a version would be: clients that could prove themselves with a digest do without.
      expect(reply.subarray(1, 9)).toEqual(Buffer.alloc(8));
      expect(reply.subarray(9, 1537)).toEqual(random);
      expect(reply.subarray(1537)).toEqual(c1);
    },
  );

  it('answers C1 only when the last byte of it is there', () => {
    const handshake = new Handshake(random);
    expect(handshake.receive(Buffer.concat([c0, c1.subarray(0, -1)])).reply).toBeUndefined();
    expect(handshake.receive(c1.subarray(-1)).reply).toHaveLength(3073);
    handshake.receive(c2.subarray(0, -1));
    expect(handshake.isDone).toBe(false);
    handshake.receive(c2.subarray(-1));
    expect(handshake.isDone).toBe(true);
  });

  it.each([
    { who: 'a browser', firstByte: 0x47, hint: 'where RTMP has 3' },
    { who: 'rtmps', firstByte: 22, hint: 'use rtmp:// here, rtmps:// is not served' },
    { who: 'RTMPE', firstByte: 6, hint: 'RTMPE: use rtmp:// here' },
  ])('refuses $who at the first byte', ({ firstByte, hint }) => {
    expect(() => new Handshake(random).receive(Buffer.of(firstByte))).toThrow(hint);
  });
});
