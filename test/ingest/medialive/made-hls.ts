import { pipelineFolder, runFolder, type Pipeline } from '../../../ingest/medialive/watch-key.ts';
import { makeHlsMedia, shiftTimestamps } from '../../support/medialive-fake-hls.ts';

export interface MadeSegment {
  bytes: Uint8Array;
  durationMs: number;
}

/** A little television, cut as MediaLive cuts it. */
export async function makeHls(media: {
  count: number;
  segmentMs?: number;
  size?: `${number}x${number}`;
  /** PTS of the first picture, about. */
  start90k?: number;
}): Promise<MadeSegment[]> {
  const { count, segmentMs = 2000, size = '128x72', start90k = 0 } = media;
  const made = await makeHlsMedia({ count, segmentMs, size });
  return made.map((bytes) => ({ bytes: shiftTimestamps(bytes, start90k), durationMs: segmentMs }));
}

/** Where objects go: what is put is there for who lists, as with S3. */
export interface Bucket {
  put(key: string, bytes: Uint8Array): void | Promise<void>;
}

/** One pipeline of a running channel: writes a segment, then the playlist that names it. */
export class MadePipeline {
  readonly #bucket: Bucket;
  readonly #folder: string;
  #counter = 0;
  #lines: string[] = [];

  constructor(options: {
    bucket: Bucket;
    prefix: string;
    channelId: string;
    runId: string;
    pipeline: Pipeline;
  }) {
    this.#bucket = options.bucket;
    this.#folder = pipelineFolder(runFolder(options.prefix, options), options.pipeline);
  }

  /** What a failed pipeline does: the counter begins again, and a new playlist replaces the old. */
  restart(): void {
    this.#counter = 0;
    this.#lines = [];
  }

  /** Takes the next number; `put` writes the object and `list` the playlist, in whatever order a test likes. */
  next(
    segment: MadeSegment,
    wallMs: number,
    more: { isDiscontinuity?: boolean } = {},
  ): { key: string; put: () => Promise<void>; list: () => Promise<void> } {
    this.#counter += 1;
    const stamp = new Date(wallMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
    const name = `v_${stamp}_${String(this.#counter).padStart(5, '0')}.ts`;
    const key = `${this.#folder}${name}`;
    const entry = [
      ...(more.isDiscontinuity ? ['#EXT-X-DISCONTINUITY'] : []),
      `#EXT-X-PROGRAM-DATE-TIME:${new Date(wallMs).toISOString()}`,
      `#EXTINF:${(segment.durationMs / 1000).toFixed(5)},`,
      name,
    ];
    const lines = this.#lines;
    return {
      key,
      put: async () => await this.#bucket.put(key, segment.bytes),
      list: async () => {
        lines.push(...entry);
        const head = ['#EXTM3U', '#EXT-X-VERSION:3', '#EXT-X-TARGETDURATION:5', '#EXT-X-MEDIA-SEQUENCE:1'];
        await this.#bucket.put(`${this.#folder}v.m3u8`, Buffer.from([...head, ...lines, ''].join('\n')));
      },
    };
  }

  async write(
    segment: MadeSegment,
    wallMs: number,
    more: { isDiscontinuity?: boolean } = {},
  ): Promise<string> {
    const { key, put, list } = this.next(segment, wallMs, more);
    await put();
    await list();
    return key;
  }
}

export function bridgeEvent(bucket: string, key: string): string {
  return JSON.stringify({
    version: '0',
    'detail-type': 'Object Created',
    source: 'aws.s3',
    detail: { bucket: { name: bucket }, object: { key, size: 1, etag: 'e' } },
  });
}

export function notification(bucket: string, keys: readonly string[]): string {
  return JSON.stringify({
    Records: keys.map((key) => ({
      eventSource: 'aws:s3',
      eventName: 'ObjectCreated:Put',
      s3: {
        bucket: { name: bucket },
        object: { key: encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+'), size: 1 },
      },
    })),
  });
}
