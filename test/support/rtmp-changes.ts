/** Wakes whoever waits for a condition, so that tests need not sleep. */
export class Changes {
  #waiting: (() => void)[] = [];

  /** Something is different now. */
  note(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
