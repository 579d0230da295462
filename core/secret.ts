import { inspect } from 'node:util';

const hidden = '***';

/** A value that prints as `***` wherever it is logged, serialised or put into a message. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it at the door where it is used, and keep the result out of variables that live on. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }

  [inspect.custom](): string {
    return hidden;
  }
}
