import { readFileSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { join, resolve } from 'node:path';

import { z } from 'zod';

import { analyticsSettings } from '../analytics/analytics-settings.ts';
import { webhookSettings } from '../control/webhooks/webhook-settings.ts';
import { TouchlineError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { readSettings, type Setting, type SettingOrigin, type SettingsOf } from '../core/settings.ts';
import { ingestSettings } from '../ingest/ingest-settings.ts';
import { mediaLiveSettings } from '../ingest/medialive/medialive-settings.ts';
import { queueSettings } from '../queue/queue-settings.ts';
import { checkScaling, scalingSettings } from '../scaling/scaling-settings.ts';
import { storePlaceText, type StorePlace } from '../store/store-place.ts';
import { storeSettings } from '../store/store-settings.ts';
import { webSettings } from '../web/web-settings.ts';
import { workerSettings } from '../worker/worker-settings.ts';

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

const settings = {
  /** Absolute. Holds everything that is written. */
  home: {
    env: 'TOUCHLINE_HOME',
    path: 'home',
    schema: z.string().optional(),
    resolve: (text: string, folder: string): string => resolve(folder, text),
  },
  logLevel: {
    env: 'TOUCHLINE_LOG',
    path: 'log',
    schema: z.enum(logLevels, `must be one of ${logLevels.join(', ')}`).default('info'),
  },
  /** The server that commands talk to; undefined = the one in the home, when it is alive. */
  serverUrl: {
    env: 'TOUCHLINE_URL',
    path: 'server.url',
    schema: z
      .string()
      .refine(
        (text) => /^https?:\/\//.test(text) && URL.canParse(text),
        'must be an http:// or https:// address',
      )
      .transform((text) => text.replace(/\/+$/, ''))
      .optional(),
  },
  serverToken: {
    env: 'TOUCHLINE_TOKEN',
    path: 'server.token',
    isSecret: true,
    schema: z
      .string()
      .min(16, 'must be the token that the server wrote when it started')
      .transform((text) => new Secret(text))
      .optional(),
  },
  ...webSettings,
  ...ingestSettings,
  ...mediaLiveSettings,
  ...analyticsSettings,
  ...workerSettings,
  ...storeSettings,
  ...queueSettings,
  ...scalingSettings,
  ...webhookSettings,
} satisfies Record<string, Setting>;

/** Every setting, resolved. Read once at the start by a command, handed down in parts. */
export type Config = Omit<
  SettingsOf<typeof settings>,
  'home' | 'rtmpHost' | 'store' | 'workerCount' | 'instanceId'
> & {
  home: string;
  rtmpHost: string;
  store: StorePlace;
  /** Undefined: as many as there is work for, up to one for each core. */
  workerCount: number | undefined;
  coreCount: number;
  instanceId: string;
  /** LD_LIBRARY_PATH, for models on CUDA. */
  libraryPath: string | undefined;
  /** For `touchline config show`, and for children. */
  given: { origins: SettingOrigin[]; env: Record<string, Secret>; file: string | undefined };
};

/**
 * The environment, then `touchline.yaml` in the working folder (or the file that `TOUCHLINE_CONFIG` names; `none` for no file),
 * then defaults.
 *
 * @throws TouchlineError `config.invalid` naming every problem at once, never a secret's value
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>, cwd: string): Config {
  const file = readConfigFile(env['TOUCHLINE_CONFIG'], cwd);
  const { values, origins, env: given } = readSettings(settings, { env, cwd, file });
  checkScaling(values);
  const home = values.home ?? join(cwd, '.touchline');
  return {
    ...values,
    home,
    rtmpHost: values.rtmpHost ?? values.httpHost,
    store: values.store ?? { kind: 'folder', folder: join(home, 'store') },
    // The SDK would find the one for all services by itself, but not that the bucket has to be in the path.
    s3Endpoint: values.s3Endpoint ?? (env['AWS_ENDPOINT_URL'] || undefined),
    workerCount: values.workerCount,
    coreCount: availableParallelism(),
    instanceId: values.instanceId ?? hostname(),
    libraryPath: env['LD_LIBRARY_PATH'],
    given: { origins, env: { ...passedOn(env), ...given }, file: file?.path },
  };
}

/** What libraries read by themselves: the AWS SDK its credentials, region and endpoints. */
function passedOn(env: Readonly<Record<string, string | undefined>>): Record<string, Secret> {
  const names = Object.keys(env).filter((name) => name.startsWith('AWS_'));
  return Object.fromEntries(names.map((name) => [name, new Secret(env[name] ?? '')]));
}

/** For a child process of ours that has to come to the same settings: absolute, and secrets revealed. */
export function environmentOf(config: Config): Record<string, string> {
  const given = Object.entries(config.given.env).map(([name, value]) => [name, value.reveal()] as const);
  return {
    ...Object.fromEntries(given),
    TOUCHLINE_CONFIG: 'none',
    // A command whose own lines matter more keeps it lower than what was given.
    TOUCHLINE_LOG: config.logLevel,
    TOUCHLINE_HOME: config.home,
    TOUCHLINE_STORE: storePlaceText(config.store),
    TOUCHLINE_INSTANCE_ID: config.instanceId,
    // It may have been found after the settings were read: the embedded one.
    ...(config.databaseUrl ? { DATABASE_URL: config.databaseUrl.reveal() } : {}),
  };
}

/** For a command whose own lines are what people came for: the log keeps to what goes wrong, unless a level was asked for. */
export function keptQuiet(config: Config): Config {
  const wished = config.given.origins.find(({ env }) => env === 'TOUCHLINE_LOG');
  return wished?.origin === 'default' ? { ...config, logLevel: 'warn' } : config;
}

/** Settings fill a page; what is larger is another file. */
const fileBytesMax = 64 * 1024;

function readConfigFile(wanted: string | undefined, cwd: string): { path: string; text: string } | undefined {
  if (wanted === 'none') return undefined;
  const path = wanted ? resolve(cwd, wanted) : join(cwd, 'touchline.yaml');
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    if (!wanted && code === 'ENOENT') return undefined;
    throw unreadable(path, `it cannot be read (${code})`, cause);
  }
  if (bytes.length <= fileBytesMax) return { path, text: bytes.toString('utf8') };
  throw unreadable(path, `it has ${bytes.length} bytes, settings have at most ${fileBytesMax}`);
}

function unreadable(path: string, why: string, cause?: unknown): TouchlineError {
  return new TouchlineError({
    code: 'config.invalid',
    message: `${path} is not taken as the settings: ${why}. Mend it, or name another in TOUCHLINE_CONFIG.`,
    retryable: false,
    blame: 'caller',
    cause,
  });
}
