import { scrypt, timingSafeEqual } from 'node:crypto';

import { TouchlineError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import type { Secret } from '../../core/secret.ts';

/** scrypt (RFC 7914): 32 MiB and some 80 ms each here. OWASP asks for N = 2^17 with p = 1, or 2^15 with p = 3; this is the latter. */
const cost = { N: 2 ** 15, r: 8, p: 3 } as const;
const hashBytes = 32;
/** Each takes 32 MiB and a thread of the pool: a thousand sign-ins at once must not take the server down. */
const atOnceMax = 2;
const waitingMax = 20;

/** Passwords as `scrypt$N$r$p$salt$hash`, so that the cost can rise later. */
export class Passwords {
  readonly #random: Random;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** @throws TouchlineError `auth.unavailable` when too many wait already */
  async hash(password: Secret): Promise<string> {
    const salt = Buffer.from(this.#random.bytes(16));
    const hash = await this.#derive(password, { ...cost, salt });
    return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64'), hash.toString('base64')].join('$');
  }

  /** Takes as long for nobody's password (`hash` null) as for a wrong one. */
  async isRight(password: Secret, hash: string | null): Promise<boolean> {
    const [, n, r, p, salt = '', expected = ''] = (hash ?? nobodys).split('$');
    const found = await this.#derive(password, {
      N: Number(n),
      r: Number(r),
      p: Number(p),
      salt: Buffer.from(salt, 'base64'),
    });
    const wanted = Buffer.from(expected, 'base64');
    return wanted.length === found.length && timingSafeEqual(wanted, found) && hash !== null;
  }

  async #derive(
    password: Secret,
    { salt, ...costs }: { N: number; r: number; p: number; salt: Buffer },
  ): Promise<Buffer> {
    await this.#enter();
    try {
      // The same text typed on two keyboards may differ in its code points (NIST SP 800-63B §5.1.1.2).
      const text = password.reveal().normalize('NFKC');
      return await new Promise((resolve, reject) => {
        scrypt(text, salt, hashBytes, { ...costs, maxmem: 64 * 1024 * 1024 }, (error, key) =>
          error ? reject(error) : resolve(key),
        );
      });
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running >= atOnceMax) {
      if (this.#waiting.length >= waitingMax) {
        throw new TouchlineError({
          code: 'auth.unavailable',
          message: 'too many sign in at this moment: try again in a few seconds',
          retryable: true,
          blame: 'environment',
        });
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running += 1;
  }
}

/** A hash that no password has: its salt was never used. */
const nobodys = `scrypt$${cost.N}$${cost.r}$${cost.p}$${Buffer.alloc(16).toString('base64')}$${Buffer.alloc(hashBytes).toString('base64')}`;
