import { readConfig } from '../core/config.ts';
import type { ApiClient } from './api-client.ts';
import type { CliIo } from './cli-io.ts';
import { requireServer } from './connect.ts';

/** Runs a short command against the server of this home. */
export async function withServer<T>(io: CliIo, use: (api: ApiClient) => Promise<T>): Promise<T> {
  return await use(await requireServer(readConfig(io.env, io.cwd)));
}
