import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A bounded folder on the local disk for finished segments that the store does not take. Nothing in it outlives the
 * process: what the store has not acknowledged was promised to nobody.
 */
export class SpillFolder {
  readonly #folder: string;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(options: { folder: string; bytesMax: number }) {
    this.#folder = options.folder;
    this.#bytesMax = options.bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async clear(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true });
  }

  /** @returns false when there is no room, here or on the disk */
  async write(name: string, bytes: Uint8Array): Promise<boolean> {
    if (this.#bytes + bytes.length > this.#bytesMax) return false;
    this.#bytes += bytes.length;
    try {
      await writeFile(this.pathOf(name), bytes);
      return true;
    } catch {
      this.#bytes -= bytes.length;
      await rm(this.pathOf(name), { force: true }).catch(() => {});
      return false;
    }
  }

  pathOf(name: string): string {
    return join(this.#folder, name);
  }

  async read(name: string): Promise<Uint8Array> {
    return await readFile(this.pathOf(name));
  }

  async remove(name: string, bytes: number): Promise<void> {
    this.#bytes -= bytes;
    await rm(this.pathOf(name), { force: true }).catch(() => {});
  }
}
