import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import { TouchlineError } from '../../../core/errors.ts';
import { isOnPath, startChild } from '../../../core/process.ts';
import { decodeAmf0, encodeAmf0 } from '../../../ingest/rtmp/amf0.ts';
import { ChunkReader } from '../../../ingest/rtmp/chunk-reader.ts';
import { ChunkWriter } from '../../../ingest/rtmp/chunk-writer.ts';
import { FlvBodyReader } from '../../../ingest/rtmp/flv-body.ts';
import { handshakeBytes } from '../../../ingest/rtmp/handshake.ts';
import { messageType, type RtmpMessage } from '../../../ingest/rtmp/message.ts';
import { RtmpSessionMachine, type SessionAction } from '../../../ingest/rtmp/session.ts';
import { tap } from '../../support/rtmp-capture.ts';
import {
  audioConfigBody,
  clientHello,
  pictureBody,
  soundBody,
  videoConfigBody,
} from '../../support/rtmp-publisher.ts';
import { makeRecording } from '../../support/rtmp-recording.ts';
import { watchServer } from '../../support/rtmp-server.ts';

/** The short run takes the same inputs each time: it guards against going back, the long one looks for what is new. */
const isLong = process.env['TOUCHLINE_TEST_LONG'] !== undefined;
/** A million in the long version, split over the four parsers by what each has to lose. */
const inputCount = isLong ? 1_000_000 : 40_000;
const timeoutMs = 1_800_000;

/** The bytes of whole publications: our own, and one of ffmpeg where it is there. */
const conversations: Buffer[] = [ownConversation()];
/** The messages in them. */
let messages: RtmpMessage[] = [];

beforeAll(async () => {
  if (isOnPath('ffmpeg') && isOnPath('ffprobe')) conversations.push(await recordFfmpeg());
  messages = conversations.flatMap(messagesIn);
});

describe('whatever comes in', () => {
  it('was seeded with real publications', () => {
    expect(messages.length).toBeGreaterThan(20);
    expect(conversations.flatMap((bytes) => packetKinds(bytes))).toEqual(
      expect.arrayContaining(['video-config', 'audio-config', 'video', 'audio']),
    );
  });

  it('AMF0 is read or refused', { timeout: timeoutMs }, () => {
    const commands = messages.filter(
      ({ typeId }) => typeId === messageType.commandAmf0 || typeId === messageType.dataAmf0,
    );
    check(0.3, mutated(commands.map(({ payload }) => payload)), (bytes) => {
      refusable(() => decodeAmf0(bytes));
    });
  });

  it('chunks are read or refused', { timeout: timeoutMs }, () => {
    const streams = conversations.map((bytes) => bytes.subarray(1 + 2 * handshakeBytes));
    check(0.3, mutated(streams), (bytes, cuts) => {
      const reader = new ChunkReader(64 * 1024);
      let payloadBytes = 0;
      refusable(() =>
        inPieces(bytes, cuts, (piece) => {
          reader.feed(piece);
          for (let message = reader.next(); message; message = reader.next())
            payloadBytes += message.payload.length;
        }),
      );
      if (payloadBytes > bytes.length) throw new Error('more came out than went in');
    });
  });

  it('tag bodies are read or refused', { timeout: timeoutMs }, () => {
    const media = messages.filter(
      ({ typeId }) => typeId === messageType.audio || typeId === messageType.video,
    );
    const reader = new FlvBodyReader();
    let timestampMs = 0;
    check(0.1, mutated(media.map(({ payload }) => payload)), (payload, cuts) => {
      timestampMs = (timestampMs + (cuts[0] ?? 0)) >>> 0;
      const typeId = payload.length % 2 === 0 ? messageType.audio : messageType.video;
      refusable(() => {
        const packet = reader.read({ typeId, streamId: 1, timestampMs, payload });
        if (packet?.kind === 'video' && !Number.isSafeInteger(packet.pts90k))
          throw new Error('the PTS is no tick');
      });
    });
  });

  it(
    'a session goes on or ends once, with a reason, and lets no packet out before its key is accepted',
    {
      timeout: timeoutMs,
    },
    () => {
      let publishedCount = 0;
      check(0.3, mutated(conversations), (bytes, cuts) => {
        // Every third publisher has a wrong key.
        const outcome = converse(bytes, cuts, cuts.length % 3 === 0 ? 'refuse' : 'accept');
        if (outcome.endCount > 1) throw new Error('it ended twice');
        if (outcome.hadPacketTooEarly) throw new Error('a packet came before the key was accepted');
        if (outcome.errorCode === 'unknown') throw new Error('it stumbled over its own feet');
        if (outcome.kinds.length > 0) publishedCount += 1;
      });
      // Wounds that kill at the first command would leave the rest untried.
      expect(publishedCount).toBeGreaterThan(inputCount * 0.3 * 0.15);
    },
  );
});

