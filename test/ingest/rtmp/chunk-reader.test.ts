import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ChunkReader, chunkStreamCountMax } from '../../../ingest/rtmp/chunk-reader.ts';
import { ChunkWriter } from '../../../ingest/rtmp/chunk-writer.ts';
import { messageType, u32, type RtmpMessage } from '../../../ingest/rtmp/message.ts';

const messageBytesMax = 1000;

describe('ChunkReader', () => {
  it('reads the example of the specification, §5.3.2.1: four messages in headers of type 0, 2, 3 and 3', () => {
    const sound = 'aa'.repeat(32);
    const messages = read(`03 0003e8 000020 08 39300000 ${sound} 83 000014 ${sound} c3 ${sound} c3 ${sound}`);
    expect(messages.map(({ timestampMs }) => timestampMs)).toEqual([1000, 1020, 1040, 1060]);
    expect(messages.map(({ streamId }) => streamId)).toEqual([12345, 12345, 12345, 12345]);
    expect(messages.every(({ payload, typeId }) => payload.length === 32 && typeId === 8)).toBe(true);
  });

  it('reads the example of §5.3.2.2: one message of 307 bytes in three chunks', () => {
    const [message] = read(
      `04 0003e8 000133 09 3a300000 ${'01'.repeat(128)} c4 ${'02'.repeat(128)} c4 ${'03'.repeat(51)}`,
    );
    expect(message).toMatchObject({ timestampMs: 1000, typeId: 9, streamId: 12346 });
    expect(message?.payload).toHaveLength(307);
    expect([message?.payload[127], message?.payload[128], message?.payload[306]]).toEqual([1, 2, 3]);
  });

  it.each([
    { id: 64, twoBytes: '0000', threeBytes: 'c1 0000' },
    { id: 319, twoBytes: '00ff', threeBytes: 'c1 ff00' },
  ])('knows chunk stream $id in two bytes and in three as the same', ({ twoBytes, threeBytes }) => {
    const [message] = read(`${twoBytes} 000000 000081 09 01000000 ${'11'.repeat(128)} ${threeBytes} 22`);
    expect(message?.payload).toHaveLength(129);
  });

  it('takes a type 1 that opens a chunk stream, as librtmp sends it, on stream 0', () => {
    expect(read('42 000000 000004 05 002625a0')).toMatchObject([{ streamId: 0, typeId: 5 }]);
  });

  it.each(['82 000000', 'c2'])('refuses a chunk stream that opens with %s', (hex) => {
    expect(() => read(hex)).toThrow('began with a header of type');
  });

  it('refuses a message that begins before the one before it on the same chunk stream is complete', () => {
    expect(() =>
      read(`04 000000 000100 09 00000000 ${'00'.repeat(128)} 04 000000 000100 09 00000000`),
    ).toThrow('before the one before was complete');
  });

  it('keeps interleaved chunk streams apart', () => {
    const messages = read(
      `04 000000 000082 09 01000000 ${'11'.repeat(128)} 05 000005 000003 08 01000000 222222 c4 1111`,
    );
    expect(messages.map(({ typeId, payload }) => [typeId, payload.length])).toEqual([
      [8, 3],
      [9, 130],
    ]);
  });

  it('hands out a message without payload', () => {
    expect(read('04 000000 000000 09 01000000')).toMatchObject([{ typeId: 9, payload: { length: 0 } }]);
  });

  describe('extended timestamps', () => {
    it('begin at 16777215 ms', () => {
      expect(read('04 fffffe 000001 08 01000000 00')).toMatchObject([{ timestampMs: 0xfffffe }]);
      expect(read('04 ffffff 000001 08 01000000 00ffffff 00')).toMatchObject([{ timestampMs: 0xffffff }]);
      expect(read('04 ffffff 000001 08 01000000 fffffff0 00')).toMatchObject([{ timestampMs: 0xfffffff0 }]);
    });

    it('are repeated in front of each further chunk', () => {
      const [message] = read(`04 ffffff 000082 09 01000000 01000000 ${'11'.repeat(128)} c4 01000000 2222`);
      expect(message?.payload.subarray(126)).toEqual(bytes('1111 2222'));
    });

    it.each(['2233', '223344556677'])('may be left out there by an encoder; the rest is %s', (rest) => {
      const length = 128 + rest.length / 2;
      const hex = `04 ffffff 0000${length.toString(16)} 09 01000000 01000000 ${'11'.repeat(128)} c4 ${rest}`;
      const [first, second] = read(`${hex} 05 000000 000001 08 01000000 99 05 000000 000001 08 01000000 99`);
      expect(first?.payload.subarray(128)).toEqual(bytes(rest));
      expect(second?.payload).toEqual(bytes('99'));
    });

    it('carry differences as well, and the sum wraps at 32 bits', () => {
      const messages = read(
        '04 ffffff 000001 08 01000000 ffffff00 00 84 000200 00 84 ffffff 02000000 00 c4 02000000 00',
      );
      expect(messages.map(({ timestampMs }) => timestampMs)).toEqual([
        0xffffff00, 0x100, 0x2000100, 0x4000100,
      ]);
    });
  });

  describe('Set Chunk Size', () => {
    it('counts from the next chunk on, and is not handed out', () => {
      const messages = read(
        `02 000000 000004 01 00000000 000000c8 04 000000 0000c8 09 01000000 ${'11'.repeat(200)}`,
      );
      expect(messages).toHaveLength(1);
    });

    it.each(['00000001', '7fffffff'])('takes %s', (size) => {
      expect(() => read(`02 000000 000004 01 00000000 ${size}`)).not.toThrow();
    });

    it.each(['00000000', '80000000', 'ffffffff'])('refuses %s', (size) => {
      expect(() => read(`02 000000 000004 01 00000000 ${size}`)).toThrow('a chunk size of');
    });

    it('refuses one that is cut short', () => {
      expect(() => read('02 000000 000003 01 00000000 000100')).toThrow('a chunk size of');
    });
  });

  describe('Abort', () => {
    it('throws the open message of a chunk stream away, whose next header may be anything', () => {
      const messages = read(
        `04 000000 000100 09 01000000 ${'11'.repeat(128)} 02 000000 000004 02 00000000 00000004 04 000007 000001 08 01000000 22`,
      );
      expect(messages).toMatchObject([{ typeId: 8, timestampMs: 7 }]);
    });

    it('of a chunk stream that is not there, or has nothing open, changes nothing', () => {
      expect(read('02 000000 000004 02 00000000 00000009 02 000000 000004 02 00000000 00000002')).toEqual([]);
    });
  });

  describe('limits', () => {
    it('takes the longest message and refuses one byte more, at its header', () => {
      expect(() => read('04 000000 0003e8 09 01000000')).not.toThrow();
      expect(() => read('04 000000 0003e9 09 01000000')).toThrow('1001 bytes was announced');
    });

    it('can be raised while it reads', () => {
      const reader = new ChunkReader(10);
      reader.messageBytesMax = 11;
      reader.feed(bytes(`04 000000 00000b 09 01000000 ${'11'.repeat(11)}`));
      expect(reader.next()?.payload).toHaveLength(11);
    });

    it('opens as many chunk streams as it says, and no more', () => {
      expect(read(chunkStreams(chunkStreamCountMax))).toHaveLength(chunkStreamCountMax);
      expect(() => read(chunkStreams(chunkStreamCountMax + 1))).toThrow('chunk streams were opened');
    });

    it('bounds what all unfinished messages together reserve', () => {
      const reader = new ChunkReader(0xffffff);
      // 16 MiB each; the first chunk of 128 bytes leaves all of them open.
      reader.feed(bytes(`04 000000 ffffff 09 01000000 ${'00'.repeat(128)}`));
      reader.feed(bytes('05 000000 ffffff 09 01000000'));
      expect(() => reader.next()).toThrow('bytes of unfinished messages');
    });
  });

  it('reads what the writer writes, however the network cuts it', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ chunkStream: fc.constantFrom(2, 3, 63, 64, 319, 320, 65599), message: anyMessage }),
          {
            maxLength: 12,
          },
        ),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 400 }),
        (sent, cuts, chunkBytes) => {
          const writer = new ChunkWriter();
          const setSize = message({
            typeId: messageType.setChunkSize,
            streamId: 0,
            payload: u32(chunkBytes),
          });
          const wire = Buffer.concat([
            writer.write(2, setSize),
            ...sent.map((one) => writer.write(one.chunkStream, one.message)),
          ]);
          expect(readInPieces(wire, cuts)).toEqual(sent.map((one) => one.message));
        },
      ),
      { numRuns: 500 },
    );
  });
});

