import { sql, type Kysely } from 'kysely';

import { TouchlineError } from '../core/errors.ts';
import { silentLog, type Log } from '../core/log.ts';
import { openCatalogue } from './catalogue.ts';
import type { Migration } from './migrations.ts';
import type { Tables } from './schema.ts';

/** Any number that no other program on the same database takes: the letters `TCHL`. */
const advisoryLock = 0x54_43_48_4c;
/** A neighbour that rewrites a large table may take minutes; after this long somebody should look. */
const stepMsMax = 600_000;

/**
 * Brings the database to the last of `migrations`, one transaction a step, and returns the versions that were applied.
 * Several processes may start at once: the others wait and then find nothing to do.
 *
 * @throws TouchlineError `catalogue.newer-schema` when the database knows steps that this program does not
 */
export async function migrate(options: {
  databaseUrl: string;
  migrations: readonly Migration[];
  log?: Log;
}): Promise<number[]> {
  const log = options.log ?? silentLog;
  const catalogue = await openCatalogue({
    databaseUrl: options.databaseUrl,
    applicationName: 'touchline-migrate',
    poolMax: 1,
    statementMsMax: stepMsMax,
    log,
  });
  try {
    return await catalogue.db.connection().execute(async (db) => {
      // Belongs to the connection, so it is gone with it, however this ends.
      await sql`select pg_advisory_lock(${advisoryLock})`.execute(db);
      return await applyDue(db, options.migrations, log);
    });
  } finally {
    await catalogue.close();
  }
}

async function applyDue(db: Kysely<Tables>, known: readonly Migration[], log: Log): Promise<number[]> {
  const done = await appliedVersions(db);
  assertNotNewer(done, known);
  const due = known.filter((migration) => !done.includes(migration.version));
  for (const { version, name, sql: text } of due) {
    await db.transaction().execute(async (step) => {
      await sql.raw(text).execute(step);
      await sql`insert into touchline_migration (version, name) values (${version}, ${name})`.execute(step);
    });
    log.info('migration applied', { version, name });
  }
  return due.map((migration) => migration.version);
}

async function appliedVersions(db: Kysely<Tables>): Promise<number[]> {
  await sql`create table if not exists touchline_migration (
    version integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
  )`.execute(db);
  const { rows } = await sql<{ version: number }>`select version from touchline_migration order by 1`.execute(
    db,
  );
  return rows.map((row) => row.version);
}

function assertNotNewer(done: readonly number[], known: readonly Migration[]): void {
  const unknown = done.filter((version) => !known.some((migration) => migration.version === version));
  if (unknown.length === 0) return;
  throw new TouchlineError({
    code: 'catalogue.newer-schema',
    message:
      `the database was migrated by a newer touchline: its schema is at ${unknown.at(-1)}, ` +
      `this program ends at ${known.at(-1)?.version ?? 0}. Update touchline, or restore a backup from before.`,
    retryable: false,
    blame: 'environment',
  });
}
