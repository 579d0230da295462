/**
 * Answers come in any order, and each is as old as the moment at which it was asked for. This says which may be shown: for each
 * subject only one that was asked for after the last change of it that this page knows of.
 */
export class ReadOrder {
  #now = 0;
  readonly #changedAt = new Map<string, number>();

  /** Called before the server is asked. @returns what `isNewest` and `take` want to know the read by */
  begin(): number {
    this.#now += 1;
    return this.#now;
  }

  /** Something was decided here, or the server has just taken it: what was asked for before may not hold it. */
  touch(ids: Iterable<string>): void {
    this.#now += 1;
    for (const id of ids) this.#changedAt.set(id, this.#now);
  }

  /** Whether what `read` says of `id` may be shown. From then on nothing older may. */
  take(read: number, id: string): boolean {
    if (!this.isNewest(read, id)) return false;
    this.#changedAt.set(id, read);
    return true;
  }

  isNewest(read: number, id: string): boolean {
    return read >= (this.#changedAt.get(id) ?? 0);
  }
}
