import { describe, expect, it } from 'vitest';

import { decodeAmf0, encodeAmf0, type AmfValue } from '../../../ingest/rtmp/amf0.ts';
import { ChunkReader } from '../../../ingest/rtmp/chunk-reader.ts';
import { ChunkWriter } from '../../../ingest/rtmp/chunk-writer.ts';
import { handshakeBytes } from '../../../ingest/rtmp/handshake.ts';
import { messageType, readU32, u32, userControl, type RtmpMessage } from '../../../ingest/rtmp/message.ts';
import { RtmpSessionMachine, type SessionAction } from '../../../ingest/rtmp/session.ts';
import {
  audioConfigBody,
  clientHello,
  pictureBody,
  soundBody,
  videoConfigBody,
} from '../../support/rtmp-publisher.ts';

describe('RtmpSessionMachine', () => {
  it('goes from handshake to connect to publish-pending to publishing', () => {
    const talk = new Talk();
    expect(talk.machine.state).toBe('handshake');
    talk.shakeHands();
    expect(talk.machine.state).toBe('connect');
    talk.connect();
    expect(talk.machine.state).toBe('connect');
    talk.publish('k1');
    expect(talk.machine.state).toBe('publish-pending');
    talk.do(talk.machine.accept());
    expect(talk.machine.state).toBe('publishing');
  });

  it('answers connect with window, bandwidth, chunk size and success', () => {
    const talk = new Talk();
    talk.shakeHands();
    talk.connect();
    expect(talk.answers.map(({ typeId }) => typeId)).toEqual([
      messageType.windowAcknowledgementSize,
      messageType.setPeerBandwidth,
      messageType.commandAmf0,
    ]);
    const sent = talk.all.flatMap((action) => (action.kind === 'send' ? [action.bytes] : []));
    // The reader obeys Set Chunk Size and keeps it to itself: ffmpeg sends chunks of the size that we name.
    expect(Buffer.concat(sent).toString('hex')).toContain('000000040100010000');
    expect(talk.commands).toMatchObject([
      ['_result', 1, { capabilities: 31 }, { code: 'NetConnection.Connect.Success', objectEncoding: 0 }],
    ]);
  });

  it('answers releaseStream, FCPublish and createStream under their transaction, and nothing else', () => {
    const talk = connected();
    talk.command(0, ['releaseStream', 2, null, 'k1']);
    talk.command(0, ['FCPublish', 3, null, 'k1']);
    talk.command(0, ['_checkbw', 4, null]);
    talk.command(0, ['createStream', 5, null]);
    talk.command(0, ['createStream', 6, null]);
    expect(talk.commands.slice(1)).toEqual([
      ['_result', 2, null, undefined],
      ['_result', 3, null, undefined],
      ['_result', 5, null, 1],
      ['_result', 6, null, 2],
    ]);
  });

  it('asks about the key, without the query behind it, and says nothing before the answer', () => {
    const talk = connected();
    talk.command(0, ['createStream', 2, null]);
    const before = talk.commands.length;
    talk.publish('k1?user=7');
    expect(talk.keys).toEqual(['k1']);
    expect(talk.commands).toHaveLength(before);
    talk.do(talk.machine.accept());
    expect(talk.lastStatus()).toMatchObject({ level: 'status', code: 'NetStream.Publish.Start' });
    expect(talk.answers.at(-1)?.streamId).toBe(1);
  });

  it('hides the key: the action that carries it prints as ***', () => {
    const talk = connected();
    talk.publish('very-secret');
    expect(JSON.stringify(talk.all)).not.toContain('very-secret');
    expect(JSON.stringify(talk.all)).toContain('***');
  });

  it('takes commands of type 17 (AMF3 with AMF0 inside) as well', () => {
    const talk = connected();
    const payload = Buffer.concat([Buffer.of(0), encodeAmf0(['publish', 3, null, 'k3', 'live'])]);
    talk.say(3, { typeId: messageType.commandAmf3, streamId: 1, payload });
    expect(talk.keys).toEqual(['k3']);
  });

  it('keeps what comes behind publish unread until the key is accepted', () => {
    const talk = connected();
    talk.publish('k1');
    talk.video(0, videoConfigBody);
    talk.video(40, pictureBody({ isKeyframe: true }));
    expect(talk.packetKinds).toEqual([]);
    talk.do(talk.machine.accept());
    expect(talk.packetKinds).toEqual(['video-config', 'video']);
  });

  it('never looks at it when the key is refused', () => {
    const talk = connected();
    talk.publish('k1');
    talk.video(0, videoConfigBody);
    talk.do(
      talk.machine.close(
        { why: 'unusable', error: undefined },
        { code: 'NetStream.Publish.Unauthorized', description: 'no' },
      ),
    );
    talk.video(40, pictureBody({ isKeyframe: true }));
    expect(talk.packetKinds).toEqual([]);
    expect(talk.lastStatus()).toEqual({
      level: 'error',
      code: 'NetStream.Publish.Unauthorized',
      description: 'no',
    });
    expect(talk.machine.state).toBe('closing');
  });

  it('hands out media and leaves metadata and unknown types alone', () => {
    const talk = publishing();
    const payload = encodeAmf0(['@setDataFrame', 'onMetaData', { audiocodecid: 'mp4a' }]);
    talk.say(4, { typeId: messageType.dataAmf0, streamId: 1, payload });
    talk.say(4, { typeId: 99, streamId: 1, payload });
    talk.audio(0, audioConfigBody);
    talk.video(0, videoConfigBody);
    talk.video(0, pictureBody({ isKeyframe: true }));
    talk.audio(21, soundBody());
    expect(talk.packetKinds).toEqual(['audio-config', 'video-config', 'video', 'audio']);
    expect(talk.end).toBeUndefined();
  });

  it.each(['FCUnpublish', 'deleteStream', 'closeStream'])('ends in good order at %s', (name) => {
    const talk = publishing();
    talk.command(0, [name, 7, null, 1]);
    expect(talk.lastStatus()).toMatchObject({ level: 'status', code: 'NetStream.Unpublish.Success' });
    expect(talk.end).toEqual({ why: 'unpublished', error: undefined });
  });

  it('ignores deleteStream while nothing is published', () => {
    const talk = connected();
    talk.command(0, ['deleteStream', 7, null, 1]);
    talk.publish('k1');
    expect(talk.keys).toEqual(['k1']);
  });

  it.each(['live', '/live', 'live/', 'live?token=1'])('takes the app %j', (app) => {
    const talk = new Talk();
    talk.shakeHands();
    talk.connect({ app });
    expect(talk.end).toBeUndefined();
  });

  it.each<AmfValue>([
    { app: 'other' },
    { app: 'live/key' },
    { app: '' },
    { app: 7 },
    { tcUrl: 'rtmp://[not/a::url/live' },
    {},
    null,
    'live',
    [],
  ])('says where to publish when connect holds %j', (about) => {
    const talk = new Talk();
    talk.shakeHands();
    talk.connect(about);
    expect(talk.commands).toMatchObject([
      [
        '_error',
        1,
        null,
        { code: 'NetConnection.Connect.InvalidApp', description: expect.stringContaining('/live') },
      ],
    ]);
    expect(talk.end?.error?.message).toContain('rtmp://HOST:PORT/live/KEY');
  });

  it('is not disturbed by a tcUrl that is no URL', () => {
    const talk = new Talk();
    talk.shakeHands();
    talk.connect({ app: 'live', tcUrl: '::::', flashVer: { not: 'a string' } });
    expect(talk.end).toBeUndefined();
    expect(talk.machine.encoder).toBe('');
  });

  it("keeps the encoder's name printable and short", () => {
    const talk = new Talk();
    talk.shakeHands();
    talk.connect({ app: 'live', flashVer: `a\u001b[31m\nü${'x'.repeat(200)}` });
    expect(talk.machine.encoder).toBe(`a?[31m??${'x'.repeat(72)}`);
  });

  describe('breaks off', () => {
    it.each<{ what: string; says: string; talk: (talk: Talk) => void }>([
      {
        what: 'at a command before connect',
        says: 'a command came before connect',
        talk: (talk) => talk.command(0, ['createStream', 1, null]),
      },
      {
        what: 'at a second connect',
        says: 'a second connect command',
        talk: (talk) => {
          talk.connect();
          talk.connect();
        },
      },
      {
        what: 'at media before publish',
        says: 'media came before a publish command',
        talk: (talk) => {
          talk.connect();
          talk.video(0, videoConfigBody);
        },
      },
      {
        what: 'at a second publish',
        says: 'a second publish command',
        talk: (talk) => {
          talk.connect();
          talk.publish('k1');
          talk.do(talk.machine.accept());
          talk.publish('k2');
        },
      },
      {
        what: 'at a player',
        says: 'a player asked for a stream',
        talk: (talk) => {
          talk.connect();
          talk.command(1, ['play', 4, null, 'k1']);
        },
      },
      {
        what: 'at the ninth createStream',
        says: 'more than 8 streams',
        talk: (talk) => {
          talk.connect();
          for (let count = 0; count < 9; count += 1) talk.command(0, ['createStream', count, null]);
        },
      },
      {
        what: 'at a command that is no AMF',
        says: 'unknown kind 255',
        talk: (talk) => talk.say(3, { typeId: messageType.commandAmf0, payload: Buffer.of(255) }),
      },
      {
        what: 'at an aggregate message',
        says: 'aggregate messages',
        talk: (talk) => {
          talk.connect();
          talk.say(3, { typeId: messageType.aggregate, payload: Buffer.alloc(20) });
        },
      },
      {
        what: 'at 16 KiB and a byte in one message before publish',
        says: '16385 bytes was announced',
        talk: (talk) => talk.say(3, { typeId: messageType.dataAmf0, payload: Buffer.alloc(16 * 1024 + 1) }),
      },
      {
        what: 'at 64 KiB before publish',
        says: 'bytes came before a publish command',
        talk: (talk) => {
          talk.connect();
          for (let count = 0; count < 6; count += 1) {
            talk.say(3, { typeId: messageType.dataAmf0, payload: Buffer.alloc(16 * 1024) });
          }
        },
      },
      {
        what: 'at a message of more than 10 MiB',
        says: 'a message of 10485761 bytes',
        talk: (talk) => {
          talk.connect();
          talk.publish('k1');
          talk.do(talk.machine.accept());
          talk.receive(Buffer.from('06000000a000010901000000', 'hex'));
        },
      },
    ])('$what', ({ says, talk: run }) => {
      const talk = new Talk();
      talk.shakeHands();
      run(talk);
      expect(talk.end?.why).toBe('unusable');
      expect(talk.end?.error?.code).toBe('ingest.rtmp-protocol');
      expect(talk.end?.error?.message).toContain(says);
      expect(talk.machine.state).toBe('closing');
    });

    it('with one refusal that says what to set when the video is HEVC', () => {
      const talk = publishing();
      talk.video(0, Buffer.from('9068766331', 'hex'));
      expect(talk.lastStatus()).toMatchObject({
        level: 'error',
        code: 'NetStream.Publish.Failed',
        description: expect.stringContaining('H.264'),
      });
      expect(talk.end?.error?.code).toBe('ingest.unsupported-codec');
      talk.video(40, Buffer.from('9068766331', 'hex'));
      expect(talk.all.filter(({ kind }) => kind === 'end')).toHaveLength(1);
    });
  });

  it('says and takes nothing after the end', () => {
    const talk = publishing();
    talk.do(talk.machine.close({ why: 'stopped', error: undefined }));
    const count = talk.all.length;
    talk.video(0, videoConfigBody);
    talk.do(talk.machine.ping(1));
    talk.do(talk.machine.close({ why: 'silent', error: undefined }));
    expect(talk.all).toHaveLength(count);
  });

  describe('control messages', () => {
    it('answers a ping with its own bytes', () => {
      const talk = connected();
      const payload = Uint8Array.of(0, userControl.pingRequest, 1, 2, 3, 4);
      talk.say(2, { typeId: messageType.userControl, streamId: 0, payload });
      const answer = talk.answers.at(-1);
      expect(answer?.typeId).toBe(messageType.userControl);
      expect([...(answer?.payload ?? [])]).toEqual([0, userControl.pingResponse, 1, 2, 3, 4]);
    });

    it('hands out what a ping of ours came back with', () => {
      const talk = publishing();
      talk.do(talk.machine.ping(123_456));
      expect([...(talk.answers.at(-1)?.payload ?? [])]).toEqual([
        0,
        userControl.pingRequest,
        ...u32(123_456),
      ]);
      const payload = Uint8Array.of(0, userControl.pingResponse, ...u32(123_456));
      talk.say(2, { typeId: messageType.userControl, streamId: 0, payload });
      expect(talk.all.at(-1)).toEqual({ kind: 'pong', sentMs: 123_456 });
    });

    it('is not disturbed by a user control message cut short', () => {
      const talk = connected();
      talk.say(2, { typeId: messageType.userControl, streamId: 0, payload: Buffer.of(0) });
      expect(talk.end).toBeUndefined();
    });

    it("acknowledges at half of the peer's window, with all bytes so far", () => {
      const talk = publishing();
      talk.say(2, { typeId: messageType.windowAcknowledgementSize, streamId: 0, payload: u32(26_000) });
      talk.video(0, pictureBody({ isKeyframe: true, bytes: 9000 }));
      expect(talk.receivedBytes).toBeLessThan(13_000);
      expect(talk.acknowledged).toEqual([]);
      talk.video(40, pictureBody({ isKeyframe: true, bytes: 2000 }));
      expect(talk.acknowledged).toEqual([talk.receivedBytes]);
      expect(talk.receivedBytes).toBeGreaterThanOrEqual(13_000);
      talk.video(80, pictureBody({ isKeyframe: true, bytes: 2000 }));
      expect(talk.acknowledged).toHaveLength(1);
    });

    it('takes a window of 0 for none said', () => {
      const talk = publishing();
      talk.say(2, { typeId: messageType.windowAcknowledgementSize, streamId: 0, payload: u32(0) });
      talk.video(0, pictureBody({ isKeyframe: true, bytes: 2000 }));
      expect(talk.acknowledged).toEqual([]);
    });
  });
});

