import { randomBytes } from 'node:crypto';

/** The only source of randomness in the house; tests hand in a seeded one. */
export interface Random {
  /** Uniform in [0, 1). */
  unit(): number;
  /** Cryptographically strong in production. */
  bytes(count: number): Uint8Array;
}

export const systemRandom: Random = {
  unit: () => Math.random(),
  bytes: (count) => new Uint8Array(randomBytes(count)),
};
