import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Job, JobKind } from '../core/jobs.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { ConsumeOptions, DeadJob, Queue, QueueCapabilities } from './queue.ts';
import { batchCountMax, SqsApi, type Outgoing } from './sqs-api.ts';
import { holdMsMax, leaseSecondsOf, SqsConsumer } from './sqs-consumer.ts';
import { Grave } from './sqs-grave.ts';
import { bandOf, layoutOf, queueNames, type SqsLayout } from './sqs-layout.ts';
import { bodyBytesMax, encodeMessage } from './sqs-message.ts';
import { TroubleLog } from './trouble-log.ts';

/**
 * The queue on standard queues of Amazon SQS. They keep no order, know no ids and deliver twice now and then: what follows from
 * that stands in `capabilities`. FIFO queues would know ids, but there one job that is stuck holds back its whole channel.
 */
export class SqsQueue implements Queue {
  readonly capabilities: QueueCapabilities;
  readonly #api: SqsApi;
  readonly #layout: SqsLayout;
  readonly #urls: ReadonlyMap<string, string>;
  readonly #grave: Grave;
  readonly #leaseMs: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #trouble: TroubleLog;
  readonly #closed = new AbortController();

  /** @throws TouchlineError `queue.missing`, `queue.denied`, `queue.unavailable` */
  static async open(options: {
    region: string;
    prefix: string;
    leaseMs: number;
    clock: Clock;
    random: Random;
    log: Log;
  }): Promise<Queue> {
    const api = new SqsApi(options);
    try {
      const names = queueNames(layoutOf(options.prefix));
      const urls = await Promise.all(names.map(async (name) => await api.urlOf(name)));
      const missing = names.filter((_, index) => urls[index] === undefined);
      if (missing.length > 0) throw noQueues(missing, options.region);
      return new SqsQueue({
        ...options,
        api,
        urls: new Map(names.map((name, index) => [name, urls[index] ?? ''])),
      });
    } catch (error) {
      api.close();
      throw error;
    }
  }

  private constructor(options: {
    prefix: string;
    leaseMs: number;
    clock: Clock;
    random: Random;
    log: Log;
    api: SqsApi;
    urls: ReadonlyMap<string, string>;
  }) {
    this.#api = options.api;
    this.#layout = layoutOf(options.prefix);
    this.#urls = options.urls;
    this.#grave = new Grave({ api: options.api, url: this.#urlOf(this.#layout.dead) });
    this.#leaseMs = options.leaseMs;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.log;
    this.#trouble = new TroubleLog(options);
    this.capabilities = {
      engine: 'sqs',
      ordersByDeadline: false,
      dedupesWaiting: false,
      countsReleases: true,
      // Its last renewal, and the poll that finds it.
      recoveryMsMax: leaseSecondsOf(options.leaseMs) * 1000 + 4_000,
      delayMsMax: holdMsMax - 3_600_000, // A retry is a longer hold, and its handler may have run for an hour.
    };
  }

  async put(jobs: readonly Job[]): Promise<void> {
    this.#assertOpen();
    const nowMs = this.#clock.nowMs();
    const byUrl = new Map<string, Outgoing[]>();
    for (const job of jobs) {
      const url = this.#urlOf(bandOf(job, this.#layout, nowMs));
      byUrl.set(url, [...(byUrl.get(url) ?? []), toMessage(job)]);
    }
    const batches = [...byUrl].flatMap(([url, all]) => slicesOf(all).map((slice) => ({ url, slice })));
    for (let start = 0; start < batches.length; start += putsAtOnceMax) {
      const some = batches.slice(start, start + putsAtOnceMax);
      await Promise.all(some.map(async ({ url, slice }) => await this.#api.send(url, slice)));
    }
  }

  async consume<K extends JobKind>(kind: K, options: ConsumeOptions<K>): Promise<void> {
    const signal = AbortSignal.any([options.signal, this.#closed.signal]);
    if (signal.aborted) return;
    const consumer = new SqsConsumer({
      ...options,
      kind,
      api: this.#api,
      urls: this.#layout.bands[kind].map((name) => this.#urlOf(name)),
      grave: this.#grave,
      leaseMs: this.#leaseMs,
      clock: this.#clock,
      random: this.#random,
      log: this.#log,
      trouble: this.#trouble,
    });
    await consumer.run(signal);
  }

  async consumeDead(options: {
    signal: AbortSignal;
    handle: (dead: DeadJob) => Promise<void>;
  }): Promise<void> {
    const signal = AbortSignal.any([options.signal, this.#closed.signal]);
    const tools = { clock: this.#clock, log: this.#log, trouble: this.#trouble };
    await this.#grave.empty({ ...options, signal }, tools);
  }

  async ping(timeoutMs: number): Promise<void> {
    this.#assertOpen();
    await this.#api.attributesOf(this.#urlOf(this.#layout.dead), ['QueueArn'], timeoutMs);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#api.close();
  }

  #urlOf(name: string): string {
    return this.#urls.get(name) ?? '';
  }

  #assertOpen(): void {
    if (!this.#closed.signal.aborted) return;
    throw new TouchlineError({
      code: 'queue.unavailable',
      message: 'this queue was closed: open another',
      retryable: false,
      blame: 'touchline',
    });
  }
}

/** Calls of one put that are under way together. */
const putsAtOnceMax = 4;

function toMessage(job: Job): Outgoing {
  return { body: encodeMessage(job), groupId: job.channelId };
}

/** Ten a call, and no more bytes together than one message may have. */
function slicesOf(messages: readonly Outgoing[]): Outgoing[][] {
  const slices: Outgoing[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const last = slices.at(-1);
    const messageBytes = Buffer.byteLength(message.body);
    bytes += messageBytes;
    if (last && last.length < batchCountMax && bytes <= bodyBytesMax) last.push(message);
    else {
      slices.push([message]);
      bytes = messageBytes;
    }
  }
  return slices;
}

function noQueues(names: readonly string[], region: string): TouchlineError {
  return new TouchlineError({
    code: 'queue.missing',
    message: `${region} has no queue ${names.join(', ')}: make them with "touchline aws queues", or mend TOUCHLINE_QUEUE.`,
    retryable: false,
    blame: 'environment',
  });
}
