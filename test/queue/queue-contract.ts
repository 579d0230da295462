import { EventEmitter, once } from 'node:events';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { ResultJob } from '../../core/jobs.ts';
import {
  attemptsMax,
  thrownRetryDelayMs,
  type DeadJob,
  type Lease,
  type Outcome,
  type Queue,
  type QueueCapabilities,
} from '../../queue/queue.ts';
import { baseMs, makeAnalysis, makeJob } from '../support/queue-jobs.ts';

/** What a suite needs of an engine. */
export interface QueueBench {
  /** Another connection to the same, at first empty, queue. */
  connect(): Promise<Queue>;
  /** A process takes `count` result jobs, holds on to them, and is killed. Resolves with their ids and attempts. */
  takeAndDie(count: number): Promise<{ id: string; attempt: number }[]>;
  done(): Promise<void>;
}

/** What one engine honestly offers less than another. */
type Offer = Pick<QueueCapabilities, 'engine' | 'ordersByDeadline' | 'dedupesWaiting' | 'countsReleases'>;

/** What every engine of `queue/queue.ts` promises. With `missing`, its tests are skipped, and say what is missing. */
export function queueContract(offer: Offer, open: () => Promise<QueueBench>, missing?: string): void {
  const needs = missing === undefined ? '' : `; needs ${missing}`;
  describe.skipIf(missing !== undefined)(`a queue (${offer.engine}${needs})`, () => {
    let bench: QueueBench;
    let queue: Queue;
    let stop: AbortController;
    let running: Promise<void>[];

    beforeEach(async () => {
      bench = await open();
      queue = await bench.connect();
      stop = new AbortController();
      running = [];
    });
    afterEach(async () => {
      stop.abort();
      await Promise.all(running);
      await queue.close();
      await bench.done();
    });

    const consume = (
      handle: (lease: Lease<ResultJob>) => Promise<Outcome>,
      options: { slots?: number; signal?: AbortSignal; from?: Queue } = {},
    ): Promise<void> => {
      const consuming = (options.from ?? queue).consume('result', {
        slots: options.slots ?? 1,
        signal: options.signal ?? stop.signal,
        handle,
      });
      running.push(consuming);
      return consuming;
    };
    /** Takes everything, and remembers it. */
    const collect = (slots = 1): Collected<Lease<ResultJob>> => {
      const seen = new Collected<Lease<ResultJob>>();
      void consume(
        async (lease) => {
          seen.add(lease);
          return done;
        },
        { slots },
      );
      return seen;
    };
    const collectDead = (): Collected<DeadJob> => {
      const seen = new Collected<DeadJob>();
      const handle = async (dead: DeadJob): Promise<void> => seen.add(dead);
      running.push(queue.consumeDead({ signal: stop.signal, handle }));
      return seen;
    };

    it('offers what is said of it, and bounds its waits', () => {
      expect(queue.capabilities).toMatchObject(offer);
      expect(queue.capabilities.recoveryMsMax).toBeLessThan(60_000);
      expect(queue.capabilities.delayMsMax).toBeGreaterThan(3_600_000);
    });

    it('hands a job out as it was put', async () => {
      const seen = collect();
      const job = makeJob('one');
      await queue.put([job]);
      const [lease] = await seen.reach(1);
      expect(lease).toMatchObject({ job, attempt: 1 });
      expect(lease?.signal.aborted).toBe(false);
    });

    it('hands out what was put before anybody consumed, and by another process', async () => {
      const other = await bench.connect();
      await other.put([makeJob('early')]);
      await other.close();
      expect((await collect().reach(1))[0]?.job.id).toBe('early');
    });

    it('shares many jobs between consumers, each job once while all goes well', async () => {
      const other = await bench.connect();
      const seen = new Collected<string>();
      const handle = async (lease: Lease): Promise<Outcome> => {
        seen.add(lease.job.id);
        return done;
      };
      const one = consume(handle, { slots: 4 });
      const two = consume(handle, { slots: 4, from: other });
      await queue.put(Array.from({ length: 60 }, (_, index) => makeJob(`job${index}`)));
      await seen.reach(60);
      stop.abort();
      await Promise.all([one, two]);
      await other.close();
      expect(seen.items).toHaveLength(60);
      expect(new Set(seen.items).size).toBe(60);
    });

    it('holds no more jobs at a time than there are slots, and as many', async () => {
      let inHand = 0;
      let inHandMax = 0;
      const seen = new Collected<number>();
      const gate = new Collected<void>();
      void consume(
        async () => {
          inHandMax = Math.max(inHandMax, (inHand += 1));
          if (inHand === 3) gate.add();
          await gate.reach(1);
          inHand -= 1;
          seen.add(inHand);
          return done;
        },
        { slots: 3 },
      );
      await queue.put(Array.from({ length: 12 }, (_, index) => makeJob(`job${index}`)));
      await seen.reach(12);
      expect(inHandMax).toBe(3);
    });

    it('takes any id, also one that an engine has a use for itself', async () => {
      const ids = [
        'wait',
        'active',
        'marker',
        'meta',
        'id',
        'delayed',
        'failed',
        'events',
        '1',
        '-',
        '_',
        'x'.repeat(200),
      ];
      await queue.put(ids.map((id) => makeJob(id)));
      const leases = await collect(4).reach(ids.length);
      expect(leases.map((lease) => lease.job.id).toSorted()).toEqual(ids.toSorted());
    });

    it('keeps the kinds apart', async () => {
      const seen = collect();
      await queue.put([makeAnalysis('analysis1'), makeJob('result1')]);
      await seen.reach(1);
      const others = new Collected<string>();
      running.push(
        queue.consume('analyse', {
          slots: 1,
          signal: stop.signal,
          handle: async (lease) => {
            others.add(lease.job.id);
            return done;
          },
        }),
      );
      await others.reach(1);
      expect(seen.items.map((lease) => lease.job.id)).toEqual(['result1']);
      expect(others.items).toEqual(['analysis1']);
    });

    it.skipIf(offer.dedupesWaiting)(
      'hands the same id out as often as it was put, and loses none',
      async () => {
        await queue.put([makeJob('same'), makeJob('same'), makeJob('other')]);
        const leases = await collect(3).reach(3);
        expect(leases.map((lease) => lease.job.id).toSorted()).toEqual(['other', 'same', 'same']);
      },
    );

    it.skipIf(!offer.dedupesWaiting)(
      'queues the same id once while it waits or runs, and again when it is done',
      async () => {
        await queue.put([makeJob('same'), makeJob('same')]);
        await queue.put([makeJob('same')]);
        const seen = new Collected<string>();
        const gate = new Collected<void>();
        void consume(async (lease) => {
          seen.add(lease.job.id);
          if (seen.items.length === 1) await gate.reach(1);
          return done;
        });
        await seen.reach(1);
        await queue.put([makeJob('same'), makeJob('last')]);
        gate.add();
        await seen.reach(2);
        expect(seen.items).toEqual(['same', 'last']);
        await queue.put([makeJob('same')]);
        expect(await seen.reach(3)).toEqual(['same', 'last', 'same']);
      },
    );

    it.skipIf(!offer.ordersByDeadline)(
      'hands the earliest deadline out first, whatever the order of arrival',
      async () => {
        const jobs = [50, 10, 40, 20, 30, 60].map((s) => at(s));
        await queue.put(jobs.slice(0, 3));
        await queue.put(jobs.slice(3));
        const leases = await collect().reach(6);
        expect(leases.map((lease) => lease.job.id)).toEqual(['at10', 'at20', 'at30', 'at40', 'at50', 'at60']);
      },
    );

    it.skipIf(!offer.ordersByDeadline)(
      'keeps the deadline order for a job that comes back from a retry or a release',
      async () => {
        const jobs = [30, 10, 40, 20].map((s) => at(s));
        await queue.put(jobs);
        const seen = new Collected<string>();
        void consume(async (lease) => {
          const { id } = lease.job;
          const isFirst = !seen.items.includes(id);
          seen.add(id);
          if (id === 'at10' && isFirst) return { kind: 'release' };
          if (id === 'at20' && isFirst) return { kind: 'retry', delayMs: 0, reason: 'again' };
          return done;
        });
        expect(await seen.reach(6)).toEqual(['at10', 'at10', 'at20', 'at20', 'at30', 'at40']);
      },
    );

    it('hands a job out again after a retry, not before its delay, with the next attempt', async () => {
      const seen = new Collected<{ attempt: number; atMs: number }>();
      void consume(async (lease) => {
        seen.add({ attempt: lease.attempt, atMs: performance.now() });
        return lease.attempt === 1 ? { kind: 'retry', delayMs: 400, reason: 'not yet' } : done;
      });
      await queue.put([makeJob('again')]);
      const [first, second] = await seen.reach(2);
      expect(second?.attempt).toBe(2);
      expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(395);
    });

    it('treats a handler that throws as a retry', async () => {
      const seen = new Collected<{ attempt: number; atMs: number }>();
      void consume(async (lease) => {
        seen.add({ attempt: lease.attempt, atMs: performance.now() });
        if (lease.attempt === 1) throw new Error('the disk was full');
        return done;
      });
      await queue.put([makeJob('thrown')]);
      const [first, second] = await seen.reach(2);
      expect(second?.attempt).toBe(2);
      expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(thrownRetryDelayMs - 5);
    });

    it('works on other jobs while one waits for its retry', async () => {
      const seen = new Collected<string>();
      void consume(async (lease) => {
        seen.add(lease.job.id);
        return lease.job.id === 'slow' && lease.attempt === 1
          ? { kind: 'retry', delayMs: 60_000, reason: 'later' }
          : done;
      });
      await queue.put([makeJob('slow', { deadlineAtMs: baseMs })]);
      await seen.reach(1);
      await queue.put([makeJob('other')]);
      expect(await seen.reach(2)).toEqual(['slow', 'other']);
    });

    it.skipIf(!offer.countsReleases)(
      'gives a job back on release, at once, and counts the attempt',
      async () => {
        const seen = new Collected<number>();
        const other = await bench.connect();
        // The second consumer waits already: what is given back wakes it.
        const handle = async (lease: Lease): Promise<Outcome> => {
          seen.add(lease.attempt);
          return seen.items.length < attemptsMax ? { kind: 'release' } : done;
        };
        void consume(handle);
        const second = consume(handle, { from: other });
        await queue.put([makeJob('back')]);
        const attempts = await seen.reach(attemptsMax);
        expect(attempts).toEqual(Array.from({ length: attemptsMax }, (_, index) => index + 1));
        stop.abort();
        await second;
        await other.close();
      },
    );

    it.skipIf(offer.countsReleases)(
      'gives a job back on release, at once and without counting the attempt',
      async () => {
        const seen = new Collected<number>();
        void consume(async (lease) => {
          seen.add(lease.attempt);
          return seen.items.length < attemptsMax + 2 ? { kind: 'release' } : done;
        });
        await queue.put([makeJob('back')]);
        expect(await seen.reach(attemptsMax + 2)).toEqual(Array.from({ length: attemptsMax + 2 }, () => 1));
      },
    );

    it(`ends a job as dead after ${attemptsMax} retries, with the last reason`, async () => {
      const dead = collectDead();
      const attempts: number[] = [];
      void consume(async (lease) => {
        attempts.push(lease.attempt);
        return { kind: 'retry', delayMs: 0, reason: `reason ${lease.attempt}` };
      });
      const job = makeJob('poison');
      await queue.put([job]);
      expect(await dead.reach(1)).toEqual([
        { jobId: 'poison', job, reason: `reason ${attemptsMax}`, attempts: attemptsMax },
      ]);
      expect(attempts).toEqual(Array.from({ length: attemptsMax }, (_, index) => index + 1));
    });

    it('hands a dead job out until it was handled, and then never again', async () => {
      const job = makeJob('dead');
      void consume(async () => ({ kind: 'dead', reason: 'the file is no video' }));
      await queue.put([job]);
      const tries = new Collected<DeadJob>();
      running.push(
        queue.consumeDead({
          signal: stop.signal,
          handle: async (dead) => {
            tries.add(dead);
            if (tries.items.length < 3) throw new Error('the ledger is away');
          },
        }),
      );
      const seen = await tries.reach(3);
      expect(seen[2]).toEqual({ jobId: 'dead', job, reason: 'the file is no video', attempts: 1 });
      await queue.put([makeJob('marker')]);
      await tries.reach(4);
      expect(tries.items.map((dead) => dead.jobId)).toEqual(['dead', 'dead', 'dead', 'marker']);
    });

    it('drains: takes no more, waits for what is in hand, and leaves the rest to others', async () => {
      const gate = new Collected<void>();
      const seen = new Collected<string>();
      const drain = new AbortController();
      let hasEnded = false;
      const consuming = consume(
        async (lease) => {
          seen.add(lease.job.id);
          await gate.reach(1);
          return done;
        },
        { signal: drain.signal },
      ).then(() => {
        hasEnded = true;
      });
      await queue.put([1, 2, 3].map((s) => makeJob(`job${s}`, { deadlineAtMs: baseMs + s * 1000 })));
      await seen.reach(1);
      drain.abort();
      await queue.ping(5_000);
      expect(hasEnded).toBe(false);
      gate.add();
      await consuming;
      expect(seen.items).toEqual(['job1']);
      expect((await collect().reach(2)).map((lease) => lease.job.id)).toEqual(['job2', 'job3']);
    });

    it('gives a job back to a consumer that has been waiting, within 2 s', async () => {
      const other = await bench.connect();
      const drain = new AbortController();
      const taken = new Collected<string>();
      const drained = consume(
        async (lease) => {
          taken.add(lease.job.id);
          await once(drain.signal, 'abort');
          return { kind: 'release' };
        },
        { signal: drain.signal },
      );
      await queue.put([makeJob('back')]);
      await taken.reach(1);
      const seen = new Collected<string>();
      const second = consume(
        async (lease) => {
          seen.add(lease.job.id);
          return done;
        },
        { from: other },
      );
      await other.ping(5_000);
      const givenBackAtMs = performance.now();
      drain.abort();
      await drained;
      expect(await seen.reach(1)).toEqual(['back']);
      expect(performance.now() - givenBackAtMs).toBeLessThan(2_000);
      stop.abort();
      await second;
      await other.close();
    });

    it('returns at once when it is told to stop while it waits, or before it began', async () => {
      const drain = new AbortController();
      const consuming = consume(async () => done, { signal: drain.signal });
      await queue.ping(5_000);
      drain.abort();
      await consuming;
      await consume(async () => done, { signal: AbortSignal.abort() });
    });

    it('recovers the job of a killed process in time, with the next attempt', async () => {
      await queue.put([at(20)]);
      expect(await bench.takeAndDie(1)).toEqual([{ id: 'at20', attempt: 1 }]);
      const killedAtMs = performance.now();
      const [lease] = await collect().reach(1);
      expect(lease).toMatchObject({ job: { id: 'at20' }, attempt: 2 });
      expect(performance.now() - killedAtMs).toBeLessThan(queue.capabilities.recoveryMsMax);
    });

    it.skipIf(!offer.ordersByDeadline)('puts a recovered job back in front of later deadlines', async () => {
      await queue.put([at(20)]);
      await bench.takeAndDie(1);
      await queue.put([at(40), at(30), at(25)]);
      const seen = new Collected<string>();
      void consume(async ({ job, attempt }) => {
        // Everything else stays on the queue until the lost one is back, in front of them.
        if (job.id !== 'at20' && seen.items.length === 0) return { kind: 'release' };
        seen.add(`${job.id} ${attempt}`);
        return done;
      });
      expect(await seen.reach(4)).toEqual(['at20 2', 'at25 1', 'at30 1', 'at40 1']);
    });

    it(`ends a job as dead when ${attemptsMax} processes died with it`, async () => {
      const dead = collectDead();
      const job = makeJob('killer');
      await queue.put([job]);
      for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
        expect(await bench.takeAndDie(1)).toEqual([{ id: 'killer', attempt }]);
      }
      const handed = collect();
      expect(await dead.reach(1)).toMatchObject([{ jobId: 'killer', job, attempts: attemptsMax }]);
      expect(dead.items[0]?.reason).toMatch(/died/);
      expect(handed.items).toEqual([]);
    });

    it('answers a ping, and puts and pings nothing once it is closed', async () => {
      await queue.ping(5_000);
      const other = await bench.connect();
      await other.close();
      await expect(other.ping(5_000)).rejects.toMatchObject({ code: 'queue.unavailable' });
      await expect(other.put([makeJob('late')])).rejects.toMatchObject({ code: 'queue.unavailable' });
    });

    it('carries text that no database likes', async () => {
      const message = 'a\0b \ud800 "\\u0000" \\ é 日本 🏟️';
      await queue.put([makeJob('text', {}, message)]);
      const [lease] = await collect().reach(1);
      const result = lease?.job.result;
      const got = result?.outcome.kind === 'dead' ? result.outcome.fault.message : undefined;
      expect(got?.replaceAll(/[\0\ud800\ufffd]/g, '?')).toBe('a?b ? "\\u0000" \\ é 日本 🏟️');
    });
  });
}

/** What has come so far, for a test to wait until there is enough of it. */
export class Collected<T> {
  readonly items: T[] = [];
  readonly #events = new EventEmitter();

  add(item: T): void {
    this.items.push(item);
    this.#events.emit('added');
  }

  /** The first `count`. */
  async reach(count: number): Promise<T[]> {
    while (this.items.length < count) await once(this.#events, 'added');
    return this.items.slice(0, count);
  }
}

const done: Outcome = { kind: 'done' };

/** A job named after its deadline. */
function at(s: number): ResultJob {
  return makeJob(`at${s}`, { deadlineAtMs: baseMs + s * 1000 });
}
