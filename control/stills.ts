import { keyframeStream } from '../analytics/sampling/keyframe-stream.ts';
import { TouchlineError } from '../core/errors.ts';
import { runFfmpeg } from '../core/ffmpeg.ts';
import type { Log } from '../core/log.ts';
import { readTransportStream } from '../core/mpegts.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { SegmentMark } from './watch/segment-marks.ts';

export interface Still {
  jpeg: Uint8Array;
  etag: string;
}

interface StillsOptions {
  store: Pick<ObjectStore, 'get' | 'put' | 'head'>;
  log: Log;
  /** Turns coded pictures into a JPEG; ffmpeg unless a test counts instead. */
  render?: (input: StillInput, what: string) => Promise<Uint8Array>;
  cacheBytesMax?: number;
}

/** Pictures go in as H.264 where that can be had, which starts three times as fast as the transport stream around them. */
export interface StillInput {
  format: 'h264' | 'mpegts';
  bytes: Uint8Array;
}

/** As wide as a tile of the wall on the widest screen. */
const widthMax = 320;
/** Two cores: ingest and decoding of what people wait for come first. */
const runningMax = 2;
/** At two at a time and 100 ms each the last one waits for 5 s; a browser asks again by itself. */
const waitingMax = 100;
/** 2,500 pictures of 12 KiB: a filmstrip of a match, or 50 channels for three minutes. */
const cacheBytesMaxDefault = 32 * 1024 * 1024;
const renderMsMax = 10_000;

/**
 * One small picture of each segment: its last keyframe. Made when somebody looks, once for all who do, and never more than two
 * at a time; kept in memory, and those of a filmstrip in the store too (`stills/...`), where they outlive a restart.
 */
export class Stills {
  readonly #options: StillsOptions;
  readonly #cache = new Map<string, Uint8Array>();
  #cacheBytes = 0;
  readonly #making = new Map<string, Promise<Uint8Array>>();
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: StillsOptions) {
    this.#options = options;
  }

  /** Known without looking at the picture: an unchanged one costs nothing. */
  etagOf(mark: Pick<SegmentMark, 'sha256'>): string {
    return `"${mark.sha256.slice(0, 24)}-${widthMax}"`;
  }

  /**
   * @param isKept the picture goes into the store as well: for filmstrips, whose pictures are asked for again and again
   * @throws TouchlineError `still.not-found` (it has no picture), `still.unavailable` (too many at once)
   */
  async of(mark: SegmentMark, { isKept }: { isKept: boolean }): Promise<Still> {
    const etag = this.etagOf(mark);
    const known = this.#cache.get(mark.id);
    if (known) {
      this.#cache.delete(mark.id);
      this.#cache.set(mark.id, known);
      return { jpeg: known, etag };
    }
    const making = this.#making.get(mark.id) ?? this.#begin(mark, isKept);
    return { jpeg: await making, etag };
  }

  #begin(mark: SegmentMark, isKept: boolean): Promise<Uint8Array> {
    const making = this.#make(mark, isKept)
      .then((jpeg) => {
        this.#keep(mark.id, jpeg);
        return jpeg;
      })
      .finally(() => this.#making.delete(mark.id));
    this.#making.set(mark.id, making);
    return making;
  }

  async #make(mark: SegmentMark, isKept: boolean): Promise<Uint8Array> {
    if (!mark.hasPicture || mark.bytes === 0) throw noPicture(mark, 'it has none');
    const { store, log, render = renderJpeg } = this.#options;
    const key = `stills/${mark.channelId}/${mark.runId}/${String(mark.seq).padStart(6, '0')}.jpg`;
    if (isKept && (await store.head(key))) return await store.get(key);
    const jpeg = await this.#whenFree(async () => {
      const bytes = await store.get(mark.key);
      const picture = await render(lastKeyframe(bytes), `the still of ${mark.id}`);
      if (picture.length === 0) throw noPicture(mark, 'ffmpeg made none of it');
      return picture;
    });
    if (isKept) {
      await store
        .put(key, jpeg, { contentType: 'image/jpeg', ifNoneMatch: true })
        .catch((error: unknown) => log.warn('a still could not be kept', { key, error }));
    }
    return jpeg;
  }

  async #whenFree<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= runningMax) {
      if (this.#waiting.length >= waitingMax) {
        throw new TouchlineError({
          code: 'still.unavailable',
          message: `${waitingMax} stills wait to be made already: ask again in a few seconds`,
          retryable: true,
          blame: 'environment',
        });
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running += 1;
    try {
      return await work();
    } finally {
      // The place is handed on, or given back.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  #keep(id: string, jpeg: Uint8Array): void {
    this.#cache.set(id, jpeg);
    this.#cacheBytes += jpeg.length;
    const { cacheBytesMax = cacheBytesMaxDefault } = this.#options;
    for (const [oldest, bytes] of this.#cache) {
      if (this.#cacheBytes <= cacheBytesMax || oldest === id) break;
      this.#cache.delete(oldest);
      this.#cacheBytes -= bytes.length;
    }
  }
}

/** Of a whole segment ffmpeg gets what one picture needs; what cannot be taken apart it gets whole. */
export function lastKeyframe(segment: Uint8Array): StillInput {
  const keyframe = readTransportStream(segment).video.findLast((unit) => unit.isKeyframe);
  const bytes = keyframe && keyframeStream([keyframe.data]);
  return bytes ? { format: 'h264', bytes } : { format: 'mpegts', bytes: segment };
}

async function renderJpeg({ format, bytes }: StillInput, what: string): Promise<Uint8Array> {
  const [jpeg] = await runFfmpeg({
    args: [
      ...`-threads 1 -skip_frame nokey -f ${format} -protocol_whitelist pipe -i pipe:0 -an -sn -dn`.split(
        ' ',
      ),
      '-vf',
      // Square pixels, and never larger than it is.
      `scale='min(${widthMax},trunc(iw*sar/2)*2)':-2,setsar=1`,
      ...'-frames:v 1 -threads 1 -c:v mjpeg -q:v 5 -f image2pipe pipe:1'.split(' '),
    ],
    what,
    input: bytes,
    wallMsMax: renderMsMax,
    isBackground: true,
  });
  return jpeg ?? new Uint8Array(0);
}

function noPicture(mark: SegmentMark, why: string): TouchlineError {
  return new TouchlineError({
    code: 'still.not-found',
    message: `there is no picture of segment ${mark.seq} of this run: ${why}`,
    retryable: false,
    blame: 'caller',
  });
}
