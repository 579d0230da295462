import type { Kysely } from 'kysely';

import { Bell } from '../core/bell.ts';
import type { Clock } from '../core/clock.ts';
import type { AnalyseJob, CutJob } from '../core/jobs.ts';
import { job as jobSchema } from '../core/jobs.ts';
import type { Log } from '../core/log.ts';
import type { Queue } from '../queue/queue.ts';
import type { Tables } from '../store/schema.ts';

/** One round trip to the queue; a cut names up to 200 segments of about 0.6 KiB, so this stays below 10 MiB. */
const batchMax = 50;
/** Wake-ups come from this process; the look every second finds what a crash left behind. */
const pollMs = 1_000;
const retryMsMax = 5_000;
/**
 * A job that was put on the queue so long ago and is not over is put there again, in case the queue lost it. One that
 * still waits or runs is left as it is by the queue, so this costs nothing.
 */
const sweepAfterMs = 10 * 60_000;
const sweepEveryMs = 60_000;

/** Puts jobs on the queue that the ledger has: at least once, in the order in which they were sent, also after an outage. */
export class Outbox {
  readonly #options: { db: Kysely<Tables>; queue: Queue; clock: Clock; log: Log };
  readonly #bell = new Bell();

  constructor(options: { db: Kysely<Tables>; queue: Queue; clock: Clock; log: Log }) {
    this.#options = options;
  }

  wake(): void {
    this.#bell.ring();
  }

  /** Pumps until `signal` aborts, and then once more. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let failures = 0;
    let sweptAtMs = clock.monotonicMs();
    while (!signal.aborted) {
      try {
        if (clock.monotonicMs() - sweptAtMs > sweepEveryMs) {
          sweptAtMs = clock.monotonicMs();
          await this.#sweep();
        }
        while ((await this.pump()) > 0);
        failures = 0;
        await this.#bell.wait(pollMs, clock, signal).catch(() => undefined);
      } catch (error) {
        failures += 1;
        const waitMs = Math.min(retryMsMax, 100 * 2 ** failures);
        log.warn('jobs wait in the ledger: the queue or the database does not answer', {
          error,
          failures,
          waitMs,
        });
        await clock.sleep(waitMs, signal).catch(() => undefined);
      }
    }
    await this.pump().catch((error: unknown) =>
      log.warn('jobs stay in the ledger for the next start', { error }),
    );
  }

  /** One batch; how many jobs it had. */
  async pump(): Promise<number> {
    const { db, queue, clock, log } = this.#options;
    const rows = await db
      .selectFrom('jobs')
      .select(['id', 'payload'])
      .where('state', '=', 'sent')
      .where('queued_at_ms', 'is', null)
      .orderBy('ordinal')
      .limit(batchMax)
      .execute();
    if (rows.length === 0) return 0;
    const nowMs = clock.nowMs();
    const jobs = rows.flatMap(({ id, payload }): (AnalyseJob | CutJob)[] => {
      const parsed = jobSchema.safeParse({ ...payload, queuedAtMs: nowMs });
      if (parsed.success && (parsed.data.kind === 'analyse' || parsed.data.kind === 'cut'))
        return [parsed.data];
      log.error('a job in the ledger cannot be read', { jobId: id, problem: parsed.error?.message });
      return [];
    });
    await queue.put(jobs);
    const ids = rows.map((row) => row.id);
    await db.transaction().execute(async (db) => {
      await db.updateTable('jobs').set({ queued_at_ms: nowMs }).where('id', 'in', ids).execute();
      const looks = jobs.flatMap((job) => (job.kind === 'analyse' ? [job.segment.id] : []));
      if (looks.length === 0) return;
      const queued = db.updateTable('segments').where('id', 'in', looks);
      // A quick worker's result may be here already: the time is still the time, the state has moved on.
      await queued.set({ queued_at_ms: nowMs }).where('queued_at_ms', 'is', null).execute();
      await queued.set({ state: 'queued' }).where('state', '=', 'stored').execute();
    });
    return rows.length;
  }

  async #sweep(): Promise<void> {
    const { db, clock, log } = this.#options;
    const done = await db
      .updateTable('jobs')
      .set({ queued_at_ms: null })
      .where('state', '=', 'sent')
      .where('queued_at_ms', '<', clock.nowMs() - sweepAfterMs)
      .executeTakeFirst();
    if (done.numUpdatedRows > 0n)
      log.info('old jobs are put on the queue again', { count: Number(done.numUpdatedRows) });
  }
}
