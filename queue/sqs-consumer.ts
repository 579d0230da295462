import { EventEmitter, once } from 'node:events';

import type { Message } from '@aws-sdk/client-sqs';

import type { Clock } from '../core/clock.ts';
import { asTouchlineError, unreachable } from '../core/errors.ts';
import type { Job, JobKind } from '../core/jobs.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import { retryDelaysMs, type RetryPolicy } from '../core/retry.ts';
import { Batcher } from './batcher.ts';
import { LeaseBook } from './lease-book.ts';
import { attemptsMax, thrownRetryDelayMs, type ConsumeOptions, type Lease, type Outcome } from './queue.ts';
import { batchCountMax, pollSecondsMax, type SqsApi } from './sqs-api.ts';
import type { Grave } from './sqs-grave.ts';
import { decodeMessage } from './sqs-message.ts';
import type { TroubleLog } from './trouble-log.ts';

/** One message in our hands, until SQS has heard what became of it. */
interface Held {
  band: Band;
  receipt: string;
  message: Message;
  /** Monotonic: SQS lets nobody hold a message for more than 12 h from here, however often that is extended. */
  receivedAtMs: number;
  /** False once it is being settled: from then on nobody hides it again. */
  isOurs: boolean;
}

interface Band {
  url: string;
  removals: Batcher<string>;
  hidings: Batcher<{ receipt: string; seconds: number }>;
}

interface SqsConsumerOptions<K extends JobKind> extends ConsumeOptions<K> {
  api: SqsApi;
  kind: K;
  /** The urgent one first. */
  urls: readonly string[];
  grave: Grave;
  leaseMs: number;
  clock: Clock;
  random: Random;
  log: Log;
  trouble: TroubleLog;
}

/**
 * Takes jobs of one kind from SQS: never more than there are free slots, the urgent band first. A message is hidden from others
 * for the length of a lease, and hidden again at every third of it while its handler runs. What becomes of it is told to SQS in
 * batches; what could not be told comes back by itself when the lease has run out.
 */
export class SqsConsumer<K extends JobKind> {
  readonly #options: SqsConsumerOptions<K>;
  readonly #bands: readonly Band[];
  readonly #leases: LeaseBook;
  readonly #leaseSeconds: number;
  readonly #held = new Set<Held>();
  readonly #events = new EventEmitter();
  /** Handlers that run. What is only being settled holds no slot. */
  #busyCount = 0;
  #round = 0;
  #isIdle = true;
  #badCount = 0;

