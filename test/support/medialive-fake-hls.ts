import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Where and how a running channel of the fake writes. */
export interface HlsTarget {
  channelId: string;
  /** `s3ssl://bucket/path/base` of each pipeline. */
  urls: readonly string[];
  startedAtMs: number;
  segmentMs: number;
  /** `_$dt$_` between the base name and the counter. */
  segmentModifier: string;
}

export interface FakeHlsOptions {
  /** Durable when it resolves, in any S3. Segments before the playlist that lists them. */
  putObject(object: { bucket: string; key: string; bytes: Uint8Array }): Promise<void>;
  /** S3's own word on it, after the put. */
  onObjectCreated?: (object: { bucket: string; key: string; bytes: Uint8Array }) => void;
  /** Whole transport stream segments, one after the other in time; used again from the first when they are used up. */
  media: readonly Uint8Array[];
  /** PTS of the first picture, in 90 kHz ticks: near 2^33 to see it wrap. */
  firstPts90k?: number;
}

/**
 * The HLS output of a running channel, as the service writes it: both pipelines, the counter afresh at each start, names with
 * `$dt$`, a variant playlist with a date for every segment. Real media, whose timestamps go on from segment to segment.
 */
export class FakeHls {
  readonly #target: HlsTarget;
  readonly #options: FakeHlsOptions;
  readonly #pipelines: Pipeline[];
  #puts: Promise<void> = Promise.resolve();
  #failure: unknown;
  #isPaused = false;
  #hasEnded = false;

