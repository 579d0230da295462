import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';

import { TouchlineError } from '../core/errors.ts';
import { silentLog, type Log } from '../core/log.ts';
import type { Tables } from './schema.ts';

/** The facts about channels, runs, segments, moments and clips, in PostgreSQL 14 or later. */
export interface Catalogue {
  db: Kysely<Tables>;
  /** @throws TouchlineError `catalogue.unavailable` */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The catalogue answers in milliseconds; a statement this old holds locks that others wait for. */
const statementMsMaxDefault = 15_000;
const connectMsMax = 5_000;
/** A transaction that waits for our own code this long has been forgotten. */
const idleInTransactionMsMax = 30_000;
/** PostgreSQL 14 is the oldest that still gets security fixes. */
const versionMin = 14;

/** int8 comes as text because it may pass 2^53; our counts and milliseconds never do. */
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * Connects, and says at once when that cannot work.
 *
 * @throws TouchlineError `catalogue.unavailable`, `catalogue.too-old`
 */
export async function openCatalogue(options: {
  databaseUrl: string;
  /** Shown in `pg_stat_activity`. */
  applicationName?: string;
  /** Connections at the most; 8 serve one control process, and ten such stay below the default limit of 100. */
  poolMax?: number;
  /** How long one statement may take; 15 s unless told otherwise. */
  statementMsMax?: number;
  log?: Log;
}): Promise<Catalogue> {
  const log = options.log ?? silentLog;
  const statementMsMax = options.statementMsMax ?? statementMsMaxDefault;
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.applicationName ?? 'touchline',
    max: options.poolMax ?? 8,
    connectionTimeoutMillis: connectMsMax,
    idleTimeoutMillis: 30_000,
    statement_timeout: statementMsMax,
    // The server ends the statement; this ends our waiting when the server itself is gone.
    query_timeout: statementMsMax + 5_000,
    idle_in_transaction_session_timeout: idleInTransactionMsMax,
    keepAlive: true,
    types,
  });
  // A connection that breaks is replaced by the pool; without a listener it would end the process. The pool listens
  // while a connection is idle, and nobody does in the moment between its being taken and its first statement.
  // `end` resolves before the server has seen the last goodbye: what breaks from then on is not news.
  pool.on('error', (error) => {
    if (!pool.ending) log.warn('catalogue connection lost', { error });
  });
  pool.on('connect', (client) => client.on('error', () => {}));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });

  try {
    await assertVersion(db);
  } catch (thrown) {
    await db.destroy();
    throw thrown instanceof TouchlineError ? thrown : unavailable(thrown);
  }
  return {
    db,
    ping: async () => {
      await sql`select 1`.execute(db).catch((thrown: unknown) => {
        throw unavailable(thrown);
      });
    },
    close: async () => await db.destroy(),
  };
}

async function assertVersion(db: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ number: number; text: string }>`
    select current_setting('server_version_num')::int as number, current_setting('server_version') as text
  `.execute(db);
  const major = Math.floor((rows[0]?.number ?? 0) / 10_000);
  if (major >= versionMin) return;
  throw new TouchlineError({
    code: 'catalogue.too-old',
    message: `PostgreSQL must be ${versionMin} or later (the server says ${rows[0]?.text}): upgrade it, or leave DATABASE_URL unset to use the embedded one.`,
    retryable: false,
    blame: 'environment',
  });
}

function unavailable(cause: unknown): TouchlineError {
  // The address holds a password, so the message names the setting and not its value.
  const why = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new TouchlineError({
    code: 'catalogue.unavailable',
    message: `PostgreSQL does not answer (${why}): check that it runs and that DATABASE_URL is right.`,
    retryable: true,
    blame: 'environment',
    cause,
  });
}
