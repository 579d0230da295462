import { crc32 } from 'node:zlib';

/** As S3 writes it: four bytes, the highest first, in base64. */
export class Crc32 {
  #value = 0;

  add(bytes: Uint8Array): this {
    this.#value = crc32(bytes, this.#value);
    return this;
  }

  toString(): string {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#value);
    return bytes.toString('base64');
  }
}
