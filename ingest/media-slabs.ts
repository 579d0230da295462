/**
 * Memory for pictures that wait until their segment is cut. Each comes in a buffer of its own; kept there, they would
 * outlive the cheap collection of garbage and be left to the dear one, which then runs every five seconds and stream. Here
 * they lie end to end in slabs that the next segment uses again.
 */
export class SlabPool {
  readonly #free: Uint8Array[] = [];

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(slabBytes);
  }

  give(slabs: readonly Uint8Array[]): void {
    this.#free.push(...slabs.slice(0, freeCountMax - this.#free.length));
  }
}

/** The pictures of one segment. */
export class MediaHold {
  readonly #pool: SlabPool;
  readonly #slabs: Uint8Array[] = [];
  #leftBytes = 0;

  constructor(pool: SlabPool) {
    this.#pool = pool;
  }

  /** @returns a copy that is good until `release` */
  keep(bytes: Uint8Array): Uint8Array {
    if (bytes.length > slabBytes) return bytes;
    if (bytes.length > this.#leftBytes) {
      this.#slabs.push(this.#pool.take());
      this.#leftBytes = slabBytes;
    }
    const from = slabBytes - this.#leftBytes;
    const kept = this.#slabs.at(-1)?.subarray(from, from + bytes.length) ?? bytes;
    kept.set(bytes);
    this.#leftBytes -= bytes.length;
    return kept;
  }

  release(): void {
    this.#pool.give(this.#slabs.splice(0));
    this.#leftBytes = 0;
  }
}

/** Ten pictures of 6 Mb/s with a keyframe among them; larger ones stay where they are. */
const slabBytes = 512 * 1024;
/** 4 MiB: a segment of 4 s at 6 Mb/s and what lies idle at the ends of slabs. A burst's are not held for ever. */
const freeCountMax = 8;
