import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';

import { TouchlineError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';

const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Keeps what has to be read again, unlike a password: sealed with AES-256-GCM under a key that the database has not, so that a
 * copy of the database signs nothing. Each is bound to the id of its owner and cannot be moved to another row.
 */
export class SecretBox {
  readonly #key: Buffer;
  readonly #random: Random;

  /** `key`: any text of 128 bits or more. */
  constructor(options: { key: Secret; random: Random }) {
    this.#key = createHash('sha256').update(`touchline webhook secrets ${options.key.reveal()}`).digest();
    this.#random = options.random;
  }

  seal(secret: Secret, owner: string): Buffer {
    // 96 random bits repeat after some 2^32 secrets; there are dozens.
    const nonce = this.#random.bytes(nonceBytes);
    const sealing = createCipheriv(cipher, this.#key, nonce).setAAD(Buffer.from(owner));
    const text = Buffer.concat([sealing.update(secret.reveal(), 'utf8'), sealing.final()]);
    return Buffer.concat([nonce, sealing.getAuthTag(), text]);
  }

  /** @throws TouchlineError `webhook.sealed` when it was sealed with another key */
  open(sealed: Buffer, owner: string): Secret {
    const nonce = sealed.subarray(0, nonceBytes);
    const tag = sealed.subarray(nonceBytes, nonceBytes + tagBytes);
    try {
      const opening = createDecipheriv(cipher, this.#key, nonce, { authTagLength: tagBytes });
      opening.setAAD(Buffer.from(owner)).setAuthTag(tag);
      const text = Buffer.concat([opening.update(sealed.subarray(nonceBytes + tagBytes)), opening.final()]);
      return new Secret(text.toString('utf8'));
    } catch (cause) {
      throw new TouchlineError({
        code: 'webhook.sealed',
        message:
          'the secret was sealed with another key than the one this server has: bring back the file "webhook-key" of its home (or TOUCHLINE_WEBHOOK_KEY), or rotate the secret',
        retryable: false,
        blame: 'environment',
        cause,
      });
    }
  }
}
