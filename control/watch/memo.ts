import type { Clock } from '../../core/clock.ts';

interface Entry<T> {
  madeAtMs: number;
  value: Promise<T>;
}

/**
 * Answers that many ask for at once: each is made once, by whoever asks first, and stands for a moment. What failed is not kept.
 */
export class Memo<T> {
  readonly #clock: Clock;
  readonly #ageMsMax: number;
  readonly #countMax: number;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(options: { clock: Clock; ageMsMax: number; countMax: number }) {
    this.#clock = options.clock;
    this.#ageMsMax = options.ageMsMax;
    this.#countMax = options.countMax;
  }

  async get(key: string, make: () => Promise<T>): Promise<T> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#entries.get(key);
    if (known && nowMs - known.madeAtMs < this.#ageMsMax) return await known.value;
    const entry = { madeAtMs: nowMs, value: make() };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size > this.#countMax && oldest !== undefined) this.#entries.delete(oldest);
    try {
      return await entry.value;
    } catch (thrown) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw thrown;
    }
  }
}
