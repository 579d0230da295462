import { createHash } from 'node:crypto';

import { TouchlineError } from '../../../core/errors.ts';
import { silentLog, type Log } from '../../../core/log.ts';
import { systemRandom } from '../../../core/random.ts';
import { segmentRecord, type SegmentRecord } from '../../../core/segment.ts';
import type { EventInbox } from '../../../ingest/medialive/watch-inbox.ts';
import type { WatchedRun } from '../../../ingest/medialive/watch-journal.ts';
import type { WatchObjects } from '../../../ingest/medialive/watch-listing.ts';
import type { WatchEvents } from '../../../ingest/medialive/watch-run.ts';
import { MediaLiveWatcher } from '../../../ingest/medialive/watcher.ts';
import { HandClock } from '../hand-clock.ts';
import type { Bucket } from './made-hls.ts';

/** Tells a watcher that waits for something to happen from one that is at work. */
class WatchedClock extends HandClock {
  readonly #sleeps = new Set<object>();
  /** Sleeps that were begun. */
  changeCount = 0;

  /** Sleeps that are not the time limit of a call on its way. */
  get parkedCount(): number {
    return this.#sleeps.size;
  }

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.changeCount += 1;
    if (limitsMs.has(ms)) return await super.sleep(ms, signal);
    const sleep = {};
    this.#sleeps.add(sleep);
    try {
      await super.sleep(ms, signal);
    } finally {
      this.#sleeps.delete(sleep);
    }
  }
}

/** What `Persistence` gives a call to the store or the listener, and one to the disk. */
const limitsMs: ReadonlySet<number> = new Set([30_000, 10_000]);

/** Bucket, queue, listener and clock around watchers that come and go over one journal. */
export class WatchHouse implements WatchObjects, WatchEvents, EventInbox, Bucket {
  readonly clock = new WatchedClock(Date.UTC(2026, 2, 1, 12));
  readonly objects = new Map<string, { bytes: Uint8Array; putAtMs: number }>();
  /** As announced, repetitions included. */
  readonly heard: string[] = [];
  /** Of the newest run, by number. */
  readonly records = new Map<number, SegmentRecord>();
  readonly late = new Map<number, string>();
  readonly acknowledged: string[] = [];
  readonly rejected: { body: string; reason: string }[] = [];
  readonly gets: string[] = [];
  log: Log = silentLog;
  /** Called before each announcement and each call of the bucket; what it throws is what is answered. */
  before: (what: string) => void | Promise<void> = () => {};
  watcher: MediaLiveWatcher | undefined;
  #messages: string[] = [];
  #wakeReceiver: () => void = () => {};
  #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  readonly #folder: string;
  #watchCount = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The regular records, in order. */
  get line(): SegmentRecord[] {
    return [...this.records.values()]
      .filter((record) => !this.late.has(record.seq))
      .toSorted((one, other) => one.seq - other.seq);
  }

  async open(
    runs: readonly WatchedRun[],
    options: { sweepMs?: number; prefix?: string } = {},
  ): Promise<void> {
    this.#stopping = new AbortController();
    this.watcher = new MediaLiveWatcher({
      objects: this,
      events: this,
      inbox: this,
      clock: this.clock,
      random: systemRandom,
      log: this.log,
      journalFolder: this.#folder,
      bucket: 'media',
      prefix: options.prefix ?? 'in',
      sweepMs: options.sweepMs ?? 25_000, // Not the 30 s of a call: that is how the clock tells them apart.
    });
    this.#running = this.watcher.run(this.#stopping.signal);
    for (const run of runs) await this.watcher.watchRun(run);
    this.#watchCount = runs.length;
    await this.settle();
  }

  /** What SIGTERM does; a SIGKILL at the same place leaves the same journal behind. */
  async close(): Promise<void> {
    this.#stopping.abort(new Error('stopping'));
    await this.#running;
    this.#watchCount = 0;
  }

  async end(runId: string): Promise<void> {
    this.#watchCount -= 1;
    const ending = this.watcher?.endRun(runId, 'stopped');
    const isEnded = async (): Promise<boolean> => {
      const turn = new Promise<false>((resolve) => setImmediate(resolve, false));
      return await Promise.race([ending?.then(() => true) ?? turn, turn]);
    };
    const startedAt = performance.now();
    for (let turn = 0; !(await isEnded()); turn += 1) {
      if (turn % 50 === 49) this.clock.advance(50);
      if (performance.now() - startedAt > 20_000) throw new Error('the run never ended');
    }
  }

