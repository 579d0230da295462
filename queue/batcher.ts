/**
 * Collects calls for a service that takes several at once. A call that finds nothing under way goes out by itself; those that
 * come meanwhile go together next. So nothing waits for company, what is busy batches, and the order is kept.
 */
export class Batcher<E> {
  readonly #send: (entries: readonly E[]) => Promise<readonly (Error | undefined)[]>;
  readonly #countMax: number;
  #waiting: { entry: E; settle: (error: Error | undefined) => void }[] = [];
  #isSending = false;

  /** `send` answers for each entry, in order. */
  constructor(options: {
    countMax: number;
    send: (entries: readonly E[]) => Promise<readonly (Error | undefined)[]>;
  }) {
    this.#send = options.send;
    this.#countMax = options.countMax;
  }

  async add(entry: E): Promise<void> {
    const error = await new Promise<Error | undefined>((settle) => {
      this.#waiting.push({ entry, settle });
      if (!this.#isSending) void this.#sendAll();
    });
    if (error) throw error;
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    // What is added in the same turn belongs together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#countMax);
      const errors = await this.#send(batch.map(({ entry }) => entry)).catch((error: Error) =>
        batch.map(() => error),
      );
      for (const [index, { settle }] of batch.entries()) settle(errors[index]);
    }
    this.#isSending = false;
  }
}
