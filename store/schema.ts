/**
 * The catalogue's tables as Kysely sees them. One property a table, one interface a table below it; what a column
 * means stands beside the column in its migration.
 *
 *     export interface Tables {
 *       channel: ChannelTable;
 *     }
 *     interface ChannelTable {
 *       id: string;
 *       created_at_ms: number;               // int8 is read as a number (catalogue.ts)
 *       rules: JSONColumnType<Rules>;         // jsonb
 *       revision: Generated<number>;          // has a default
 *     }
 */
// eslint-disable-next-line typescript/no-empty-object-type -- the first migration brings the first table
export interface Tables {}
