import { nowMs } from '../browser.ts';

/** Enough for the widest screen three times over; the oldest go first. */
const keptMax = 240;
/** Video needs the other connections. */
const loadingMax = 3;
/** A server that has too much to do is asked again; a segment without a picture has none after that either. */
const triesMax = 3;
const againAfterMs = 8_000;

type Kept = HTMLImageElement | { failures: number; atMs: number };

/** Small pictures for the filmstrip, loaded a few at a time, newest wish first: those are in view. */
export class StillCache {
  readonly #kept = new Map<string, Kept>();
  readonly #wanted: string[] = [];
  #loading = 0;
  readonly #onLoaded: () => void;

  constructor(onLoaded: () => void) {
    this.#onLoaded = onLoaded;
  }

  /** The picture when it is there; otherwise it is fetched, and `onLoaded` called. */
  get(url: string): HTMLImageElement | undefined {
    const kept = this.#kept.get(url);
    if (kept instanceof HTMLImageElement) return kept.complete ? kept : undefined;
    if (kept && (kept.failures >= triesMax || nowMs() - kept.atMs < againAfterMs)) return undefined;
    if (!this.#wanted.includes(url)) this.#wanted.push(url);
    this.#pump();
    return undefined;
  }

  /** What scrolled out of view before its turn came is not fetched. */
  forgetWishes(): void {
    this.#wanted.length = 0;
  }

  #pump(): void {
    while (this.#loading < loadingMax) {
      const url = this.#wanted.pop();
      if (url === undefined) return;
      this.#load(url);
    }
  }

  #load(url: string): void {
    this.#loading += 1;
    const before = this.#kept.get(url);
    const failures = before && 'failures' in before ? before.failures : 0;
    const image = new Image();
    this.#kept.set(url, image);
    const end = (isThere: boolean) => {
      this.#loading -= 1;
      if (!isThere) this.#kept.set(url, { failures: failures + 1, atMs: nowMs() });
      for (const oldest of this.#kept.keys()) {
        if (this.#kept.size <= keptMax) break;
        this.#kept.delete(oldest);
      }
      if (isThere) this.#onLoaded();
      this.#pump();
    };
    image.addEventListener('load', () => end(true), { once: true });
    image.addEventListener('error', () => end(false), { once: true });
    image.decoding = 'async';
    image.src = url;
  }
}
