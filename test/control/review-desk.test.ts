import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { EventLog } from '../../control/event-log.ts';
import type { Principal } from '../../control/principal.ts';
import { ReviewDesk } from '../../control/review-desk.ts';
import type { Clock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { addRun } from '../support/many-moments.ts';
import { usePostgres } from '../support/postgres.ts';

const postgres = usePostgres();
const ana: Principal = { kind: 'user', id: 'usr_ana', name: 'Ana', scopes: ['read', 'review'] };
const ben: Principal = { ...ana, id: 'usr_ben', name: 'Ben' };

/** Time that passes when a test says so; who sleeps wakes when it is due. */
class HandClock implements Clock {
  #nowMs = 1_700_000_000_000;
  #sleepers: { untilMs: number; wake: () => void }[] = [];
  nowMs = (): number => this.#nowMs;
  monotonicMs = (): number => this.#nowMs;

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      this.#sleepers.push({ untilMs: this.#nowMs + ms, wake: resolve });
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    const due = this.#sleepers.filter(({ untilMs }) => untilMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter(({ untilMs }) => untilMs > this.#nowMs);
    for (const { wake } of due) wake();
  }
}

let clock: HandClock;
let catalogue: Catalogue;
let events: EventLog;
let stopDesk: () => Promise<void>;
beforeEach(async () => {
  clock = new HandClock();
  catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  const { db } = catalogue;
  await addRun(db, { channelId: 'ch_1', runId: 'run_1', name: 'pitch-1' });
  const about = { channel_id: 'ch_1', run_id: 'run_1' };
  for (const nth of [1, 2]) {
    await db
      .insertInto('moments')
      .values({
        ...about,
        id: `mom_${nth}`,
        clip_id: `clp_${nth}`,
        label: 'goal',
        peak_ms: 1_000,
        in_ms: 0,
        out_ms: 2_000,
        score: 1,
        reasons: '[]',
        revision: 1,
        state: 'found',
        state_reason: null,
        decision: 'undecided',
        decided_at_ms: null,
        found_at_ms: 0,
        peak_wall_ms: 1_000,
      })
      .execute();
  }
});
afterEach(async () => {
  await stopDesk();
  await catalogue.close();
});

function open(log = silentLog): ReviewDesk {
  events = new EventLog({ db: catalogue.db, clock });
  const desk = new ReviewDesk({ db: catalogue.db, clock, events, log });
  const stopping = new AbortController();
  const running = desk.run(stopping.signal);
  stopDesk = async () => {
    stopping.abort();
    await running;
  };
  return desk;
}

/** Who had which moment, in the order in which it was told, once there are so many words. */
async function told(count: number): Promise<[string | null, unknown][]> {
  for (;;) {
    let stopHearing: (() => void) | undefined;
    const news = new Promise<void>((resolve) => (stopHearing = events.onNews(resolve)));
    const all = (await events.since(0, 100)).filter(({ kind }) => kind === 'moment.claimed');
    if (all.length < count) await news;
    stopHearing?.();
    if (all.length >= count) return all.map(({ subjectId, data }) => [subjectId, data['by']]);
  }
}

describe('a claim', () => {
  it('that nobody renews is told to have ended, by itself, 30 s after it was said last', async () => {
    const desk = open();
    await desk.claim('mom_1', ana);
    clock.pass(29_999);
    await desk.claim('mom_1', ana);
    clock.pass(29_999);
    // Had the first one counted, its end would stand before this.
    await desk.claim('mom_2', ben);
    clock.pass(1);
    expect(await told(3)).toEqual([
      ['mom_1', 'Ana'],
      ['mom_2', 'Ben'],
      ['mom_1', null],
    ]);
    clock.pass(29_999);
    expect((await told(4)).at(-1)).toEqual(['mom_2', null]);
    expect((await desk.list({ decision: 'all', limit: 9 })).moments.map(({ claim }) => claim)).toEqual([
      null,
      null,
    ]);
  });

  it('that was given back is not told to end a second time', async () => {
    const desk = open();
    await desk.claim('mom_1', ana);
    await desk.release('mom_1', ana);
    await desk.claim('mom_2', ben);
    clock.pass(30_000);
    expect(await told(4)).toEqual([
      ['mom_1', 'Ana'],
      ['mom_1', null],
      ['mom_2', 'Ben'],
      ['mom_2', null],
    ]);
  });

  it('of who goes on to another moment without a word is told to have ended', async () => {
    const desk = open();
    await desk.claim('mom_1', ana);
    await desk.claim('mom_2', ana);
    expect(await told(3)).toEqual([
      ['mom_1', 'Ana'],
      ['mom_1', null],
      ['mom_2', 'Ana'],
    ]);
  });

  it('that was held when the server ended is told to have ended at the next start; one that ended before is not', async () => {
    const before = open();
    await before.claim('mom_1', ana);
    await before.release('mom_1', ana);
    await before.claim('mom_2', ben);
    await stopDesk();
    open();
    expect(await told(4)).toEqual([
      ['mom_1', 'Ana'],
      ['mom_1', null],
      ['mom_2', 'Ben'],
      ['mom_2', null],
    ]);
    // And at the start after that there is nothing to tell.
    await stopDesk();
    const desk = open();
    await desk.claim('mom_1', ben);
    clock.pass(30_000);
    expect((await told(6)).slice(4)).toEqual([
      ['mom_1', 'Ben'],
      ['mom_1', null],
    ]);
  });

  it('whose end cannot be told while the database is away is told when it is back', async () => {
    let heard: (() => void) | undefined;
    const isWarned = new Promise<void>((resolve) => (heard = resolve));
    const desk = open({ ...silentLog, warn: () => heard?.() });
    await desk.claim('mom_1', ana);
    const { db } = catalogue;
    await db.schema.alterTable('events').renameTo('events_away').execute();
    clock.pass(30_000);
    await isWarned;
    await db.schema.alterTable('events_away').renameTo('events').execute();
    clock.pass(1_000);
    expect(await told(2)).toEqual([
      ['mom_1', 'Ana'],
      ['mom_1', null],
    ]);
  });
});
