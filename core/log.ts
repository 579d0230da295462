import pino from 'pino';

import { TouchlineError } from './errors.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
type Fields = Record<string, unknown>;

/** One JSON event a line. `message` is the name of the event; everything that varies is a field. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A log whose every line carries `fields` as well: a component passes its own down. */
  child(fields: Fields): Log;
}

/** Writes to `fd` (2 = stderr by default: stdout belongs to the data a command prints). */
export function createLog(options: { level: LogLevel; fd?: number }): Log {
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
    },
    pino.destination({ fd: options.fd ?? 2, sync: true }),
  );
  return wrap(logger, {});
}

export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};

/**
 * Whether the `nth` time in a row, from 1, that something goes wrong is told: 1, 2, 4, 8... What is away for an hour makes a dozen
 * lines, not thousands.
 */
export function isWorthALine(nth: number): boolean {
  return Number.isInteger(Math.log2(nth));
}

/**
 * A field of a line stands above the same field of its log: pino's own children write both, and a reader of JSON takes
 * whichever it likes. A `part` inside a part is named with the way to it: `worker.analyst`.
 */
function wrap(logger: pino.Logger, own: Fields): Log {
  return {
    debug: (message, fields) => logger.debug({ ...own, ...fields }, message),
    info: (message, fields) => logger.info({ ...own, ...fields }, message),
    warn: (message, fields) => logger.warn({ ...own, ...fields }, message),
    error: (message, fields) => logger.error({ ...own, ...fields }, message),
    child: (fields) => {
      const path = [own['part'], fields['part']].filter((part) => typeof part === 'string');
      return wrap(logger, { ...own, ...fields, ...(path.length > 0 ? { part: path.join('.') } : {}) });
    },
  };
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? { code: error.code } : {};
  // Where in our code the world's fault was noticed helps nobody: the message says what to do about it.
  const isOfTheWorld = error instanceof TouchlineError && error.blame !== 'touchline';
  return {
    ...code,
    message: error.message,
    ...(isOfTheWorld ? { blame: error.blame } : { stack: error.stack }),
    ...(error.cause ? { cause: describeError(error.cause) } : {}),
  };
}
