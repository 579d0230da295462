import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';

/**
 * Calls something of the house until it goes through. Media that came in cannot be fetched again, so there is no number
 * of tries after which it would be right to give up: the bound is `signal`, and the memory limits of who waits.
 */
export class Persistence {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #signal: AbortSignal;

  constructor(options: { clock: Clock; random: Random; log: Log; signal: AbortSignal }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.log;
    this.#signal = options.signal;
  }

  /**
   * @param options.onFailure told of every try that failed, and `undefined` when one went through after that
   * @param options.isLocal on this machine's disk: waited for without an end, because a second write beside one that hangs
   *   would only do harm
   * @throws the signal's reason, when it aborts
   */
  async insist<T>(
    what: string,
    call: () => Promise<T>,
    options: { onFailure?: (error: TouchlineError | undefined) => void; isLocal?: boolean } = {},
  ): Promise<T> {
    const { onFailure, isLocal = false } = options;
    for (let attempt = 1; ; attempt += 1) {
      this.#signal.throwIfAborted();
      try {
        const result = isLocal ? await call() : await this.#bounded(what, call);
        if (attempt > 1) onFailure?.(undefined);
        return result;
      } catch (thrown) {
        this.#signal.throwIfAborted();
        const error = asTouchlineError(thrown);
        onFailure?.(error);
        // 1, 2, 4, 8... : a store that is away for an hour makes a dozen lines, not thousands.
        if (Number.isInteger(Math.log2(attempt))) this.#log.warn(`${what} failed`, { attempt, error });
        const delayMs = Math.min(delayMsMax, delayMsFirst * 2 ** Math.min(attempt - 1, 10));
        await this.#clock.sleep(delayMs * (1 - jitter * this.#random.unit()), this.#signal);
      }
    }
  }

  /** A call that neither succeeds nor fails is a failure. What it still does later it does to the same key, with the same bytes. */
  async #bounded<T>(what: string, call: () => Promise<T>): Promise<T> {
    const done = new AbortController();
    const timeout = this.#clock.sleep(callMsMax, AbortSignal.any([done.signal, this.#signal])).then(() => {
      throw new TouchlineError({
        code: 'ingest.no-answer',
        message: `no answer within ${callMsMax} ms (${what}): it is tried again`,
        retryable: true,
        blame: 'environment',
      });
    });
    timeout.catch(() => {});
    try {
      return await Promise.race([call(), timeout]);
    } finally {
      done.abort();
    }
  }
}

/** 3 MB in 30 s is 0.8 Mb/s: a store that slow cannot follow any feed. */
const callMsMax = 30_000;
const delayMsFirst = 200;
/** A store that is back is found within 5 s. */
const delayMsMax = 5000;
const jitter = 0.3;
