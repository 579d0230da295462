import type { Kysely } from 'kysely';

import type { Tables } from '../store/schema.ts';

/**
 * A step of a fixture's priority is worth a second of deadline: on a queue that is served by deadline, a final at 9 goes before
 * what came up to 9 s earlier, and a friendly at -9 waits 9 s longer at the most. Bounded, so that nothing starves.
 */
const leadMsPerStep = 1_000;
/** Feeds begin before the kick-off and go on after the whistle: added time, interviews. */
const beforeMs = 30 * 60_000;
const afterMs = 60 * 60_000;

/**
 * How much earlier the jobs of a channel are due because of what is played on it now, ms; negative = later. Of several fixtures the
 * highest counts; without one, or when it was called off or is over, 0.
 */
export async function priorityLeadMs(db: Kysely<Tables>, channelId: string, nowMs: number): Promise<number> {
  const row = await db
    .selectFrom('fixtures')
    .innerJoin('channels', 'channels.name', 'fixtures.channel_name')
    .select(({ fn }) => fn.max('fixtures.priority').as('priority'))
    .where('channels.id', '=', channelId)
    .where('fixtures.cancelled_at_ms', 'is', null)
    .where('fixtures.kick_off_at_ms', '<=', nowMs + beforeMs)
    .where(({ eb }) =>
      eb(eb('fixtures.kick_off_at_ms', '+', eb.ref('fixtures.length_ms')), '>', nowMs - afterMs),
    )
    .executeTakeFirst();
  return ((row?.priority as number | null | undefined) ?? 0) * leadMsPerStep;
}
