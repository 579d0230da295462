import { sql, type Kysely } from 'kysely';

import { TouchlineError } from '../core/errors.ts';
import { silentLog, type Log } from '../core/log.ts';
import { openCatalogue } from './catalogue.ts';

/** One step forward. There is no way back: restore a backup instead. */
export interface Migration {
  /** `0001-what-it-brings`; sorts in the order of application. */
  id: string;
  up(db: Kysely<unknown>): Promise<void>;
}

/** Any number that no other program on the same database takes: the letters `TCHL`. */
const advisoryLock = 0x54_43_48_4c;
/** A neighbour that rewrites a large table may take minutes; after this long somebody should look. */
const stepMsMax = 600_000;

/**
 * Brings the database to the last of `migrations`, one transaction a step, and returns the steps that were taken.
 * Several processes may start at once: the others wait and then find nothing to do.
 *
 * @throws TouchlineError `catalogue.newer-schema` when the database knows steps that this program does not
 */
export async function migrate(options: {
  databaseUrl: string;
  migrations: readonly Migration[];
  log?: Log;
}): Promise<string[]> {
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
      return await applyDue(db as unknown as Kysely<Ledger>, options.migrations, log);
    });
  } finally {
    await catalogue.close();
  }
}

async function applyDue(db: Kysely<Ledger>, known: readonly Migration[], log: Log): Promise<string[]> {
  const done = await appliedIds(db);
  assertNotNewer(done, known);
  const due = known.filter((migration) => !done.includes(migration.id));
  for (const migration of due) {
    await db.transaction().execute(async (step) => {
      await migration.up(step as unknown as Kysely<unknown>);
      await step.insertInto('touchline_migration').values({ id: migration.id }).execute();
    });
    log.info('migration applied', { migration: migration.id });
  }
  return due.map((migration) => migration.id);
}

interface Ledger {
  touchline_migration: { id: string };
}

async function appliedIds(db: Kysely<Ledger>): Promise<string[]> {
  await sql`create table if not exists touchline_migration (
    id text primary key,
    applied_at timestamptz not null default now()
  )`.execute(db);
  const rows = await db.selectFrom('touchline_migration').select('id').orderBy('id').execute();
  return rows.map((row) => row.id);
}

function assertNotNewer(done: readonly string[], known: readonly Migration[]): void {
  const unknown = done.filter((id) => !known.some((migration) => migration.id === id));
  if (unknown.length === 0) return;
  throw new TouchlineError({
    code: 'catalogue.newer-schema',
    message:
      `the database was migrated by a newer touchline: it has ${unknown.join(', ')}, ` +
      `this program ends at ${known.at(-1)?.id ?? 'nothing'}. Update touchline, or restore a backup from before.`,
    retryable: false,
    blame: 'environment',
  });
}
