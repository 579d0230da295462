import { availableParallelism, hostname } from 'node:os';
import { join, resolve } from 'node:path';

import { z } from 'zod';

import { TouchlineError } from './errors.ts';
import type { LogLevel } from './log.ts';
import { Secret } from './secret.ts';

/** Every setting, resolved. Read once at the start by `cli/`, handed down in parts. */
export interface Config {
  /** Absolute. Holds everything that is written. */
  home: string;
  httpHost: string;
  /** 0 = any free port. */
  httpPort: number;
  /** Names, beside addresses and localhost, under which browsers may ask. */
  httpHostsAllowed: string[];
  rtmpHost: string;
  rtmpPort: number;
  /** Absolute folder of the object store. */
  storeFolder: string;
  /** The queue library runs on the catalogue's own PostgreSQL. */
  queueEngine: 'postgres';
  /** Undefined = the embedded PostgreSQL in `home`. */
  databaseUrl: Secret | undefined;
  workerCount: number;
  logLevel: LogLevel;
  /** Absolute folders with further model manifests. */
  modelFolders: string[];
  segmentMs: number;
  /** The server that commands talk to; undefined = the one in `home`, when it is alive. */
  serverUrl: string | undefined;
  serverToken: Secret | undefined;
  /** Which machine this is, in every job. */
  instanceId: string;
}

/** @throws TouchlineError `config.invalid` naming every problem at once, never a secret's value */
export function readConfig(env: Readonly<Record<string, string | undefined>>, cwd: string): Config {
  // Unset and empty are the same thing: `TOUCHLINE_STORE= touchline up` is how a shell unsets for one command.
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = settings.safeParse(given);
  if (!parsed.success) throw invalid(parsed.error, given);
  const value = parsed.data;
  const home = resolve(cwd, value.TOUCHLINE_HOME);
  return {
    home,
    httpHost: value.TOUCHLINE_HTTP_HOST,
    httpPort: value.TOUCHLINE_HTTP_PORT,
    httpHostsAllowed: value.TOUCHLINE_HTTP_HOSTS,
    rtmpHost: value.TOUCHLINE_RTMP_HOST ?? value.TOUCHLINE_HTTP_HOST,
    rtmpPort: value.TOUCHLINE_RTMP_PORT,
    storeFolder:
      value.TOUCHLINE_STORE === undefined ? join(home, 'store') : resolve(cwd, value.TOUCHLINE_STORE),
    queueEngine: value.TOUCHLINE_QUEUE,
    databaseUrl: value.DATABASE_URL === undefined ? undefined : new Secret(value.DATABASE_URL),
    workerCount: value.TOUCHLINE_WORKERS ?? availableParallelism(),
    logLevel: value.TOUCHLINE_LOG,
    modelFolders: value.TOUCHLINE_MODELS.map((folder) => resolve(cwd, folder)),
    segmentMs: value.TOUCHLINE_SEGMENT_MS,
    serverUrl: value.TOUCHLINE_URL,
    serverToken: value.TOUCHLINE_TOKEN === undefined ? undefined : new Secret(value.TOUCHLINE_TOKEN),
    instanceId: value.TOUCHLINE_INSTANCE_ID ?? hostname(),
  };
}

/** For a child process of ours that has to come to the same settings: absolute, and secrets revealed. */
export function environmentOf(config: Config): Record<string, string> {
  return {
    TOUCHLINE_HOME: config.home,
    TOUCHLINE_STORE: config.storeFolder,
    TOUCHLINE_QUEUE: config.queueEngine,
    TOUCHLINE_LOG: config.logLevel,
    TOUCHLINE_INSTANCE_ID: config.instanceId,
    ...(config.modelFolders.length > 0 ? { TOUCHLINE_MODELS: config.modelFolders.join(':') } : {}),
    ...(config.databaseUrl ? { DATABASE_URL: config.databaseUrl.reveal() } : {}),
  };
}

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
const secretNames = new Set(['DATABASE_URL', 'TOUCHLINE_TOKEN']);

function wholeNumber(range: { min: number; max: number; why: string }) {
  const message = `must be a whole number from ${range.min} to ${range.max}: ${range.why}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= range.min && value <= range.max, message);
}

const port = wholeNumber({ min: 0, max: 65_535, why: 'a TCP port, 0 for any free one' });
const list = (separator: string) =>
  z
    .string()
    .default('')
    .transform((text) => text.split(separator).flatMap((part) => (part.trim() === '' ? [] : [part.trim()])));

const settings = z.object({
  TOUCHLINE_HOME: z.string().default('.touchline'),
  TOUCHLINE_HTTP_HOST: z.string().default('127.0.0.1'),
  TOUCHLINE_HTTP_PORT: port.default(8080),
  TOUCHLINE_HTTP_HOSTS: list(','),
  TOUCHLINE_RTMP_HOST: z.string().optional(),
  TOUCHLINE_RTMP_PORT: port.default(1935),
  TOUCHLINE_STORE: z
    .string()
    .transform((text) => text.replace(/^(file|fs):(\/\/)?/, ''))
    .refine(
      (text) => !/^[a-z][a-z0-9+.-]+:/.test(text),
      'must be a folder: this version keeps objects in one',
    )
    .optional(),
  TOUCHLINE_QUEUE: z
    .literal('postgres', 'must be "postgres": this version queues on the PostgreSQL of the catalogue')
    .default('postgres'),
  DATABASE_URL: z
    .string()
    // No stricter: a unix socket is written without a host, which WHATWG URLs do not allow.
    .regex(/^postgres(ql)?:\/\/\S+$/, 'must look like postgres://user:password@host:5432/database')
    .optional(),
  // Each worker keeps the models in memory, about 0.4 GB: 64 of them want a machine of that size.
  TOUCHLINE_WORKERS: wholeNumber({ min: 0, max: 64, why: 'worker processes on this machine' }).optional(),
  TOUCHLINE_LOG: z.enum(logLevels, `must be one of ${logLevels.join(', ')}`).default('info'),
  TOUCHLINE_MODELS: list(':'),
  TOUCHLINE_SEGMENT_MS: wholeNumber({
    min: 2000,
    max: 6000,
    why: 'shorter ones outrun the analysis',
  }).default(4000),
  TOUCHLINE_URL: z
    .string()
    .refine(
      (text) => /^https?:\/\//.test(text) && URL.canParse(text),
      'must be an http:// or https:// address',
    )
    .transform((text) => text.replace(/\/+$/, ''))
    .optional(),
  TOUCHLINE_TOKEN: z.string().min(16, 'must be the token that the server wrote when it started').optional(),
  TOUCHLINE_INSTANCE_ID: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/, 'must be 1 to 100 letters, digits, dots, dashes or underscores')
    .optional(),
});

function invalid(error: z.ZodError, given: Record<string, unknown>): TouchlineError {
  const lines = error.issues.map((issue) => {
    const name = String(issue.path[0] ?? '');
    const got = secretNames.has(name) ? 'a value that is not shown' : JSON.stringify(given[name]);
    return `${name} ${issue.message} (got ${got})`;
  });
  return new TouchlineError({
    code: 'config.invalid',
    message:
      lines.length === 1 ? `${lines[0]}` : `${lines.length} settings are wrong:\n  ${lines.join('\n  ')}`,
    retryable: false,
    blame: 'caller',
  });
}
