import type { Kysely } from 'kysely';

import type { Tables } from '../store/schema.ts';

/** What one driver keeps in the catalogue, without our knowing what it means. Every write names the version that was read. */
export class DriverRecords {
  readonly #db: Kysely<Tables>;
  readonly #driver: string;

  constructor(options: { db: Kysely<Tables>; driver: string }) {
    this.#db = options.db;
    this.#driver = options.driver;
  }

  async list(): Promise<{ channelId: string; record: unknown; version: number }[]> {
    const rows = await this.#db
      .selectFrom('driver_records')
      .select(['channel_id', 'record', 'version'])
      .where('driver', '=', this.#driver)
      .orderBy('channel_id')
      .execute();
    return rows.map(({ channel_id: channelId, record, version }) => ({ channelId, record, version }));
  }

  /** @param version the one that was read; 0 for a new one. @returns false when somebody else was faster */
  async save(channelId: string, record: unknown, version: number): Promise<boolean> {
    const text = JSON.stringify(record);
    if (version === 0) {
      const { numInsertedOrUpdatedRows } = await this.#db
        .insertInto('driver_records')
        .values({ driver: this.#driver, channel_id: channelId, version: 1, record: text })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    }
    const { numUpdatedRows } = await this.#db
      .updateTable('driver_records')
      .set({ record: text, version: version + 1 })
      .where('driver', '=', this.#driver)
      .where('channel_id', '=', channelId)
      .where('version', '=', version)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  async remove(channelId: string, version: number): Promise<boolean> {
    const { numDeletedRows } = await this.#db
      .deleteFrom('driver_records')
      .where('driver', '=', this.#driver)
      .where('channel_id', '=', channelId)
      .where('version', '=', version)
      .executeTakeFirst();
    return numDeletedRows === 1n;
  }
}