/** Both ends of a conversation: what the machine is told, and what it wants done. */
class Talk {
  readonly machine = new RtmpSessionMachine(Buffer.alloc(handshakeBytes - 8));
  readonly all: SessionAction[] = [];
  receivedBytes = 0;
  readonly #writer = new ChunkWriter();
  readonly #reader = new ChunkReader(1 << 20);
  readonly answers: RtmpMessage[] = [];

  get commands(): AmfValue[][] {
    return this.answers
      .filter(({ typeId }) => typeId === messageType.commandAmf0)
      .map(({ payload }) => decodeAmf0(payload));
  }

  get keys(): string[] {
    return this.all.flatMap((action) => (action.kind === 'authenticate' ? [action.key.reveal()] : []));
  }

  get packetKinds(): string[] {
    return this.all.flatMap((action) => (action.kind === 'packet' ? [action.packet.kind] : []));
  }

  get acknowledged(): number[] {
    return this.answers
      .filter(({ typeId }) => typeId === messageType.acknowledgement)
      .map(({ payload }) => readU32(payload, 0));
  }

  get end(): Extract<SessionAction, { kind: 'end' }>['end'] | undefined {
    const last = this.all.at(-1);
    return last?.kind === 'end' ? last.end : undefined;
  }

  lastStatus(): AmfValue {
    return this.commands.findLast(([name]) => name === 'onStatus')?.[3];
  }

