import type { Kysely } from 'kysely';

import { digestId } from '../../core/ids.ts';
import type { Tables } from '../../store/schema.ts';
import { eventOf, lastEventId } from '../event-log.ts';
import type { DeskEvent } from '../match-desk.ts';
import { bodyOf, sourceKinds } from './event-types.ts';

/** Of a few hundred bytes each. */
const batchMax = 500;

/**
 * Turns what happened since the last time into deliveries, and notes how far it came, in one transaction: whatever ends the
 * process, no event is passed over. The id of a delivery follows from its event and its webhook, so none is made twice.
 *
 * @returns whether there may be more
 */
export async function fanOut(db: Kysely<Tables>, nowMs: number): Promise<boolean> {
  return await db.transaction().execute(async (db) => {
    const { event_id: afterId } = await db
      .selectFrom('webhook_cursor')
      .select('event_id')
      .forUpdate()
      .executeTakeFirstOrThrow();
    // Read before the webhooks are: one that is made in between begins behind it.
    const lastId = await lastEventId(db);
    if (lastId <= afterId) return false;
    const webhooks = await db
      .selectFrom('webhooks')
      .select(['id', 'event_types', 'after_event_id'])
      .where('is_enabled', '=', true)
      .execute();
    const events = webhooks.length === 0 ? [] : await readEvents(db, afterId, lastId);
    const deliveries = events.flatMap((event) => {
      const told = bodyOf(event);
      if (!told) return [];
      const takers = webhooks.filter(
        ({ event_types: types, after_event_id: after }) => event.id > after && types.includes(told.type),
      );
      return takers.map(({ id }) => ({
        id: `msg_${digestId(`${id}/${event.id}`)}`,
        webhook_id: id,
        ...told,
        state: 'waiting' as const,
        next_at_ms: nowMs,
        created_at_ms: nowMs,
      }));
    });
    // Fifty webhooks times a batch: more parameters than one statement takes.
    for (let from = 0; from < deliveries.length; from += batchMax) {
      await db
        .insertInto('webhook_deliveries')
        .values(deliveries.slice(from, from + batchMax))
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute();
    }
    const hasMore = events.length === batchMax;
    const reachedId = hasMore ? (events.at(-1)?.id ?? lastId) : lastId;
    await db.updateTable('webhook_cursor').set({ event_id: reachedId }).execute();
    return hasMore;
  });
}

async function readEvents(db: Kysely<Tables>, afterId: number, lastId: number): Promise<DeskEvent[]> {
  const rows = await db
    .selectFrom('events')
    .selectAll()
    .where('id', '>', afterId)
    .where('id', '<=', lastId)
    .where('kind', 'in', sourceKinds)
    .orderBy('id')
    .limit(batchMax)
    .execute();
  return rows.map(eventOf);
}