  constructor(target: HlsTarget, options: FakeHlsOptions) {
    this.#target = target;
    this.#options = options;
    this.#pipelines = target.urls.map((url) => {
      const [, bucket = '', base = ''] = /^s3ssl:\/\/([^/]+)\/(.+)$/.exec(url) ?? [];
      return {
        bucket,
        base,
        counter: 0,
        nextAtMs: target.startedAtMs,
        lines: [],
        isSilent: false,
        isJoin: true,
      };
    });
  }

  /** Writes every segment that has ended by `nowMs`. */
  writeDue(nowMs: number): void {
    const { segmentMs } = this.#target;
    if (this.#hasEnded) return;
    for (const pipeline of this.#pipelines) {
      for (; pipeline.nextAtMs + segmentMs <= nowMs; pipeline.nextAtMs += segmentMs) {
        if (this.#isPaused || pipeline.isSilent) pipeline.isJoin = false;
        else this.#write(pipeline);
      }
    }
  }

  /** PAUSE_OUTPUT: nothing is written while no input arrives, and then it goes on with a discontinuity. */
  pause(isPaused: boolean, nowMs: number): void {
    this.writeDue(nowMs);
    this.#isPaused = isPaused;
  }

  failPipeline(index: number, hasFailed: boolean, nowMs: number): void {
    this.writeDue(nowMs);
    const pipeline = this.#pipelines[index];
    if (!pipeline) return;
    pipeline.isSilent = hasFailed;
    // A pipeline that was restarted counts afresh and starts a new list.
    if (!hasFailed) Object.assign(pipeline, { counter: 0, lines: [], isJoin: true });
  }

  end(nowMs: number): void {
    this.writeDue(nowMs);
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const pipeline of this.#pipelines) if (pipeline.counter > 0) this.#writePlaylist(pipeline);
  }

  /** @throws what the store threw */
  async flushed(): Promise<void> {
    await this.#puts;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #write(pipeline: Pipeline): void {
    const { segmentMs, segmentModifier, startedAtMs } = this.#target;
    const { media, firstPts90k = 0 } = this.#options;
    pipeline.counter += 1;
    const index = Math.round((pipeline.nextAtMs - startedAtMs) / segmentMs);
    const name = nameOf(pipeline, segmentModifier);
    const source = media[index % media.length];
    if (!source) throw new Error('the fake channel was given no media');
    const loopMs = Math.floor(index / media.length) * media.length * segmentMs;
    const bytes = shiftTimestamps(source, loopMs * 90 + firstPts90k);
    if (!pipeline.isJoin && pipeline.lines.length > 0) pipeline.lines.push('#EXT-X-DISCONTINUITY');
    pipeline.isJoin = true;
    pipeline.lines.push(
      `#EXT-X-PROGRAM-DATE-TIME:${new Date(pipeline.nextAtMs).toISOString()}`,
      `#EXTINF:${(segmentMs / 1000).toFixed(5)},`,
      name,
    );
    this.#put(pipeline, `${folderOf(pipeline.base)}${name}`, bytes);
    this.#writePlaylist(pipeline);
  }

  #writePlaylist(pipeline: Pipeline): void {
    const text = [
      '#EXTM3U',
      '#EXT-X-VERSION:4',
      `#EXT-X-TARGETDURATION:${Math.ceil(this.#target.segmentMs / 1000)}`,
      '#EXT-X-MEDIA-SEQUENCE:1',
      `#EXT-X-PLAYLIST-TYPE:${this.#hasEnded ? 'VOD' : 'EVENT'}`,
      ...pipeline.lines,
      ...(this.#hasEnded ? ['#EXT-X-ENDLIST'] : []),
      '',
    ].join('\n');
    this.#put(pipeline, `${pipeline.base}.m3u8`, new TextEncoder().encode(text));
  }

  #put({ bucket }: Pipeline, key: string, bytes: Uint8Array): void {
    const object = { bucket, key, bytes };
    this.#puts = this.#puts
      .then(async () => await this.#options.putObject(object))
      .then(() => this.#options.onObjectCreated?.(object))
      .catch((thrown: unknown) => {
        this.#failure ??= thrown;
      });
  }
}

interface Pipeline {
  bucket: string;
  /** Path and base name: `segments/medialive/ch_1/run_1/p0/v`. */
  base: string;
  counter: number;
  nextAtMs: number;
  lines: string[];
  isSilent: boolean;
  /** The next segment follows the last one without a hole. */
  isJoin: boolean;
}

/** Real H.264 and AAC in transport streams, a keyframe a second, cut as MediaLive would. `recording` is what is shown. */
export async function makeHlsMedia(options: {
  segmentMs: number;
  count: number;
  size?: `${number}x${number}`;
  recording?: string;
}): Promise<Uint8Array[]> {
  const { segmentMs, count, size = '320x180', recording } = options;
  const folder = await mkdtemp(join(tmpdir(), 'touchline-hls-'));
  try {
    const seconds = (segmentMs * count) / 1000;
    const made = [
      ['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=25:d=${seconds}`],
      ['-f', 'lavfi', '-i', `sine=f=440:r=48000:d=${seconds}`],
    ].flat();
    const inputs = recording === undefined ? made : ['-i', recording];
    const video = '-c:v libx264 -preset ultrafast -bf 2 -g 25 -keyint_min 25 -sc_threshold 0 -flags +cgop';
    const output = `-c:a aac -b:a 64k -muxdelay 0 -muxpreload 0 -f hls -hls_time ${segmentMs / 1000} -hls_list_size 0`;
    await promisify(execFile)('ffmpeg', [
      ...'-v error -nostdin'.split(' '),
      ...inputs,
      ...`${video} ${output}`.split(' '),
      '-hls_segment_filename',
      join(folder, '%05d.ts'),
      join(folder, 'v.m3u8'),
    ]);
    const names = (await readdir(folder)).filter((name) => name.endsWith('.ts')).toSorted();
    return await Promise.all(names.slice(0, count).map(async (name) => await readFile(join(folder, name))));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Moves PTS, DTS and PCR of a transport stream by `ticks90k`, modulo 2^33. */
export function shiftTimestamps(ts: Uint8Array, ticks90k: number): Uint8Array {
  const bytes = Uint8Array.from(ts);
  if (ticks90k === 0) return bytes;
  for (let at = 0; at + 188 <= bytes.length; at += 188) {
    const flags = bytes[at + 3] ?? 0;
    const adaptationBytes = flags & 0x20 ? (bytes[at + 4] ?? 0) + 1 : 0;
    if (adaptationBytes > 1 && (bytes[at + 5] ?? 0) & 0x10) shiftPcr(bytes, at + 6, ticks90k);
    const isStart = (bytes[at + 1] ?? 0) & 0x40;
    const pes = at + 4 + adaptationBytes;
    const isPes = bytes[pes] === 0 && bytes[pes + 1] === 0 && bytes[pes + 2] === 1;
    if (!isStart || !(flags & 0x10) || !isPes) continue;
    const stamps = (bytes[pes + 7] ?? 0) >> 6;
    if (stamps & 2) shiftStamp(bytes, pes + 9, ticks90k);
    if (stamps === 3) shiftStamp(bytes, pes + 14, ticks90k);
  }
  return bytes;
}

/** ISO/IEC 13818-1 §2.4.3.7: 33 bits in five bytes, a marker bit behind each part. */
function shiftStamp(bytes: Uint8Array, at: number, ticks90k: number): void {
  const byte = (index: number): number => bytes[at + index] ?? 0;
  const high = (byte(0) >> 1) & 7;
  const middle = ((byte(1) << 8) | byte(2)) >> 1;
  const low = ((byte(3) << 8) | byte(4)) >> 1;
  const value = wrapped(high * 2 ** 30 + middle * 2 ** 15 + low + ticks90k);
  const [newHigh, newMiddle, newLow] = [
    Math.floor(value / 2 ** 30),
    Math.floor(value / 2 ** 15) & 0x7fff,
    value % 2 ** 15,
  ];
  bytes[at] = (byte(0) & 0xf1) | (newHigh << 1);
  bytes[at + 1] = newMiddle >> 7;
  bytes[at + 2] = ((newMiddle & 0x7f) << 1) | 1;
  bytes[at + 3] = newLow >> 7;
  bytes[at + 4] = ((newLow & 0x7f) << 1) | 1;
}

/** §2.4.3.5: 33 bits of 90 kHz, then 6 reserved bits and 9 bits of 27 MHz, which stay. */
function shiftPcr(bytes: Uint8Array, at: number, ticks90k: number): void {
  const byte = (index: number): number => bytes[at + index] ?? 0;
  const base = byte(0) * 2 ** 25 + byte(1) * 2 ** 17 + byte(2) * 2 ** 9 + byte(3) * 2 + (byte(4) >> 7);
  const value = wrapped(base + ticks90k);
  bytes[at] = Math.floor(value / 2 ** 25);
  bytes[at + 1] = Math.floor(value / 2 ** 17) & 0xff;
  bytes[at + 2] = Math.floor(value / 2 ** 9) & 0xff;
  bytes[at + 3] = Math.floor(value / 2) & 0xff;
  bytes[at + 4] = ((value & 1) << 7) | (byte(4) & 0x7f);
}

function wrapped(ticks: number): number {
  return ((ticks % 2 ** 33) + 2 ** 33) % 2 ** 33;
}

function nameOf({ base, counter, nextAtMs }: Pipeline, modifier: string): string {
  const stamp = new Date(nextAtMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  const file = base.slice(base.lastIndexOf('/') + 1);
  return `${file}${modifier.replace('$dt$', stamp)}${String(counter).padStart(5, '0')}.ts`;
}

function folderOf(base: string): string {
  return base.slice(0, base.lastIndexOf('/') + 1);
}
