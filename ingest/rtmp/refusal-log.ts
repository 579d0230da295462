import type { Log } from '../../core/log.ts';

/** Writes the first few refusals of each second and counts the rest: a log is no target either. */
export class RefusalLog {
  readonly #log: Log;
  #count = 0;
  #sinceMs = -Infinity;

  constructor(log: Log) {
    this.#log = log;
  }

  note(what: string, fields: Record<string, unknown>): void {
    this.#count += 1;
    if (this.#count <= refusalLinesPerSecond) this.#log.warn(what, fields);
  }

  tick(nowMs: number): void {
    if (nowMs - this.#sinceMs < 1000) return;
    const unwrittenCount = this.#count - refusalLinesPerSecond;
    if (unwrittenCount > 0) this.#log.warn('more publishers refused', { unwrittenCount });
    this.#count = 0;
    this.#sinceMs = nowMs;
  }
}

const refusalLinesPerSecond = 10;