const anyTime = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.integer({ min: 0xfffff0, max: 0x100000f }),
  fc.integer({ min: 0, max: 0xffffffff }),
);

const anyMessage: fc.Arbitrary<RtmpMessage> = fc.record({
  typeId: fc.constantFrom(8, 9, 18, 20),
  streamId: fc.constantFrom(0, 1, 0x1020304),
  timestampMs: anyTime,
  payload: fc.uint8Array({ maxLength: 700 }).map((payload) => Buffer.from(payload)),
});

function message(fields: Partial<RtmpMessage>): RtmpMessage {
  return {
    typeId: messageType.commandAmf0,
    streamId: 1,
    timestampMs: 0,
    payload: Buffer.alloc(0),
    ...fields,
  };
}

/** Read in one piece, and byte by byte: the outcome is the same. */
function read(hex: string): RtmpMessage[] {
  const wire = bytes(hex);
  const whole = readInPieces(wire, [wire.length]);
  expect(readInPieces(wire, [1])).toEqual(whole);
  return whole;
}

function readInPieces(wire: Uint8Array, cuts: readonly number[]): RtmpMessage[] {
  const reader = new ChunkReader(messageBytesMax);
  const messages: RtmpMessage[] = [];
  let at = 0;
  for (let turn = 0; at < wire.length; turn += 1) {
    const end = at + (cuts[turn % cuts.length] ?? 1);
    reader.feed(wire.slice(at, end));
    at = end;
    for (let message = reader.next(); message; message = reader.next()) messages.push(message);
  }
  return messages;
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

/** An empty message on each of so many. */
function chunkStreams(count: number): string {
  return Array.from({ length: count }, (_, id) => {
    return `00 ${id.toString(16).padStart(2, '0')} 000000 000000 14 00000000`;
  }).join('');
}
