import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';

import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../core/errors.ts';
import { startFfmpeg, throwIfFailed, type FfmpegJob } from '../core/ffmpeg.ts';
import { newId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import { msFromTicks } from '../core/media-time.ts';
import { adtsStreamType, h264StreamType } from '../core/mpegts.ts';
import type { ProcessExit } from '../core/process.ts';
import type { Random } from '../core/random.ts';
import { endOf90k, type SegmentRecord } from '../core/segment.ts';

import type { IngestEvents, IngestHost } from './channel.ts';
import type { MediaPacket } from './media-packet.ts';
import { RunOutlet } from './outlet.ts';
import { promisedDurationMs } from './promised-duration.ts';
import { SegmentNumbering } from './segment-numbering.ts';
import { Segmenter } from './segmenter.ts';
import { Timeline } from './timeline.ts';
import { TsPackets } from './ts-packets.ts';

export interface FileSource {
  path: string;
  channelId: string;
  runId: string;
  sessionId: string;
  /** When the first picture is taken to have happened. */
  startWallMs: number;
  segmentMs?: number;
  signal?: AbortSignal;
  /** Plays at the pace of the recording; without it, as fast as whoever takes the segments. */
  realtime?: { clock: Clock };
}

/**
 * The segments of a recording, one after the other, without a server, a store or re-encoding: the same timeline and the
 * same segmenter as a live feed. Nothing is left behind.
 *
 * @throws TouchlineError `ingest.no-file`, `ingest.not-media`, `ingest.no-video`, `ingest.unsupported-video`; behind the
 *   last segment `ingest.truncated`, when the recording is shorter than it says or cannot be read on; anywhere `ingest.reader-killed`
 */
export async function* segmentFile(
  source: FileSource,
): AsyncGenerator<{ record: SegmentRecord; bytes: Uint8Array }> {
  const timeline = new Timeline();
  // No publisher is behind it and nothing else is held: only what a record allows bounds a segment's bytes.
  const segmenter = new Segmenter({
    segmentBytesTarget: fileSegmentBytes,
    ...(source.segmentMs === undefined ? {} : { segmentMs: source.segmentMs }),
  });
  const numbering = new SegmentNumbering(source);
  const pace = new Pace(source);
  const span = new Span();
  let stopped: ReadingStopped | undefined;
  try {
    for await (const packet of packetsOf(source)) {
      const arrival = await pace.arrivalOf(packet);
      span.add(packet);
      for (const placed of timeline.place(packet, arrival)) {
        for (const cut of segmenter.push(placed)) {
          yield { record: numbering.number(cut, source.sessionId), bytes: cut.bytes };
        }
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof ReadingStopped)) throw thrown;
    stopped = thrown;
  }
  for (const cut of segmenter.end()) {
    yield { record: numbering.number(cut, source.sessionId), bytes: cut.bytes };
  }
  if (numbering.segmentCount === 0) throw noVideo(source.path, 'no picture in it can be decoded');
  const promisedMs = await promisedDurationMs(resolve(source.path), source.signal);
  const isShort = promisedMs !== undefined && promisedMs - span.ms > missingMsMax;
  if (stopped || isShort) throw truncated(source.path, { promisedMs, foundMs: span.ms, stopped });
}

/** Thrown behind the last packet of a recording that ffmpeg could not read to its end. */
class ReadingStopped extends Error {}

/** From the first to the last moment of what came, all tracks together: what a container calls its duration. */
class Span {
  #from90k = Infinity;
  #to90k = -Infinity;

  get ms(): number {
    return Math.max(0, msFromTicks(this.#to90k - this.#from90k));
  }

  add(packet: MediaPacket): void {
    if (packet.kind !== 'video' && packet.kind !== 'audio') return;
    this.#from90k = Math.min(this.#from90k, packet.pts90k);
    this.#to90k = Math.max(this.#to90k, packet.pts90k);
  }
}

/** Takes a recording into the store as a run of a channel; resolves when the end of the run was announced. */
export async function ingestFile(
  options: Pick<FileSource, 'path' | 'channelId' | 'segmentMs' | 'signal'> & {
    runId?: string;
    /** Default: now. */
    startWallMs?: number;
    realtime?: boolean;
    host: Pick<IngestHost, 'putSegment'>;
    events: IngestEvents;
    clock: Clock;
    random: Random;
    log: Log;
    /** Where the run is journalled, so that a crash in the middle is repaired at the next start. */
    journalFolder?: string;
  },
): Promise<{ runId: string; segmentCount: number; durationMs: number }> {
  const { channelId, clock, random, log, host, events, journalFolder, signal } = options;
  const runId = options.runId ?? newId('run', random);
  const startWallMs = options.startWallMs ?? clock.nowMs();
  const segments = segmentFile({
    path: options.path,
    channelId,
    runId,
    sessionId: newId('ses', random),
    startWallMs,
    ...(options.segmentMs === undefined ? {} : { segmentMs: options.segmentMs }),
    ...(signal === undefined ? {} : { signal }),
    ...(options.realtime ? { realtime: { clock } } : {}),
  });
  let outlet: RunOutlet | undefined;
  let last: SegmentRecord | undefined;
  try {
    for await (const { record, bytes } of segments) {
      // What cannot be read leaves no run behind.
      outlet ??= new RunOutlet(
        { channelId, runId, startWallMs: record.startWallMs },
        { host, events, clock, random, log, ...(journalFolder === undefined ? {} : { journalFolder }) },
      );
      outlet.offer(record, bytes);
      last = record;
      if (outlet.waitingCount >= waitingCountMax) await untilSettled(outlet, signal);
    }
  } catch (thrown) {
    const { code, message } = asTouchlineError(thrown);
    // What came of a recording that is cut short is as good as any other, and waited for as long.
    if (code === 'ingest.truncated') await outlet?.close('end-of-file', storeMsMax, [message]);
    else await outlet?.close('stopped', closeMsMax, [signal?.aborted ? calledOff(options.path) : message]);
    throw thrown;
  }
  await outlet?.close('end-of-file', storeMsMax);
  return {
    runId,
    segmentCount: last === undefined ? 0 : last.seq + 1,
    durationMs: last === undefined ? 0 : msFromTicks(endOf90k(last)),
  };
}

function calledOff(path: string): string {
  return `${path} was not taken in to its end: touchline was stopped before. Take it in again`;
}

async function untilSettled(outlet: RunOutlet, signal: AbortSignal | undefined): Promise<void> {
  const aborted = new Promise<void>((resolve) =>
    signal?.addEventListener('abort', () => resolve(), { once: true }),
  );
  await Promise.race([outlet.settled(), aborted]);
  signal?.throwIfAborted();
}

/** Says when a packet of a file came: at the pace of its own times, so that a hole in the recording is a hole in the run. */
class Pace {
  readonly #source: FileSource;
  readonly #startMonotonicMs: number;
  #atMs = 0;
  #lastMs: number | undefined;

  constructor(source: FileSource) {
    this.#source = source;
    this.#startMonotonicMs = source.realtime?.clock.monotonicMs() ?? 0;
  }

  async arrivalOf(packet: MediaPacket): Promise<{ monotonicMs: number; wallMs: number }> {
    const { realtime, startWallMs, signal } = this.#source;
    if (packet.kind === 'video') {
      const ms = packet.dts90k / 90;
      // A clock that goes back is a cut in the recording, not time that went by.
      this.#atMs += Math.max(0, ms - (this.#lastMs ?? ms));
      this.#lastMs = ms;
      if (realtime) {
        const aheadMs = this.#startMonotonicMs + this.#atMs - realtime.clock.monotonicMs();
        if (aheadMs > paceStepMs) await realtime.clock.sleep(aheadMs, signal);
      }
    }
    return { monotonicMs: this.#atMs, wallMs: startWallMs + this.#atMs };
  }
}

/**
 * ffmpeg takes the container apart and writes a transport stream to a pipe without touching the media: PTS and DTS come
 * out in whole ticks for every rate of the house. (FLV would round them to ms, and mediabunny gives no DTS.) What kind of
 * streams these are stands in the first table, so nothing is probed beforehand: sound that is not AAC is read again, transcoded.
 */
async function* packetsOf(source: FileSource): AsyncGenerator<MediaPacket> {
  const path = resolve(source.path);
  const file = await stat(path).catch(() => undefined);
  if (!file?.isFile()) {
    throw fileError('ingest.no-file', path, 'is not a file that can be read: check the path');
  }
  if (file.size === 0) throw fileError('ingest.not-media', path, 'is empty (0 bytes)');
  const isRead = yield* remux(source, path, ['copy']);
  if (!isRead) yield* remux(source, path, ['aac', '-b:a', '160k', '-ac', '2']);
}

/** @returns false, before the first packet, when the sound cannot be carried as it is */
async function* remux(
  source: FileSource,
  path: string,
  soundArgs: readonly string[],
): AsyncGenerator<MediaPacket, boolean> {
  const demuxer = new TsPackets();
  const job = remuxJob(path, soundArgs, source.signal);
  const child = await startFfmpeg(job);
  child.stdin.end();
  let isDone = false;
  try {
    for await (const chunk of child.outputs[0] ?? []) {
      const packets = demuxer.push(chunk as Buffer);
      const [videoType, soundType = adtsStreamType] = demuxer.streamTypes ?? [];
      if (videoType !== undefined && videoType !== h264StreamType) throw unsupportedVideo(path, videoType);
      if (soundType !== adtsStreamType && soundArgs[0] === 'copy') return false;
      yield* packets;
    }
    const exit = await child.exit;
    if (exit.killedFor === undefined && wasKilled(exit)) throw readerKilled(path, exit);
    if (exit.exitCode !== 0 && exit.killedFor === undefined) {
      // Containers that MPEG-TS has no place for at all: the muxer does not even start.
      if (
        soundArgs[0] === 'copy' &&
        demuxer.streamTypes === undefined &&
        exit.stderrTail.some(isMuxerRefusal)
      ) {
        return false;
      }
      if (demuxer.streamTypes === undefined) throwWhy(path, exit.stderrTail);
      // It could be read, and then no more: what came counts.
      yield* demuxer.end().packets;
      throw new ReadingStopped(exit.stderrTail.at(-1) ?? 'it said nothing');
    }
    throwIfFailed(exit, job);
    yield* demuxer.end().packets;
    isDone = true;
    return true;
  } finally {
    // Also when whoever takes the segments stops taking them.
    if (!isDone) child.kill();
    await child.exit;
  }
}

function remuxJob(path: string, soundArgs: readonly string[], signal: AbortSignal | undefined): FfmpegJob {
  return {
    args: [
      ...`-protocol_whitelist file -format_whitelist ${containers} -fflags +genpts -copyts -i`.split(' '),
      `file:${path}`,
      ...'-map 0:V:0 -map 0:a:0? -c:v copy -c:a'.split(' '),
      ...soundArgs,
      ...'-muxdelay 0 -muxpreload 0 -max_muxing_queue_size 4096 -f mpegts pipe:1'.split(' '),
    ],
    what: `reading ${path}`,
    wallMsMax: fileMsMax,
    inputFile: path,
    ...(signal ? { signal } : {}),
  };
}

/** What ffmpeg may take the file for. Playlists and scripts, which make it open other files, are not among them. */
const containers = 'mov,matroska,webm,mpegts,mpeg,flv,avi,asf,mxf,ogg,wav,mp3,aac,h264,hevc,live_flv';

/** Longer than any match; a recording is read faster than it plays. */
const fileMsMax = 24 * 3600 * 1000;
/** 64 MiB of a master recording at 100 Mb/s is 5 s. */
const fileSegmentBytes = 64 * 1024 * 1024;
/** Segments in memory while the store takes one. */
const waitingCountMax = 4;
/** Nobody holds a recording back while its last segments are stored: a store that is away for ten minutes is waited for. */
const storeMsMax = 600_000;
const closeMsMax = 15_000;
/** Tracks that are not taken (commentary, subtitles) may go on a little longer than those that are. */
const missingMsMax = 3000;
/** Finer steps than this are lost in what the segmenter waits for. */
const paceStepMs = 20;

const videoTypeNames: Readonly<Record<number, string>> = {
  0x01: 'MPEG-1',
  0x02: 'MPEG-2',
  0x10: 'MPEG-4 part 2',
  0x24: 'HEVC (H.265)',
  0xd1: 'Dirac',
};

function isMuxerRefusal(line: string): boolean {
  return /could not write header|incorrect codec parameters|not currently supported/i.test(line);
}

function throwWhy(path: string, stderr: readonly string[]): never {
  const text = stderr.join('\n');
  if (/matches no streams/.test(text)) throw noVideo(path, 'it has no video track');
  const last = stderr.at(-1) ?? 'it said nothing';
  throw fileError('ingest.not-media', path, `cannot be read as a recording (ffmpeg: "${last}")`, stderr);
}

/** bubblewrap reports a signal as a shell does: 128 + number, 9 for KILL and 15 for TERM. */
function wasKilled({ exitCode }: ProcessExit): boolean {
  return exitCode === null || exitCode === 128 + 9 || exitCode === 128 + 15;
}

function readerKilled(path: string, exit: ProcessExit): TouchlineError {
  const signal = exit.signal ?? (exit.exitCode === 128 + 9 ? 'SIGKILL' : 'SIGTERM');
  return new TouchlineError({
    code: 'ingest.reader-killed',
    message: `${path} was not read to its end: ffmpeg was killed by ${signal} after ${Math.round(exit.wallMs)} ms (out of memory, or by somebody). The file may be good: take it in again`,
    retryable: true,
    blame: 'environment',
    cause: exit.stderrTail,
  });
}

function truncated(
  path: string,
  what: { promisedMs: number | undefined; foundMs: number; stopped: Error | undefined },
): TouchlineError {
  const { promisedMs, foundMs, stopped } = what;
  const found = `holds ${(foundMs / 1000).toFixed(1)} s`;
  const held =
    promisedMs === undefined ? found : `says it has ${(promisedMs / 1000).toFixed(1)} s and ${found}`;
  const why = stopped ? ` (ffmpeg: "${stopped.message}")` : '';
  return fileError(
    'ingest.truncated',
    path,
    `is cut short or damaged: it ${held} that can be read${why}. Those were taken in; copy or record it again for the rest`,
    stopped,
  );
}

function unsupportedVideo(path: string, type: number): TouchlineError {
  const name = videoTypeNames[type] ?? 'not H.264';
  return fileError(
    'ingest.unsupported-video',
    path,
    `has video that is ${name}: only H.264 is taken. Convert it first: ffmpeg -i IN -c:v libx264 -crf 18 -c:a aac OUT.mp4`,
  );
}

function noVideo(path: string, why: string): TouchlineError {
  return fileError('ingest.no-video', path, `has nothing to make clips of: ${why}`);
}

function fileError(code: string, path: string, what: string, cause?: unknown): TouchlineError {
  return new TouchlineError({
    code,
    message: `${path} ${what}`,
    retryable: false,
    blame: 'input',
    ...(cause === undefined ? {} : { cause }),
  });
}
