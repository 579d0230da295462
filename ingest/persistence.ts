import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../core/errors.ts';
import { isWorthALine, type Log } from '../core/log.ts';
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
   * @param options.isLocal on this machine's disk: a call that hangs is named as a failure and waited for on, until `signal`
   *   aborts: a second write beside it would only do harm
   * @throws the signal's reason, when it aborts
   */
  async insist<T>(
    what: string,
    call: () => Promise<T>,
    options: { onFailure?: (error: TouchlineError | undefined) => void; isLocal?: boolean } = {},
  ): Promise<T> {
    const { onFailure, isLocal = false } = options;
    let hasFailed = false;
    const note = (error: TouchlineError): void => {
      hasFailed = true;
      onFailure?.(error);
    };
    for (let attempt = 1; ; attempt += 1) {
      this.#signal.throwIfAborted();
      try {
        const result = await (isLocal ? this.#local(what, call, note) : this.#bounded(what, call));
        if (hasFailed) onFailure?.(undefined);
        return result;
      } catch (thrown) {
        this.#signal.throwIfAborted();
        const error = asTouchlineError(thrown);
        note(error);
        if (isWorthALine(attempt)) this.#log.warn(`${what} failed`, { attempt, error });
        const delayMs = Math.min(delayMsMax, delayMsFirst * 2 ** Math.min(attempt - 1, 10));
        await this.#clock.sleep(delayMs * (1 - jitter * this.#random.unit()), this.#signal);
      }
    }
  }

  /**
   * A call to this machine's disk for which there is no time to insist: also when the signal has aborted.
   *
   * @returns false, and says so, when it fails or hangs
   */
  async tryOnDisk(what: string, call: () => Promise<unknown>): Promise<boolean> {
    try {
      await within(call(), { ms: tryMsMax, clock: this.#clock, late: () => diskHangs(what, tryMsMax) });
      return true;
    } catch (error) {
      this.#log.error(`${what} failed`, { error });
      return false;
    }
  }

  /** A call that neither succeeds nor fails is a failure. What it still does later it does to the same key, with the same bytes. */
  async #bounded<T>(what: string, call: () => Promise<T>): Promise<T> {
    return await within(call(), {
      ms: callMsMax,
      clock: this.#clock,
      signal: this.#signal,
      late: () =>
        new TouchlineError({
          code: 'ingest.no-answer',
          message: `no answer within ${callMsMax} ms (${what}): it is tried again`,
          retryable: true,
          blame: 'environment',
        }),
    });
  }

  async #local<T>(what: string, call: () => Promise<T>, note: (error: TouchlineError) => void): Promise<T> {
    const work = call();
    for (let waitedMs = localMsMax; ; waitedMs += localMsMax) {
      const hangs = diskHangs(what, waitedMs);
      const options = { ms: localMsMax, clock: this.#clock, signal: this.#signal, late: () => hangs };
      try {
        return await within(work, options);
      } catch (thrown) {
        if (thrown !== hangs) throw thrown;
        note(hangs);
        if (isWorthALine(waitedMs / localMsMax)) this.#log.warn(`${what} hangs`, { waitedMs });
      }
    }
  }
}

/**
 * The result of `work`, or the error of `late` when it takes longer than `ms`; `work` goes on unheard.
 *
 * @throws the signal's reason, when it aborts
 */
export async function within<T>(
  work: Promise<T>,
  options: { ms: number; clock: Clock; signal?: AbortSignal; late: () => TouchlineError },
): Promise<T> {
  const { ms, clock, signal, late } = options;
  const done = new AbortController();
  const timeout = clock.sleep(ms, signal ? AbortSignal.any([done.signal, signal]) : done.signal).then(() => {
    throw late();
  });
  timeout.catch(() => {});
  work.catch(() => {});
  try {
    return await Promise.race([work, timeout]);
  } finally {
    done.abort();
  }
}

export function diskHangs(what: string, waitedMs: number): TouchlineError {
  return new TouchlineError({
    code: 'ingest.disk-hangs',
    message: `the local disk has not answered for ${waitedMs / 1000} s (${what}): see whether the disk under TOUCHLINE_HOME is well`,
    retryable: true,
    blame: 'environment',
  });
}

/** 3 MB in 30 s is 0.8 Mb/s: a store that slow cannot follow any feed. */
const callMsMax = 30_000;
const delayMsFirst = 200;
/** A write of a few bytes that is to be on the platter takes 10 ms, behind a busy queue a second. */
const localMsMax = 10_000;
/** For a write that is tried once. */
const tryMsMax = 5000;
/** A store that is back is found within 5 s. */
const delayMsMax = 5000;
const jitter = 0.3;