/** Runs a share of the inputs, and holds the heap afterwards against the heap after the first tenth. */
function check(
  share: number,
  inputs: fc.Arbitrary<{ bytes: Buffer; cuts: number[] }>,
  use: (bytes: Buffer, cuts: readonly number[]) => void,
): void {
  const numRuns = Math.round(inputCount * share);
  let runCount = 0;
  let afterTenth = 0;
  fc.assert(
    fc.property(inputs, ({ bytes, cuts }) => {
      use(bytes, cuts);
      runCount += 1;
      if (runCount === Math.round(numRuns / 10)) afterTenth = heldBytes();
    }),
    { numRuns, ...(isLong ? {} : { seed: 1 }) },
  );
  expect(runCount).toBe(numRuns);
  // fast-check itself keeps some state; what a parser kept of each input would be hundreds of MB.
  expect(heldBytes() - afterTenth).toBeLessThan(16 * 1024 * 1024);
}

function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect(); // What the first pass finalised is given back in the second.
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** One of the seeds, with up to six wounds, and where the network cuts it. */
function mutated(seeds: readonly Uint8Array[]): fc.Arbitrary<{ bytes: Buffer; cuts: number[] }> {
  const wound = fc.record({
    how: fc.constantFrom('flip', 'set', 'extreme', 'insert', 'remove', 'repeat', 'truncate'),
    // A quarter hits the first 200 bytes behind the handshake, where the commands are.
    at: fc.oneof({ weight: 3, arbitrary: fc.nat(1 << 16) }, { weight: 1, arbitrary: fc.nat(200) }),
    value: fc.nat(255),
    count: fc.nat(64),
  });
  return fc
    .record({
      seed: fc.nat(seeds.length - 1),
      wounds: fc.array(wound, { maxLength: 6 }),
      noise: fc.oneof(
        { weight: 9, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
      ),
      cuts: fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 4 }),
    })
    .map(({ seed, wounds, noise, cuts }) => {
      const start = seeds[seed] ?? new Uint8Array(0);
      let bytes: Buffer = noise === undefined ? Buffer.from(start) : Buffer.from(noise);
      const skipped = bytes.length > 2 * handshakeBytes ? 1 + 2 * handshakeBytes : 0;
      for (const { how, at, value, count } of wounds) {
        if (bytes.length === 0) break;
        const place = at <= 200 ? Math.min(bytes.length - 1, skipped + at) : at % bytes.length;
        bytes = wounded(bytes, { how, place, value, count });
      }
      return { bytes, cuts };
    });
}

function wounded(bytes: Buffer, wound: { how: string; place: number; value: number; count: number }): Buffer {
  const { how, place, value, count } = wound;
  switch (how) {
    case 'flip':
      bytes[place] = (bytes[place] ?? 0) ^ (1 << (value & 7));
      return bytes;
    case 'set':
      bytes[place] = value;
      return bytes;
    case 'extreme':
      return bytes.fill(value % 2 === 0 ? 0xff : 0, place, Math.min(place + 4, bytes.length));
    case 'insert':
      return Buffer.concat([bytes.subarray(0, place), Buffer.alloc(count, value), bytes.subarray(place)]);
    case 'remove':
      return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + count)]);
    case 'repeat':
      return Buffer.concat([bytes.subarray(0, place + count), bytes.subarray(place)]);
    default:
      return bytes.subarray(0, place);
  }
}

/** Refusing is the parser's right; any other error is a fault of ours. */
function refusable(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof TouchlineError) || error.blame !== 'input') throw error;
  }
}

