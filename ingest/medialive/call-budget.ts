import type { Clock } from '../../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';

/**
 * Retries with one budget for the whole account: MediaLive throttles accounts, not callers, and retries that each caller adds
 * by itself are what keeps a storm of 429 alive. A call costs nothing while all is well; a retry costs a token.
 */
export class CallBudget {
  readonly #clock: Clock;
  readonly #random: Random;
  #tokens = tokensMax;
  #filledAtMs: number;

  constructor(options: { clock: Clock; random: Random }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#filledAtMs = options.clock.monotonicMs();
  }

  /**
   * @param canRepeat false when a second call would make a second thing: then only a refusal is retried, never a lost answer
   * @throws the last error
   */
  async call<T>(work: () => Promise<T>, canRepeat = true): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (thrown) {
        const error = asTouchlineError(thrown);
        const isSafe = canRepeat || error.code === 'medialive.throttled';
        if (!retried.has(error.code) || !isSafe || attempt === attemptsMax || !this.#takeToken()) throw error;
        // Full jitter: anywhere up to the delay, so that callers who failed together do not come back together.
        await this.#clock.sleep(this.#random.unit() * delayMs * 2 ** (attempt - 1));
      }
    }
  }

  #takeToken(): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(tokensMax, this.#tokens + (nowMs - this.#filledAtMs) / msPerToken);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** Conflicts are not in it: the world is to be looked at again, not asked again. */
const retried: ReadonlySet<string> = new Set(['medialive.throttled', 'medialive.unavailable']);
const attemptsMax = 4;
const delayMs = 500;
/** A burst of twenty retries, then one every two seconds: well below the account's limits of five to ten calls a second. */
const tokensMax = 20;
const msPerToken = 2_000;

/** What the SDK throws, as what we do about it. */
export function asMediaLiveError(thrown: unknown, what: string): TouchlineError {
  if (thrown instanceof TouchlineError) return thrown;
  const { name = 'Error', message = String(thrown), $metadata } = thrown as SdkError;
  const status = $metadata?.httpStatusCode;
  const problems = (thrown as SdkError).ValidationErrors?.map(
    ({ ElementPath, ErrorMessage }) => `${ElementPath} ${ErrorMessage}`,
  );
  // Behind the first line stands advice to who debugs the SDK.
  const [firstLine = ''] = message.split('\n');
  const said = [firstLine || name, ...(problems ?? [])].join('; ').slice(0, 500);
  const fields = (code: string, retryable: boolean, remedy: string): TouchlineError =>
    new TouchlineError({
      code: `medialive.${code}`,
      message: `${what} failed (${status === undefined ? name : `${status} ${name}`}: ${said}): ${remedy}`,
      retryable,
      blame: 'environment',
      cause: thrown,
    });
  if (status === 429 || /Throttl|TooManyRequests/.test(name))
    return fields('throttled', true, 'it is tried again');
  if (status === 409) return fields('conflict', true, 'its state is another than was thought');
  if (status === 404) return fields('not-found', true, 'it is gone');
  if (/Credential|ExpiredToken|UnrecognizedClient|InvalidClientToken|SignatureDoesNotMatch/.test(name)) {
    return fields('no-credentials', true, 'check the AWS credentials of the server; it is tried again');
  }
  if (status === 403 || /AccessDenied/.test(name)) {
    return fields(
      'refused',
      false,
      'give the role of the server the permission, then start the channel again',
    );
  }
  if (status === 400 || status === 422) {
    return fields('refused', false, 'change what the message names, then start the channel again');
  }
  return fields('unavailable', true, 'it is tried again');
}

interface SdkError {
  name?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
  ValidationErrors?: { ElementPath?: string; ErrorMessage?: string }[];
}
