import { sql, type Kysely } from 'kysely';

import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Tables } from '../store/schema.ts';

/** Any number that no other lock of ours takes. */
const deskLock = 7_300;
/** A desk that was killed keeps its connection, and with it the lock, until the database notices. */
const takeOverMsMax = 10_000;
const tryEveryMs = 200;

/**
 * Makes sure that one match desk works on a catalogue: two directors would decide the same things twice. The lock goes
 * with its connection, so the next desk can start as soon as the last has ended, however it ended.
 *
 * @returns gives the lock back
 * @throws TouchlineError `catalogue.taken`
 */
export async function holdDesk(options: { db: Kysely<Tables>; clock: Clock }): Promise<() => Promise<void>> {
  const { db, clock } = options;
  const released = new AbortController();
  let holding: Promise<void> = Promise.resolve();
  const isOurs = await new Promise<boolean>((resolve, reject) => {
    holding = db.connection().execute(async (connection) => {
      const isHeld = await tryLock(connection, clock);
      resolve(isHeld);
      if (!isHeld) return;
      await new Promise((done) => released.signal.addEventListener('abort', done, { once: true }));
      await sql`select pg_advisory_unlock(${deskLock})`.execute(connection);
    });
    holding.catch(reject);
  });
  if (isOurs) {
    return async () => {
      released.abort();
      await holding.catch(() => undefined);
    };
  }
  throw new TouchlineError({
    code: 'catalogue.taken',
    message:
      'another touchline server works on this database: stop it, give TOUCHLINE_URL to use it, or set another TOUCHLINE_HOME or DATABASE_URL',
    retryable: false,
    blame: 'caller',
  });
}

async function tryLock(connection: Kysely<Tables>, clock: Clock): Promise<boolean> {
  const deadlineMs = clock.monotonicMs() + takeOverMsMax;
  for (;;) {
    const { rows } = await sql<{ ok: boolean }>`select pg_try_advisory_lock(${deskLock}) as ok`.execute(
      connection,
    );
    if (rows[0]?.ok === true) return true;
    if (clock.monotonicMs() > deadlineMs) return false;
    await clock.sleep(tryEveryMs);
  }
}