function inPieces(bytes: Buffer, cuts: readonly number[], use: (piece: Buffer) => void): void {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const end = at + (cuts[turn % cuts.length] ?? bytes.length);
    use(bytes.subarray(at, end));
    at = end;
  }
}

function converse(
  bytes: Buffer,
  cuts: readonly number[],
  answer: 'accept' | 'refuse',
): { endCount: number; hadPacketTooEarly: boolean; errorCode: string | undefined; kinds: string[] } {
  const machine = new RtmpSessionMachine(s1);
  const outcome = {
    endCount: 0,
    hadPacketTooEarly: false,
    errorCode: undefined as string | undefined,
    kinds: [] as string[],
  };
  let isAccepted = false;
  const perform = (actions: readonly SessionAction[]): void => {
    for (const action of actions) {
      if (action.kind === 'authenticate' && answer === 'accept') {
        isAccepted = true;
        perform(machine.accept());
      } else if (action.kind === 'authenticate') {
        perform(machine.close({ why: 'unusable', error: undefined }));
      } else if (action.kind === 'packet') {
        outcome.hadPacketTooEarly ||= !isAccepted;
        outcome.kinds.push(action.packet.kind);
      } else if (action.kind === 'end') {
        outcome.endCount += 1;
        outcome.errorCode = action.end.error?.code;
      }
    }
  };
  inPieces(bytes, cuts, (piece) => perform(machine.receive(piece)));
  return outcome;
}

const s1 = Buffer.alloc(handshakeBytes - 8);

function packetKinds(conversation: Buffer): string[] {
  return converse(conversation, [conversation.length], 'accept').kinds;
}

function messagesIn(conversation: Buffer): RtmpMessage[] {
  const reader = new ChunkReader(1 << 20);
  reader.feed(conversation.subarray(1 + 2 * handshakeBytes));
  const found: RtmpMessage[] = [];
  for (let message = reader.next(); message; message = reader.next()) found.push(message);
  return found;
}

function ownConversation(): Buffer {
  const writer = new ChunkWriter();
  const say = (chunkStream: number, typeId: number, timestampMs: number, payload: Uint8Array): Buffer =>
    writer.write(chunkStream, { typeId, streamId: 1, timestampMs, payload });
  const command = (...values: Parameters<typeof encodeAmf0>[0]): Buffer =>
    say(3, messageType.commandAmf0, 0, encodeAmf0(values));
  return Buffer.concat([
    clientHello(),
    Buffer.alloc(handshakeBytes, 2),
    command('connect', 1, { app: 'live', flashVer: 'seed', caps: [1, { deep: [null, undefined, true] }] }),
    command('releaseStream', 2, null, 'key'),
    command('createStream', 3, null),
    command('publish', 4, null, 'key', 'live'),
    say(
      4,
      messageType.dataAmf0,
      0,
      encodeAmf0(['@setDataFrame', 'onMetaData', { width: 320, stereo: true }]),
    ),
    say(6, messageType.video, 0, videoConfigBody),
    say(4, messageType.audio, 0, audioConfigBody),
    ...Array.from({ length: 8 }, (_, index) => {
      const timestampMs = 0xfffff0 + index * 40;
      return Buffer.concat([
        say(
          6,
          messageType.video,
          timestampMs,
          pictureBody({ isKeyframe: index === 0, compositionMs: -40, bytes: 300 }),
        ),
        say(4, messageType.audio, timestampMs, soundBody()),
        say(2, messageType.userControl, 0, Buffer.from('000600000001', 'hex')),
      ]);
    }),
    command('deleteStream', 5, null, 1),
  ]);
}

/** The first 12 KB behind the handshake: commands, metadata, configurations and the first pictures. */
async function recordFfmpeg(): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-fuzz-'));
  const server = await watchServer();
  const recorder = await tap(server.port);
  try {
    const { path } = await makeRecording(folder, 1);
    const url = `rtmp://127.0.0.1:${recorder.port}/live/right`;
    const args = ['-v', 'error', '-nostdin', '-i', path, '-c', 'copy', '-f', 'flv', url];
    const child = await startChild({ command: 'ffmpeg', args, wallMsMax: 30_000 });
    child.outputs[0]?.resume();
    await child.exit;
    return recorder.received().subarray(0, 1 + 2 * handshakeBytes + 12_000);
  } finally {
    await recorder.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
