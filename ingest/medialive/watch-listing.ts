import { asTouchlineError, type TouchlineError } from '../../core/errors.ts';

import { playlistBytesMax, readPlaylist, type PlaylistEntry } from './playlist.ts';
import { nameFloor, pipelineFolder, playlistName, readSegmentName, type Pipeline } from './watch-key.ts';

/** What is asked of the bucket. */
export interface WatchObjects {
  /** Keys in ascending order, after `startAfter`, at most `limit` (<= 1000). */
  list(
    prefix: string,
    options: { startAfter?: string; limit?: number },
  ): Promise<{ key: string; bytes: number }[]>;
  /** @throws TouchlineError `store.not-found` */
  get(key: string): Promise<Uint8Array>;
  head(key: string): Promise<{ bytes: number; etag: string } | undefined>;
}

export interface ListedObject {
  key: string;
  name: string;
  pipeline: Pipeline;
  stampMs: number;
  counter: number;
  bytes: number;
}

/** Reads the folder of one pipeline: which segments lie there, and when its playlist says that they happened. */
export class PipelineListing {
  readonly #objects: WatchObjects;
  readonly #folder: string;
  readonly pipeline: Pipeline;
  readonly #onProblem: (what: string, problem: string) => void;
  #entries: ReadonlyMap<string, PlaylistEntry> = new Map();
  #etag: string | undefined;

  constructor(options: {
    objects: WatchObjects;
    runFolder: string;
    pipeline: Pipeline;
    onProblem: (what: string, problem: string) => void;
  }) {
    this.#objects = options.objects;
    this.#folder = pipelineFolder(options.runFolder, options.pipeline);
    this.pipeline = options.pipeline;
    this.#onProblem = options.onProblem;
  }

  /** The segments from `fromMs` on, a page at a time: names begin with the time, so that they sort by it. */
  async *pages(fromMs: number): AsyncGenerator<ListedObject[]> {
    let startAfter = this.#folder + nameFloor(fromMs);
    for (;;) {
      const page = await this.#objects.list(this.#folder, { startAfter, limit: pageMax });
      const segments: ListedObject[] = [];
      for (const { key, bytes } of page) {
        const name = key.slice(this.#folder.length);
        const place = readSegmentName(name);
        if (place) segments.push({ key, name, pipeline: this.pipeline, ...place, bytes });
        else if (name !== playlistName) this.#onProblem('object', `${key.slice(0, 200)} is no segment`);
      }
      yield segments;
      const last = page.at(-1);
      if (!last || page.length < pageMax) return;
      startAfter = last.key;
    }
  }

  /** The playlist as it is now. Without a usable one the last stays in force: what it said has not changed. */
  async entries(): Promise<ReadonlyMap<string, PlaylistEntry>> {
    const key = this.#folder + playlistName;
    const info = await this.#objects.head(key);
    if (!info || info.etag === this.#etag) return this.#entries;
    try {
      if (info.bytes > playlistBytesMax) {
        this.#onProblem('playlist', `${key} has ${info.bytes} bytes (at most ${playlistBytesMax})`);
      } else {
        const playlist = readPlaylist(await this.#objects.get(key));
        this.#entries = playlist.entries;
        for (const problem of playlist.problems) this.#onProblem('playlist', `${key}, ${problem}`);
      }
    } catch (thrown) {
      const error: TouchlineError = asTouchlineError(thrown);
      if (error.retryable) throw error;
      this.#onProblem('playlist', `${key}: ${error.message}`);
    }
    this.#etag = info.etag;
    return this.#entries;
  }
}

/** S3 gives no more. */
const pageMax = 1000;
