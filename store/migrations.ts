import type { Migration } from './migrate.ts';

/**
 * Every step from an empty database to today's, in order. Only ever add at the end: a step that has left this machine
 * is never edited, because it will not run again where it ran already. Make a step safe for the version before it too
 * (add, fill, and only two versions later drop), so that a rolling update works.
 *
 *     {
 *       id: '0001-channels',
 *       up: async (db) => {
 *         await db.schema
 *           .createTable('channel')
 *           .addColumn('id', 'text', (column) => column.primaryKey())
 *           .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
 *           .execute();
 *         // or, where SQL says it better: await sql`create index ... where state = 'live'`.execute(db);
 *       },
 *     },
 */
export const migrations: readonly Migration[] = [];
