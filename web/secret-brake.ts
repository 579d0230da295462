import { createHash } from 'node:crypto';

import type { Clock } from '../core/clock.ts';
import { callerError } from './problem.ts';
import { TokenBuckets, type Allowance } from './token-buckets.ts';

/**
 * Holds back who guesses secrets in addresses. A link that was right a moment ago has an allowance of its own, so that it is not held
 * up by others who guess from the same address, behind a proxy say.
 */
export class SecretBrake {
  readonly #links: TokenBuckets;
  readonly #addresses: TokenBuckets;

  constructor(clock: Clock, { ofLink, ofAddress }: { ofLink: Allowance; ofAddress: Allowance }) {
    this.#links = new TokenBuckets(clock, ofLink);
    this.#addresses = new TokenBuckets(clock, ofAddress);
  }

  /** What `open` finds behind a secret. @throws TouchlineError `share.too-many` */
  async opened<T>(
    secret: string,
    address: string,
    open: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const link = createHash('sha256').update(secret).digest('base64url');
    const isAllowed = this.#links.has(link) ? this.#links.take(link) : this.#addresses.take(address);
    if (!isAllowed) throw callerError('share.too-many', 'too many requests: wait a few seconds');
    const found = await open();
    if (found !== undefined && !this.#links.has(link)) this.#links.take(link);
    return found;
  }
}