  /** Lets time go by in small steps, and what it wakes come to rest each time. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(stepMs, left));
      await this.settle();
    }
  }

  /** Resolves when every watch waits for something to happen. */
  async settle(): Promise<void> {
    const startedAt = performance.now();
    let changedAt = startedAt;
    let changeCount = -1;
    for (let restful = 0; restful < 3;) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = performance.now();
      if (this.clock.changeCount !== changeCount) [changeCount, changedAt] = [this.clock.changeCount, now];
      // A watch may wait for as long as a call may take, by chance: then it is its stillness that tells.
      const isParked = this.clock.parkedCount >= this.#watchCount || now - changedAt > 1000;
      restful = isParked ? restful + 1 : 0;
      if (now - startedAt > 20_000) throw new Error('it never came to rest');
    }
  }

  send(...bodies: string[]): void {
    this.#messages.push(...bodies);
    this.#wakeReceiver();
  }

  async receive(signal: AbortSignal): Promise<Awaited<ReturnType<EventInbox['receive']>>> {
    if (this.#messages.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wakeReceiver = () => {
          signal.removeEventListener('abort', this.#wakeReceiver);
          resolve();
        };
        signal.addEventListener('abort', this.#wakeReceiver, { once: true });
      });
    }
    return this.#messages.splice(0, 10).map((body) => ({
      body,
      acknowledge: async () => void this.acknowledged.push(body),
      reject: async (reason) => void this.rejected.push({ body, reason }),
    }));
  }

  put(key: string, bytes: Uint8Array): void {
    this.objects.set(key, { bytes, putAtMs: this.clock.nowMs() });
  }

  async list(
    prefix: string,
    { startAfter = '', limit = 1000 }: { startAfter?: string; limit?: number },
  ): Promise<{ key: string; bytes: number }[]> {
    await this.before('list');
    return [...this.objects]
      .map(([key, { bytes }]) => ({ key, bytes: bytes.length }))
      .filter(({ key }) => key.startsWith(prefix) && key > startAfter)
      .toSorted((one, other) => (one.key < other.key ? -1 : 1))
      .slice(0, limit);
  }

  async get(key: string): Promise<Uint8Array> {
    await this.before(`get ${key}`);
    this.gets.push(key);
    const object = this.objects.get(key);
    if (object) return object.bytes;
    throw new TouchlineError({
      code: 'store.not-found',
      message: 'gone',
      retryable: false,
      blame: 'environment',
    });
  }

  async head(key: string): Promise<{ bytes: number; etag: string } | undefined> {
    await this.before(`head ${key}`);
    const bytes = this.objects.get(key)?.bytes;
    return bytes && { bytes: bytes.length, etag: createHash('sha256').update(bytes).digest('hex') };
  }

  async onRunStarted(run: { runId: string; startWallMs: number }): Promise<void> {
    await this.before('start');
    this.heard.push(`start ${run.runId}`);
  }

  async onSegment(record: SegmentRecord): Promise<void> {
    await this.before(`segment ${record.seq}`);
    this.#hear(record, undefined);
  }

  async onSegmentLate(late: { segment: SegmentRecord; reason: string }): Promise<void> {
    await this.before(`late ${late.segment.seq}`);
    this.#hear(late.segment, late.reason);
  }

  async onRunEnded(run: { runId: string; segmentCount: number; why: string }): Promise<void> {
    await this.before('end');
    this.heard.push(`${run.why} ${run.segmentCount}`);
  }

  /** Holds every announcement to the promise: schema-true, in order, and never two different things under one number. */
  #hear(record: SegmentRecord, lateReason: string | undefined): void {
    segmentRecord.parse(record);
    if (this.records.get(0) && this.records.get(0)?.runId !== record.runId) this.records.clear();
    const known = this.records.get(record.seq);
    if (known && JSON.stringify(known) !== JSON.stringify(record)) {
      throw new Error(`number ${record.seq} was told twice, of different things`);
    }
    if (!known && record.seq !== this.records.size) {
      throw new Error(`number ${record.seq} was told after ${this.records.size - 1}`);
    }
    if (!this.objects.has(record.key)) throw new Error(`${record.key} is not in the bucket`);
    this.records.set(record.seq, record);
    if (lateReason !== undefined) this.late.set(record.seq, lateReason);
    this.heard.push(lateReason === undefined ? String(record.seq) : `late ${record.seq}`);
  }
}

const stepMs = 250;
