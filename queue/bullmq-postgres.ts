import {
  createPostgresBackend,
  runMigrations,
  SchemaVersionMismatchError,
  withBackend,
  type PgPool,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
} from 'bullmq';
import pg from 'pg';

import { TouchlineError } from '../core/errors.ts';
import type { BullmqEngine } from './bullmq-queue.ts';
import type { TroubleLog } from './trouble-log.ts';

/** BullMQ keeps its tables here, so that they stay apart from the catalogue's in the same database. */
const schema = 'bullmq';
/**
 * Two for queries, and one LISTEN for each kind of job that is consumed. One pool for all: with BullMQ's default of
 * ten and one more for each Worker and Queue object, a dozen workers would exhaust PostgreSQL's 100.
 */
const connectionsMax = 2 + 3;
const connectMsMax = 10_000;
const statementMsMax = 30_000;

/**
 * BullMQ on PostgreSQL, its tables made or brought up to date.
 *
 * @throws TouchlineError `queue.unavailable`, `queue.newer-schema`
 */
export async function connectPostgres(options: {
  url: string;
  trouble: TroubleLog;
}): Promise<BullmqEngine<PostgresQueueBackend, PostgresConnectionOptions>> {
  await bringUpToDate(options.url);
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: 'touchline-queue',
    max: connectionsMax,
    connectionTimeoutMillis: connectMsMax,
    statement_timeout: statementMsMax,
    // The server ends the statement; this ends our waiting when the server itself is gone.
    query_timeout: statementMsMax + 5_000,
    keepAlive: true,
    // BullMQ's statements name no schema; with a pool of ours it leaves this to us.
    options: `-c search_path=${schema}`,
  });
  // `end` resolves before the server has seen the last goodbye: what breaks from then on is no trouble.
  pool.on('error', (error) => {
    if (!pool.ending) options.trouble.report(error);
  });
  pool.on('connect', (client) => client.on('error', () => {}));
  const connection = pool as unknown as PgPool; // Its own narrower picture of a pool.
  return {
    name: 'bullmq-postgres',
    // The pool brings `pg` along, so BullMQ need not `require` it (its ES modules could not).
    classes: withBackend(createPostgresBackend),
    connection,
    workerConnection: connection,
    idPrefix: '',
    serverTimeMs: async () => {
      const { rows } = await pool.query<{ ms: number }>(
        'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
      );
      return rows[0]?.ms ?? Number.NaN;
    },
    // Each lock is dated by the clock of the machine that takes it, and judged by the clock of the one that checks.
    locksUseOurClock: true,
    close: async () => await pool.end(),
  };
}

/** BullMQ takes an advisory lock for this, so any number of processes may start at once. */
async function bringUpToDate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectMsMax });
  client.on('error', () => {});
  try {
    await client.connect();
    await runMigrations(client, schema);
  } catch (cause) {
    if (cause instanceof SchemaVersionMismatchError) {
      throw new TouchlineError({
        code: 'queue.newer-schema',
        message: `the queue's tables were made by a newer touchline (${cause.message}): update this one.`,
        retryable: false,
        blame: 'environment',
        cause,
      });
    }
    throw new TouchlineError({
      code: 'queue.unavailable',
      message: `the queue's PostgreSQL does not answer (${(cause as Error).message}): check that it runs and TOUCHLINE_QUEUE is right.`,
      retryable: true,
      blame: 'environment',
      cause,
    });
  } finally {
    await client.end().catch(() => {});
  }
}
