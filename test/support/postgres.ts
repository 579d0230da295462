import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';

import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../store/embedded-postgres.ts';
import { migrate } from '../../store/migrate.ts';
import { migrations } from '../../store/migrations.ts';

export interface TestPostgres {
  /** An empty database of one's own (10-30 ms). */
  emptyDatabase(): Promise<string>;
  /** A copy of a database that `prepare` has filled, which happens once for each such function. */
  preparedDatabase(prepare: (url: string) => Promise<unknown>): Promise<string>;
  /** One that is brought to the last migration. */
  migratedDatabase(): Promise<string>;
}

/**
 * A real server for the tests of one file (0.5-1 s), without fsync: a test does not outlive a power cut. Call it at
 * the top of the file; databases can be had from `beforeAll` on.
 */
export function usePostgres(): TestPostgres {
  let home: string;
  let server: EmbeddedPostgres;
  let count = 0;
  const templates = new Map<(url: string) => Promise<unknown>, Promise<string>>();

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'touchline-test-'));
    await chmod(home, 0o755); // The server of root runs as somebody else, who must be able to enter.
    server = await startEmbeddedPostgres({
      home,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
    });
  });
  afterAll(async () => {
    await server.stop();
    await rm(home, { recursive: true, force: true });
  });

  const create = async (template: string): Promise<string> => {
    const name = `test_${(count += 1)}`;
    const client = new pg.Client({ connectionString: server.databaseUrl.reveal() });
    await client.connect();
    await client.query(`create database ${name} template ${template} strategy file_copy`);
    await client.end();
    return name;
  };
  const urlOf = (name: string): string => server.databaseUrl.reveal().replace('@/touchline?', `@/${name}?`);
  const makeTemplate = async (prepare: (url: string) => Promise<unknown>): Promise<string> => {
    const name = await create('template0');
    await prepare(urlOf(name));
    return name;
  };
  const prepared = async (prepare: (url: string) => Promise<unknown>): Promise<string> => {
    const template = templates.get(prepare) ?? makeTemplate(prepare);
    templates.set(prepare, template);
    return urlOf(await create(await template));
  };
  return {
    emptyDatabase: async () => urlOf(await create('template0')),
    preparedDatabase: prepared,
    migratedDatabase: async () => await prepared(bringUpToDate),
  };
}

async function bringUpToDate(databaseUrl: string): Promise<void> {
  await migrate({ databaseUrl, migrations });
}