  constructor(options: SqsConsumerOptions<K>) {
    const { api, clock, leaseMs } = options;
    this.#options = options;
    this.#leaseSeconds = leaseSecondsOf(leaseMs);
    this.#leases = new LeaseBook({ clock, leaseMs });
    this.#bands = options.urls.map((url) => ({
      url,
      removals: new Batcher({ countMax: batchCountMax, send: async (all) => await api.remove(url, all) }),
      hidings: new Batcher({ countMax: batchCountMax, send: async (all) => await api.hide(url, all) }),
    }));
  }

  /** Until `signal` aborts, and what is in hand then has ended. */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const renewing = this.#renewAll(over.signal);
    signal.addEventListener('abort', () => this.#events.emit('changed'), { once: true });
    try {
      await this.#takeAll(signal);
      while (this.#held.size > 0) await once(this.#events, 'changed');
    } finally {
      over.abort();
      await renewing;
      this.#leases.close();
    }
  }

  async #takeAll(signal: AbortSignal): Promise<void> {
    const { clock, random, slots, trouble } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      // Slots that come free in one turn are filled by one call. Settling may lag, not without end.
      await new Promise(setImmediate);
      if (signal.aborted) return;
      const freeCount = Math.min(slots - this.#busyCount, 3 * slots - this.#held.size);
      if (freeCount <= 0) {
        await once(this.#events, 'changed');
        continue;
      }
      try {
        for (const held of await this.#receive(freeCount, signal)) {
          if (signal.aborted) void this.#settle(held, async () => await this.#hide(held, 0));
          else void this.#serve(held);
        }
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        trouble.report(error);
        const delaysMs = retryDelaysMs(awayPolicy, random);
        const delayMs = delaysMs[Math.min(failures, delaysMs.length - 1)] ?? 0;
        failures += 1;
        await clock.sleep(delayMs, signal).catch(() => undefined);
      }
    }
  }

  async #receive(freeCount: number, signal: AbortSignal): Promise<Held[]> {
    const [first, second] = this.#bands;
    if (!first || !second) {
      const waitSeconds = pollSecondsMax;
      return first ? await this.#receiveFrom(first, { freeCount, waitSeconds, signal }) : [];
    }
    // A wait of 0 asks only some of SQS's servers, and may miss what is there; so what seems idle is asked again with a wait.
    // No longer than 1 s, for meanwhile nothing is taken from the other band; and never cut off, for what SQS hands to
    // a connection that is gone stays hidden for a lease.
    const waitSeconds = this.#isIdle ? 1 : 0;
    this.#round += 1;
    const isLaterFirst = this.#round % laterFirstEvery === 0;
    for (const band of isLaterFirst ? [second, first] : [first, second]) {
      const all = await this.#receiveFrom(band, { freeCount, waitSeconds, signal: undefined });
      this.#isIdle = all.length === 0;
      if (!this.#isIdle || signal.aborted) return all;
    }
    return [];
  }

  async #receiveFrom(
    band: Band,
    options: { freeCount: number; waitSeconds: number; signal: AbortSignal | undefined },
  ): Promise<Held[]> {
    const messages = await this.#options.api.receive({
      url: band.url,
      countMax: options.freeCount,
      waitSeconds: options.waitSeconds,
      visibilitySeconds: this.#leaseSeconds,
      signal: options.signal,
    });
    const receivedAtMs = this.#options.clock.monotonicMs();
    return messages.map((message) => {
      const receipt = message.ReceiptHandle ?? '';
      const held = { band, receipt, message, receivedAtMs, isOurs: true };
      this.#held.add(held);
      return held;
    });
  }

  async #serve(held: Held): Promise<void> {
    const { kind, log } = this.#options;
    const { message } = held;
    const attempt = Number(message.Attributes?.ApproximateReceiveCount ?? 1);
    const decoded = decodeMessage(message.Body ?? '');
    if (decoded.job?.kind !== kind) {
      this.#badCount += 1;
      const problem = decoded.job ? `it is a ${decoded.job.kind} job` : decoded.problem;
      log.warn('bad message', { code: 'queue.bad-message', problem, kind, badCount: this.#badCount });
      await this.#bury(held, `queue.bad-message: ${problem}`, attempt);
      return;
    }
    if (attempt > attemptsMax) {
      await this.#bury(held, neverFinishedReason, attemptsMax);
      return;
    }
    const outcome = await this.#handle(held, decoded.job, attempt);
    // Nothing may be told about a job that another worker may have by now.
    if (outcome) await this.#tell(held, outcome, attempt);
    else this.#drop(held);
  }

  /** Undefined when the lease was lost meanwhile. */
  async #handle(held: Held, job: Job, attempt: number): Promise<Outcome | undefined> {
    const signal = this.#leases.take(held.receipt);
    this.#busyCount += 1;
    try {
      const lease = { job, attempt, signal } as Lease<Extract<Job, { kind: K }>>;
      const outcome = await this.#options.handle(lease).catch(asRetry);
      return signal.aborted ? undefined : outcome;
    } finally {
      this.#busyCount -= 1;
      this.#leases.drop(held.receipt);
      this.#events.emit('changed');
    }
  }

  async #tell(held: Held, outcome: Outcome, attempt: number): Promise<void> {
    switch (outcome.kind) {
      case 'done':
        return await this.#settle(held, async () => await held.band.removals.add(held.receipt));
      case 'release':
        return await this.#settle(held, async () => await this.#hide(held, 0));
      case 'retry':
        if (attempt >= attemptsMax) return await this.#bury(held, outcome.reason, attempt);
        return await this.#settle(
          held,
          async () => await this.#hide(held, Math.ceil(outcome.delayMs / 1000)),
        );
      case 'dead':
        return await this.#bury(held, outcome.reason, attempt);
      default:
        return unreachable(outcome);
    }
  }

  async #bury(held: Held, reason: string, attempts: number): Promise<void> {
    await this.#settle(held, async () => {
      const { kind, grave } = this.#options;
      // In this order: a crash between the two makes two of it, never none.
      await grave.bury({ body: held.message.Body ?? '', reason, attempts, kind });
      await held.band.removals.add(held.receipt);
    });
  }

  async #settle(held: Held, tell: () => Promise<void>): Promise<void> {
    held.isOurs = false;
    try {
      await tell();
    } catch (error) {
      this.#options.trouble.report(error); // It comes back when its lease has run out.
    } finally {
      this.#drop(held);
    }
  }

  #drop(held: Held): void {
    this.#held.delete(held);
    this.#events.emit('changed');
  }

  async #hide(held: Held, seconds: number): Promise<void> {
    const secondsMax = Math.floor((this.#endsAtMs(held) - this.#options.clock.monotonicMs()) / 1000);
    const bounded = Math.max(0, Math.min(Math.round(seconds), secondsMax));
    await held.band.hidings.add({ receipt: held.receipt, seconds: bounded });
  }

  #endsAtMs(held: Held): number {
    return held.receivedAtMs + holdMsMax;
  }

  async #renewAll(over: AbortSignal): Promise<void> {
    const { clock, leaseMs } = this.#options;
    while (!over.aborted) {
      await clock.sleep(leaseMs / 3, over).catch(() => undefined);
      // Those that SQS is slow to answer are asked for again by the next round, not waited for.
      for (const held of this.#held) if (held.isOurs) void this.#renew(held);
    }
  }

  async #renew(held: Held): Promise<void> {
    const askedAtMs = this.#options.clock.monotonicMs();
    if (askedAtMs + this.#leaseSeconds * 1000 > this.#endsAtMs(held)) return; // It runs out, and with it the lease.
    try {
      await this.#hide(held, this.#leaseSeconds);
      this.#leases.renew([held.receipt], askedAtMs);
    } catch (thrown) {
      const { code } = asTouchlineError(thrown);
      if (code === 'queue.refused') this.#leases.lose([held.receipt]);
      else this.#options.trouble.report(thrown);
    }
  }
}

/** Whole seconds, and one for the way: SQS counts from when it answers, we from when we have the answer. */
export function leaseSecondsOf(leaseMs: number): number {
  return Math.ceil(leaseMs / 1000) + 1;
}

/** SQS holds a message back from others for 12 h from its receipt, and not for longer; a minute less for the way and its clock. */
export const holdMsMax = 12 * 3_600_000 - 60_000;
/** What may wait is never starved by what is urgent. */
const laterFirstEvery = 4;
/** Between polls that fail. The last one stays. */
const awayPolicy: RetryPolicy = { delaysMs: [200, 500, 1_000, 2_000, 5_000], jitter: 0.5 };
const neverFinishedReason = `it was handed out ${attemptsMax} times and never finished: its worker died each time, or gave it back`;

function asRetry(thrown: unknown): Outcome {
  return { kind: 'retry', delayMs: thrownRetryDelayMs, reason: asTouchlineError(thrown).message };
}
