import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import type { Config } from './config.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { Secret } from '../core/secret.ts';
import { ApiClient } from './api-client.ts';

/** What a running server leaves in its home, for commands that come after it. Readable by its user alone. */
const serverNote = z.object({
  url: z.string(),
  token: z.string(),
  rtmp: z.string(),
  pid: z.int(),
});

/** A server that listens on its own machine answers at once, or not at all. */
const aliveMsMax = 2_000;

/**
 * The server that commands talk to: `TOUCHLINE_URL`, else the one that left its note in the home and is alive.
 *
 * @throws TouchlineError `auth.no-token` when an address is given without a token
 */
export async function findServer(
  config: Pick<Config, 'home' | 'serverUrl' | 'serverToken'>,
): Promise<ApiClient | undefined> {
  const note = await readNote(config.home);
  if (config.serverUrl !== undefined) {
    const isOfNote = note?.url === config.serverUrl;
    const token = config.serverToken ?? (isOfNote ? new Secret(note.token) : undefined);
    if (token) return new ApiClient({ url: config.serverUrl, token });
    throw new TouchlineError({
      code: 'auth.no-token',
      message: `TOUCHLINE_URL is ${config.serverUrl}, but its token is not known: set TOUCHLINE_TOKEN`,
      retryable: false,
      blame: 'caller',
    });
  }
  if (!note || !(await isAlive(note.url))) return undefined;
  return new ApiClient({ url: note.url, token: config.serverToken ?? new Secret(note.token) });
}

/** @throws TouchlineError `server.unavailable` (exit code 7) when nothing runs */
export async function requireServer(config: Parameters<typeof findServer>[0]): Promise<ApiClient> {
  const server = await findServer(config);
  if (server) return server;
  throw new TouchlineError({
    code: 'server.unavailable',
    message: `no server runs in ${config.home}: start one with "touchline up", or set TOUCHLINE_URL and TOUCHLINE_TOKEN`,
    retryable: true,
    blame: 'environment',
  });
}

/** Written by a server once it listens. The returned function takes the note away again. */
export async function leaveNote(
  home: string,
  server: { url: string; token: Secret; rtmp: string },
): Promise<() => Promise<void>> {
  const path = notePath(home);
  const note = { url: server.url, token: server.token.reveal(), rtmp: server.rtmp, pid: process.pid };
  await writePrivately(path, `${JSON.stringify(note, null, 2)}\n`);
  return async () => {
    // Another server may have taken the home over since; its note stays.
    if ((await readNote(home))?.pid === process.pid) await rm(path, { force: true });
  };
}

/** The token of this home: drawn once, 160 bits, kept in a file that its user alone can read. */
export async function tokenOf(config: Pick<Config, 'home' | 'serverToken'>, random: Random): Promise<Secret> {
  return config.serverToken ?? (await keptIn(join(config.home, 'token'), random));
}

/** What seals the secrets of webhooks: as the token is kept, and apart from the database. */
export async function webhookKeyOf(
  config: Pick<Config, 'home' | 'webhookKey'>,
  random: Random,
): Promise<Secret> {
  return config.webhookKey ?? (await keptIn(join(config.home, 'webhook-key'), random));
}

async function keptIn(path: string, random: Random): Promise<Secret> {
  const known = await readFile(path, 'utf8').catch(() => '');
  if (known.trim().length >= 16) return new Secret(known.trim());
  const token = Buffer.from(random.bytes(20)).toString('base64url');
  await writePrivately(path, `${token}\n`);
  return new Secret(token);
}

async function readNote(home: string): Promise<z.infer<typeof serverNote> | undefined> {
  try {
    return serverNote.parse(JSON.parse(await readFile(notePath(home), 'utf8')));
  } catch {
    return undefined;
  }
}

async function isAlive(url: string): Promise<boolean> {
  const response = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(aliveMsMax) }).catch(
    () => undefined,
  );
  return response?.ok === true;
}

async function writePrivately(path: string, text: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, text, { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, path);
}

function notePath(home: string): string {
  return join(home, 'server.json');
}
