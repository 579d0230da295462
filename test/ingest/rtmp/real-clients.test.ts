import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../../core/clock.ts';
import { isOnPath, probe, startChild, type RunningChild } from '../../../core/process.ts';
import { makeRecording, printsOf, type PacketPrint, type Recording } from '../../support/rtmp-recording.ts';
import { watchServer, type SeenSession, type WatchedServer } from '../../support/rtmp-server.ts';
import { freePort } from '../../support/touchline.ts';

const hasFfmpeg = isOnPath('ffmpeg') && isOnPath('ffprobe');
const hasGstreamer = isOnPath('gst-launch-1.0') && probe('gst-inspect-1.0', ['--exists', 'rtmp2sink']).ok;
const nginxModule = '/usr/lib/nginx/modules/ngx_rtmp_module.so';
const hasNginx = isOnPath('nginx') && existsSync(nginxModule);

const folder = mkdtempSync(join(tmpdir(), 'touchline-rtmp-'));
const toStop: WatchedServer[] = [];
const toKill: RunningChild[] = [];
let recording: Recording;

beforeAll(async () => {
  if (hasFfmpeg) recording = await makeRecording(folder, 3);
});

afterEach(async () => {
  for (const child of toKill.splice(0)) {
    child.kill();
    await child.exit;
  }
  await Promise.all(toStop.splice(0).map((server) => server.stop()));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!hasFfmpeg)('ffmpeg', () => {
  it('publishes: every packet arrives, bit for bit, in order and with its times', async () => {
    const server = await start();
    const exit = await (await push(server.port, 'right')).exit;
    expect(exit.exitCode).toBe(0);
    const seen = await ended(server);
    expect(printsOf(seen.packets, 'video')).toEqual(recording.video);
    expect(printsOf(seen.packets, 'audio')).toEqual(recording.audio);
    expect(
      seen.packets
        .slice(0, 2)
        .map(({ kind }) => kind)
        .toSorted(),
    ).toEqual(['audio-config', 'video-config']);
    expect(seen.end).toEqual({ why: 'unpublished', error: undefined });
    expect(seen.session.encoder).toContain('Lavf');
  });

  it('keeps its times over 4.66 hours, where timestamps become extended', async () => {
    const server = await start();
    const offsetMs = 0xffffff - 1000;
    await (
      await push(server.port, 'right', ['-output_ts_offset', String(offsetMs / 1000)])
    ).exit;
    const seen = await ended(server);
    const video = printsOf(seen.packets, 'video');
    expect(video[0]?.dtsMs).toBeLessThan(0xffffff);
    expect(video.at(-1)?.dtsMs).toBeGreaterThan(0xffffff);
    expect(distances(video)).toEqual(distances(recording.video));
    expect(hashes(video)).toEqual(hashes(recording.video));
  });

  it('with a wrong key is told so and gives up within a second', async () => {
    const server = await start();
    const beganAtMs = systemClock.monotonicMs();
    const exit = await (await push(server.port, 'wrong')).exit;
    expect(exit.exitCode).not.toBe(0);
    expect(exit.stderrTail.join(' ')).toContain('the publishing key opens no channel');
    expect(systemClock.monotonicMs() - beganAtMs).toBeLessThan(2500); // its own start is in there
    expect(server.sessions).toEqual([]);
  });

  it('with an address of another application is told where to publish', async () => {
    const server = await start();
    const child = await startFfmpeg([...input(), `rtmp://127.0.0.1:${server.port}/other/right`]);
    expect((await child.exit).stderrTail.join(' ')).toContain('rtmp://HOST:PORT/live');
  });

  it('that is frozen is stalled, and its return takes over at once', async () => {
    const server = await start();
    const frozen = await push(server.port, 'right', ['-re']);
    await server.until(() => (server.sessions[0]?.packets.length ?? 0) > 20);
    process.kill(frozen.pid, 'SIGSTOP');
    await server.until(() => server.sessions[0]?.stalls.includes(true) === true);
    const before = server.sessions[0]?.packets.length;
    const again = await push(server.port, 'right');
    const beganAtMs = systemClock.monotonicMs();
    await server.until(() => server.sessions.length === 2);
    // ffmpeg's own start is in there; server.test.ts measures the takeover itself.
    expect(systemClock.monotonicMs() - beganAtMs).toBeLessThan(3000);
    expect(server.sessions[0]?.end?.why).toBe('taken-over');
    expect(server.sessions[0]?.packets).toHaveLength(before ?? 0);
    process.kill(frozen.pid, 'SIGCONT');
    expect((await again.exit).exitCode).toBe(0);
    const seen = await ended(server, 1);
    expect(printsOf(seen.packets, 'video')).toEqual(recording.video);
    expect(server.sessions).toHaveLength(2);
  });

  it('that is frozen for good is gone after the time that was set', async () => {
    const server = await start({ limits: { stalledMs: 200, silentMsMax: 600 } });
    const frozen = await push(server.port, 'right', ['-re']);
    await server.until(() => (server.sessions[0]?.packets.length ?? 0) > 20);
    process.kill(frozen.pid, 'SIGSTOP');
    const seen = await ended(server);
    expect(seen.end).toMatchObject({ why: 'silent', error: { code: 'ingest.rtmp-silent' } });
    const silentMs = systemClock.monotonicMs() - (seen.session.stats.lastMediaMonotonicMs ?? 0);
    expect(silentMs).toBeGreaterThan(550);
    expect(silentMs).toBeLessThan(1500);
  });

  it('that sends MP3 is told to set AAC', async () => {
    const server = await start();
    const url = `rtmp://127.0.0.1:${server.port}/live/right`;
    const sine = ['-re', '-f', 'lavfi', '-i', 'sine=r=44100:d=5', '-c:a', 'libmp3lame', '-f', 'flv', url];
    const child = await startFfmpeg(sine);
    const seen = await ended(server);
    await child.exit;
    expect(seen.packets).toEqual([]);
    expect(seen.end).toMatchObject({
      why: 'unusable',
      error: {
        code: 'ingest.unsupported-codec',
        message: expect.stringContaining("set the encoder's audio codec to AAC"),
      },
    });
  });
});

describe.skipIf(!hasFfmpeg || !hasGstreamer)('GStreamer rtmp2sink', () => {
  it('publishes: every packet arrives, bit for bit and in order', async () => {
    const server = await start();
    const pipeline =
      `filesrc location=${recording.path} ! flvdemux name=from ` +
      `from.video ! queue ! h264parse ! mux. from.audio ! queue ! aacparse ! mux. ` +
      `flvmux name=mux streamable=true ! rtmp2sink location=rtmp://127.0.0.1:${server.port}/live/right`;
    const child = await startChild({
      command: 'gst-launch-1.0',
      args: ['-q', ...pipeline.split(' ')],
      wallMsMax: 30_000,
    });
    toKill.push(child);
    child.outputs[0]?.resume();
    expect((await child.exit).stderrTail).toEqual([]);
    const seen = await ended(server);
    // It counts from its own first packet, and cuts pictures as it likes: what is in them is the same.
    expect(hashes(printsOf(seen.packets, 'audio'))).toEqual(hashes(recording.audio));
    const video = printsOf(seen.packets, 'video');
    expect(video.map(({ isKeyframe }) => isKeyframe)).toEqual(
      recording.video.map(({ isKeyframe }) => isKeyframe),
    );
    expect(distances(video)).toEqual(distances(recording.video));
    expect(seen.end?.why).toBe('unpublished');
  });

  it('with a wrong key fails', async () => {
    const server = await start();
    const pipeline = `videotestsrc num-buffers=50 ! x264enc ! flvmux streamable=true ! rtmp2sink location=rtmp://127.0.0.1:${server.port}/live/wrong`;
    const child = await startChild({
      command: 'gst-launch-1.0',
      args: ['-q', ...pipeline.split(' ')],
      wallMsMax: 30_000,
    });
    toKill.push(child);
    child.outputs[0]?.resume();
    const exit = await child.exit;
    expect(exit.exitCode).not.toBe(0);
    expect(exit.killedFor).toBeUndefined();
    expect(server.sessions).toEqual([]);
  });
});

describe.skipIf(!hasFfmpeg || !hasNginx)('nginx-rtmp push', () => {
  it('relays what it takes: from a keyframe to the end nothing is missing', async () => {
    const server = await start();
    const relayPort = await freePort();
    await startNginx(relayPort, `rtmp://127.0.0.1:${server.port}/live/right`);
    const child = await startFfmpeg(['-re', ...input(), `rtmp://127.0.0.1:${relayPort}/relay/feed`]);
    expect((await child.exit).exitCode).toBe(0);
    const seen = await ended(server);
    const video = hashes(printsOf(seen.packets, 'video'));
    // It waits for a keyframe while it connects to us: at most the first GOPs are missing.
    expect(video.length).toBeGreaterThan(recording.video.length / 2);
    expect(video).toEqual(hashes(recording.video).slice(-video.length));
    expect(printsOf(seen.packets, 'video')[0]?.isKeyframe).toBe(true);
    const audio = hashes(printsOf(seen.packets, 'audio'));
    expect(audio).toEqual(hashes(recording.audio).slice(-audio.length));
    expect(seen.session.encoder).not.toBe('');
  });
});

async function start(options: Parameters<typeof watchServer>[0] = {}): Promise<WatchedServer> {
  const server = await watchServer(options);
  toStop.push(server);
  return server;
}

function input(): string[] {
  return ['-i', recording.path, '-c', 'copy', '-f', 'flv'];
}

async function push(port: number, key: string, flags: readonly string[] = []): Promise<RunningChild> {
  const before = flags.filter((flag) => flag === '-re');
  const after = flags.filter((flag) => flag !== '-re');
  return await startFfmpeg([...before, ...input(), ...after, `rtmp://127.0.0.1:${port}/live/${key}`]);
}

async function startFfmpeg(args: readonly string[]): Promise<RunningChild> {
  const child = await startChild({
    command: 'ffmpeg',
    args: ['-hide_banner', '-nostdin', '-loglevel', 'error', ...args],
    wallMsMax: 30_000,
  });
  child.outputs[0]?.resume();
  toKill.push(child);
  return child;
}

/** nginx with its own configuration and folder, once it listens. */
async function startNginx(port: number, pushTo: string): Promise<void> {
  const prefix = mkdtempSync(join(folder, 'nginx-'));
  const config = join(prefix, 'nginx.conf');
  writeFileSync(
    config,
    `load_module ${nginxModule};
     daemon off; master_process off; pid ${prefix}/nginx.pid; error_log stderr;
     events {}
     rtmp { server { listen 127.0.0.1:${port}; application relay { live on; push ${pushTo}; } } }`,
  );
  const child = await startChild({
    command: 'nginx',
    args: ['-p', prefix, '-c', config, '-e', 'stderr'],
    wallMsMax: 30_000,
  });
  child.outputs[0]?.resume();
  toKill.push(child);
  while (!(await dials(port))) await systemClock.sleep(20);
}

async function dials(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function ended(server: WatchedServer, index = 0): Promise<SeenSession> {
  await server.until(() => server.sessions[index]?.end !== undefined);
  const seen = server.sessions[index];
  if (!seen) throw new Error('no session');
  return seen;
}

function hashes(prints: readonly PacketPrint[]): string[] {
  return prints.map(({ sha256 }) => sha256);
}

function distances(prints: readonly PacketPrint[]): number[] {
  return prints.slice(1).map(({ ptsMs }, index) => ptsMs - (prints[index]?.ptsMs ?? 0));
}