  do(actions: readonly SessionAction[]): void {
    for (const action of actions) {
      this.all.push(action);
      if (action.kind !== 'send' || action.bytes.length === 1 + 2 * handshakeBytes) continue;
      this.#reader.feed(action.bytes);
      for (let message = this.#reader.next(); message; message = this.#reader.next())
        this.answers.push(message);
    }
  }

  receive(bytes: Uint8Array): void {
    this.receivedBytes += bytes.length;
    this.do(this.machine.receive(bytes));
  }

  shakeHands(): void {
    this.receive(clientHello());
    this.receive(Buffer.alloc(handshakeBytes));
  }

  say(chunkStream: number, message: Partial<RtmpMessage> & { typeId: number }): void {
    const whole = { streamId: 1, timestampMs: 0, payload: Buffer.alloc(0), ...message };
    this.receive(this.#writer.write(chunkStream, whole));
  }

  command(streamId: number, values: readonly AmfValue[]): void {
    this.say(3, { typeId: messageType.commandAmf0, streamId, payload: encodeAmf0(values) });
  }

  connect(about: AmfValue = { app: 'live', flashVer: 'test' }): void {
    this.command(0, ['connect', 1, about]);
  }

  publish(key: string): void {
    this.command(1, ['publish', 3, null, key, 'live']);
  }

  video(timestampMs: number, payload: Uint8Array): void {
    this.say(6, { typeId: messageType.video, timestampMs, payload });
  }

  audio(timestampMs: number, payload: Uint8Array): void {
    this.say(4, { typeId: messageType.audio, timestampMs, payload });
  }
}

function connected(): Talk {
  const talk = new Talk();
  talk.shakeHands();
  talk.connect();
  return talk;
}

function publishing(): Talk {
  const talk = connected();
  talk.command(0, ['createStream', 2, null]);
  talk.publish('k1');
  talk.do(talk.machine.accept());
  return talk;
}
