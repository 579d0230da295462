/** Who has to act: the contributor's feed, the caller's input, the operator's machine, or us. */
export type Blame = 'input' | 'caller' | 'environment' | 'touchline';

export interface TouchlineErrorFields {
  /** Stable and dotted, `<folder>.<what>`: `store.full`, `segment.corrupt`. The only part that code looks at. */
  code: string;
  /** What happened, the value, and what would be right. */
  message: string;
  /** True when the same call may go through later without anybody changing anything. */
  retryable: boolean;
  blame: Blame;
  cause?: unknown;
}

/** Everything the world may do to us. A broken promise inside our own code is an `assert` instead. */
export class TouchlineError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly blame: Blame;

  constructor(fields: TouchlineErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'TouchlineError';
    this.code = fields.code;
    this.retryable = fields.retryable;
    this.blame = fields.blame;
  }
}

/** The same error for anything that was thrown: what is not ours becomes a retryable `unknown` of ours. */
export function asTouchlineError(thrown: unknown): TouchlineError {
  if (thrown instanceof TouchlineError) return thrown;
  return new TouchlineError({
    code: 'unknown',
    message: thrown instanceof Error ? thrown.message : String(thrown),
    retryable: true,
    blame: 'touchline',
    cause: thrown,
  });
}

/** Ends a switch over a union: a new state fails to compile. */
export function unreachable(value: never): never {
  throw new Error(`a case is missing for ${JSON.stringify(value)}`);
}
