import { GetQueueAttributesCommand, GetQueueUrlCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { systemClock, type Clock } from '../../core/clock.ts';
import { silentLog, type Log } from '../../core/log.ts';
import type { DeadJob, Lease, Outcome, Queue } from '../../queue/queue.ts';
import { hasMoto } from '../support/moto.ts';
import { takeAndDie } from '../support/queue-die.ts';
import { openTestQueue } from '../support/queue-open.ts';
import { region, useSqs } from '../support/queue-sqs.ts';
import { makeAnalysis, makeJob } from '../support/queue-jobs.ts';
import { Collected, queueContract } from './queue-contract.ts';

const leaseMs = 2_000;
const sqs = useSqs();
const missing = hasMoto ? undefined : 'moto_server';

queueContract(
  { engine: 'sqs', ordersByDeadline: false, dedupesWaiting: false, countsReleases: true },
  async () => {
    const at = `sqs://${region}/${await sqs.newQueues()}`;
    return {
      connect: async () => await openTestQueue({ at, leaseMs }),
      takeAndDie: async (count) => await takeAndDie({ at, leaseMs, count }),
      done: async () => {},
    };
  },
  missing,
);

describe.skipIf(!hasMoto)(`SQS${missing ? `; needs ${missing}` : ''}`, () => {
  let prefix: string;
  let queue: Queue;
  let stop: AbortController;
  let running: Promise<unknown>[];
  let warnings: { message: string; fields: Record<string, unknown> }[];
  const log: Log = {
    ...silentLog,
    warn: (message, fields = {}) => warnings.push({ message, fields }),
    child: () => log,
  };
  const open = async (clock: Clock = systemClock, ms = leaseMs): Promise<Queue> =>
    await openTestQueue({ at: `sqs://${region}/${prefix}`, leaseMs: ms, clock, log });
  beforeEach(async () => {
    prefix = await sqs.newQueues();
    warnings = [];
    queue = await open();
    stop = new AbortController();
    running = [];
  });
  afterEach(async () => {
    sqs.proxy.decide = () => 'pass';
    stop.abort();
    await Promise.allSettled(running);
    await queue.close();
  });

  const consume = (
    handle: (lease: Lease) => Promise<Outcome>,
    options: { from?: Queue; slots?: number; kind?: 'analyse' | 'cut' | 'result' } = {},
  ): void => {
    const { from = queue, slots = 1, kind = 'result' } = options;
    running.push(
      from.consume(kind, { slots, signal: stop.signal, handle: async (lease) => await handle(lease) }),
    );
  };
  const sendRaw = async (name: string, body: string): Promise<void> => {
    const { QueueUrl } = await sqs.client.send(new GetQueueUrlCommand({ QueueName: `${prefix}-${name}` }));
    await sqs.client.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
  };
  const countIn = async (name: string): Promise<number> => {
    const { QueueUrl } = await sqs.client.send(new GetQueueUrlCommand({ QueueName: `${prefix}-${name}` }));
    const names = ['ApproximateNumberOfMessages' as const, 'ApproximateNumberOfMessagesNotVisible' as const];
    const { Attributes } = await sqs.client.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: names }),
    );
    return Object.values(Attributes ?? {}).reduce((sum, text) => sum + Number(text), 0);
  };

  it('buries what is no job of this version, with the reason, counted, and goes on', async () => {
    const dead = new Collected<DeadJob>();
    const seen = new Collected<string>();
    running.push(queue.consumeDead({ signal: stop.signal, handle: async (one) => dead.add(one) }));
    const bad: [body: string, reason: RegExp][] = [
      ['no json', /queue\.bad-message: it cannot be read/],
      ['[]', /no message of touchline's/],
      [
        '{"schema":"touchline.job/2","job":{"id":"from-the-future"}}',
        /"touchline\.job\/2", and this version reads/,
      ],
      ['{"schema":"touchline.job/1","job":{"kind":"result"}}', /it is no job \(id: /],
      ['{"schema":"touchline.job/1","id":"packed-and-damaged","gzip":"H4sIAAAA"}', /cannot be read/],
    ];
    for (const [body] of bad) await sendRaw('result', body);
    await queue.put([makeJob('good')]);
    consume(async ({ job }) => {
      seen.add(job.id);
      return { kind: 'done' };
    });
    const buried = await dead.reach(bad.length);
    expect(await seen.reach(1)).toEqual(['good']);
    for (const [, reason] of bad)
      expect(
        buried.filter((one) => reason.test(one.reason)),
        String(reason),
      ).not.toEqual([]);
    expect(buried.every(({ job }) => job === undefined)).toBe(true);
    expect(buried.map(({ jobId }) => jobId)).toEqual(
      expect.arrayContaining(['from-the-future', 'packed-and-damaged']),
    );
    const counts = warnings
      .filter(({ message }) => message === 'bad message')
      .map(({ fields }) => fields['badCount']);
    expect(counts).toEqual([1, 2, 3, 4, 5]);
    await expect.poll(async () => (await countIn('result')) + (await countIn('dead'))).toBe(0);
  });

  it('buries a job of another kind that lies in its queue', async () => {
    const dead = new Collected<DeadJob>();
    running.push(queue.consumeDead({ signal: stop.signal, handle: async (one) => dead.add(one) }));
    await sendRaw('cut', JSON.stringify({ schema: 'touchline.job/1', job: makeJob('lost') }));
    consume(async () => ({ kind: 'done' }), { kind: 'cut' });
    expect(await dead.reach(1)).toMatchObject([
      { jobId: 'lost', reason: expect.stringMatching(/it is a result job/) },
    ]);
  });

  it('carries a job of a megabyte packed, and refuses one that is too large even so', async () => {
    const seen = new Collected<number>();
    consume(async ({ job }) => {
      seen.add(JSON.stringify(job).length);
      return { kind: 'done' };
    });
    const large = makeJob('large', {}, 'a corrupt packet '.repeat(100_000));
    await queue.put([makeJob('small'), large]);
    expect(Math.max(...(await seen.reach(2)))).toBe(JSON.stringify(large).length);
    const noise = Array.from({ length: 250_000 }, (_, index) => (index * 2_654_435_761) % 4_294_967_296).join(
      '',
    );
    await expect(queue.put([makeJob('noise', {}, noise)])).rejects.toMatchObject({
      code: 'queue.too-large',
      retryable: false,
      message: expect.stringMatching(/job noise \(result\) has \d+ bytes/) as string,
    });
  });

  it('lets what is due at once pass what may wait, and starves neither', async () => {
    const nowMs = Date.now();
    const due = (id: string, dueMs: number) => makeAnalysis(id, { deadlineAtMs: nowMs + dueMs });
    await queue.put(Array.from({ length: 4 }, (_, index) => due(`fine${index}`, 20_000)));
    await queue.put(Array.from({ length: 8 }, (_, index) => due(`coarse${index}`, 10_000)));
    const seen = new Collected<string>();
    consume(
      async ({ job }) => {
        seen.add(job.id.replace(/\d/, ''));
        return { kind: 'done' };
      },
      { kind: 'analyse' },
    );
    const all = await seen.reach(12);
    expect(all.slice(0, 3)).toEqual(['coarse', 'coarse', 'coarse']);
    expect(all.slice(0, 8).filter((one) => one === 'coarse').length).toBeGreaterThanOrEqual(6);
    expect(all.slice(0, 8)).toContain('fine');
  });

  it('puts each job once more when the answer was lost, and all of them when some were not taken', async () => {
    const fates = ['lose', 'take-all-but-one', 'throttle', 'unavailable'] as const;
    const asked: string[] = [];
    sqs.proxy.decide = (action) => {
      if (action !== 'SendMessageBatch') return 'pass';
      asked.push(action);
      return fates[asked.length - 1] ?? 'pass';
    };
    const ids = Array.from({ length: 5 }, (_, index) => `job${index}`);
    await queue.put(ids.map((id) => makeJob(id)));
    expect(asked.length).toBeGreaterThanOrEqual(4);
    const seen = new Set<string>();
    consume(
      async ({ job }) => {
        seen.add(job.id);
        return { kind: 'done' };
      },
      { slots: 5 },
    );
    await expect.poll(() => [...seen].toSorted()).toEqual(ids);
    await expect.poll(async () => await countIn('result'), { timeout: 10_000 }).toBe(0);
  });

  it('finishes every job while a tenth of all calls fails one way or another', async () => {
    let seed = 7;
    const counts: Record<string, number> = {};
    sqs.proxy.decide = (action) => {
      seed = (seed * 48_271) % 2_147_483_647;
      const fate = seed % 30 < 3 ? (['lose', 'unavailable', 'throttle'] as const)[seed % 3] : undefined;
      if (fate) counts[action] = (counts[action] ?? 0) + 1;
      return fate ?? 'pass';
    };
    const ids = Array.from({ length: 80 }, (_, index) => `job${index}`);
    await queue.put(ids.map((id) => makeJob(id)));
    const seen = new Set<string>();
    consume(
      async ({ job }) => {
        seen.add(job.id);
        return { kind: 'done' };
      },
      { slots: 2 },
    );
    await expect.poll(() => seen.size, { timeout: 30_000 }).toBe(80);
    await expect.poll(async () => await countIn('result'), { timeout: 30_000 }).toBe(0);
    expect(Object.keys(counts)).toEqual(expect.arrayContaining(['ReceiveMessage', 'DeleteMessageBatch']));
  });

  it('keeps a job that takes longer than its lease, and calls it off when the renewals are not heard', async () => {
    const renewals = new Collected<void>();
    const lost = new Collected<AbortSignal>();
    sqs.proxy.decide = (action) => {
      if (action === 'ChangeMessageVisibilityBatch') renewals.add();
      return 'pass';
    };
    const attempts: number[] = [];
    consume(async ({ attempt, signal }) => {
      attempts.push(attempt);
      if (attempt > 1) return { kind: 'done' };
      signal.addEventListener('abort', () => lost.add(signal));
      await renewals.reach(6); // Two leases long.
      sqs.proxy.decide = (action) => (action === 'ChangeMessageVisibilityBatch' ? 'silence' : 'pass');
      await lost.reach(1);
      sqs.proxy.decide = () => 'pass';
      return { kind: 'done' };
    });
    await queue.put([makeJob('long')]);
    await renewals.reach(1);
    const second = await open();
    consume(
      async ({ attempt }) => {
        attempts.push(attempt);
        return { kind: 'done' };
      },
      { from: second },
    );
    await lost.reach(1);
    expect(attempts[0]).toBe(1);
    await expect.poll(async () => await countIn('result'), { timeout: 10_000 }).toBe(0);
    expect(attempts).toEqual([1, 2]); // The loser's `done` was not believed.
    stop.abort();
    await second.close();
  });

  it('gives a job up when SQS would not let it be held any longer: 12 h', async () => {
    const clock = new LeapingClock();
    const patient = await open(clock, 7_200_000);
    const lost = new Collected<number>();
    let renewals = 0;
    sqs.proxy.decide = (action) => {
      if (action === 'ChangeMessageVisibilityBatch') renewals += 1;
      return 'pass';
    };
    consume(
      async ({ signal }) => {
        const startedAtMs = clock.monotonicMs();
        clock.isLeaping = true;
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        clock.isLeaping = false;
        lost.add(clock.monotonicMs() - startedAtMs);
        return { kind: 'done' };
      },
      { from: patient },
    );
    await patient.put([makeJob('endless')]);
    const [heldMs = 0] = await lost.reach(1);
    expect(renewals).toBeGreaterThanOrEqual(13);
    expect(heldMs).toBeGreaterThan(11 * 3_600_000);
    expect(heldMs).toBeLessThan(12 * 3_600_000);
    stop.abort();
    await patient.close();
  });

  it('says at once which queues are missing, and what makes them', async () => {
    prefix = 'nothing-here';
    await expect(open()).rejects.toMatchObject({
      code: 'queue.missing',
      message: expect.stringMatching(
        /nothing-here-analyse, .*nothing-here-dead.*touchline aws queues/s,
      ) as string,
    });
  });

  it('bounds a ping and a put by time when nobody answers', async () => {
    sqs.proxy.decide = () => 'silence';
    const startedAtMs = performance.now();
    await expect(queue.ping(300)).rejects.toMatchObject({ code: 'queue.unavailable', retryable: true });
    expect(performance.now() - startedAtMs).toBeLessThan(2_000);
    const putting = queue.put([makeJob('unheard')]);
    await queue.close();
    await expect(putting).rejects.toMatchObject({ code: 'queue.unavailable' });
  });

  it('ends when it is closed under its consumers', async () => {
    const dead = queue.consumeDead({ signal: stop.signal, handle: async () => {} });
    const consuming = queue.consume('result', {
      slots: 1,
      signal: stop.signal,
      handle: async () => ({ kind: 'done' }),
    });
    await queue.ping(5_000);
    await queue.close();
    await Promise.all([dead, consuming]);
  });
});

/** Real, until it leaps: then each sleep ends at once, the earliest first, and time is where that one ended. */
class LeapingClock implements Clock {
  isLeaping = false;
  #aheadMs = 0;
  readonly #sleepers = new Set<{ atMs: number; wake: () => void }>();

  nowMs(): number {
    return systemClock.nowMs() + this.#aheadMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#aheadMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const sleeper = { atMs: this.monotonicMs() + ms, wake };
      this.#sleepers.add(sleeper);
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      setTimeout(() => this.#leap(), 15); // Time for what the last one asked for.
    });
  }

  #leap(): void {
    const [first] = [...this.#sleepers].toSorted((a, b) => a.atMs - b.atMs);
    if (!first) return;
    if (!this.isLeaping) {
      setTimeout(() => this.#leap(), 15);
      return;
    }
    this.#sleepers.delete(first);
    this.#aheadMs += Math.max(0, first.atMs - this.monotonicMs());
    first.wake();
  }
}
