import type { Clock } from '../core/clock.ts';
import type { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { SegmentRecord } from '../core/segment.ts';

import type { IngestEvents, IngestHost, RunEnd } from './channel.ts';
import { RunJournal, type RunIdentity } from './journal.ts';
import { Persistence } from './persistence.ts';
import type { SpillFolder } from './spill.ts';

export interface OutletOptions {
  host: Pick<IngestHost, 'putSegment'>;
  events: IngestEvents;
  clock: Clock;
  random: Random;
  log: Log;
  /** Where the journals of runs lie; absent for what is simply done again after a crash. */
  journalFolder?: string;
  spill?: SpillFolder;
  /** Announcing waits for it: what a crash left untold, and the channel's run before this one, are told first. */
  announceAfter?: Promise<unknown>;
}

/**
 * Takes the numbered segments of one run to the store, into the journal and to the listener: in this order, one after
 * the other, each until it goes through. Two lines that do not hold each other up: storing goes on while nobody listens.
 */
export class RunOutlet {
  readonly #options: OutletOptions;
  readonly #run: RunIdentity;
  readonly #giveUpStoring = new AbortController();
  readonly #giveUpAnnouncing = new AbortController();
  readonly #toStore: Persistence;
  readonly #toListener: Persistence;
  readonly #waiting: Waiting[] = [];
  readonly #journal: Promise<RunJournal | undefined>;
  #storing: Promise<void>;
  #announcing: Promise<void>;
  #storedCount = 0;
  #unannouncedCount = 0;
  #progressMonotonicMs = -Infinity;
  #failure: TouchlineError | undefined;

  constructor(run: RunIdentity, options: OutletOptions) {
    this.#run = run;
    this.#options = options;
    const { clock, random, log } = options;
    this.#toStore = new Persistence({ clock, random, log, signal: this.#giveUpStoring.signal });
    this.#toListener = new Persistence({ clock, random, log, signal: this.#giveUpAnnouncing.signal });
    this.#journal = this.#openJournal();
    this.#storing = this.#journal.then(
      () => {},
      () => {},
    );
    const calledOff = new Promise<void>((resolve) =>
      this.#giveUpAnnouncing.signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    this.#announcing = Promise.race([options.announceAfter ?? Promise.resolve(), calledOff]).then(
      () => {},
      () => {},
    );
    this.#announce('start', () => options.events.onRunStarted(run));
  }

  /** Of segments that the store has not acknowledged and that are held in memory. */
  get memoryBytes(): number {
    let bytes = 0;
    for (const waiting of this.#waiting) bytes += waiting.bytes?.length ?? 0;
    return bytes;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  get unannouncedCount(): number {
    return this.#unannouncedCount;
  }

  get hasSpilled(): boolean {
    return this.#waiting.some((waiting) => waiting.bytes === undefined);
  }

  /** Why the store did not take the oldest segment when it was last asked. */
  get failure(): TouchlineError | undefined {
    return this.#failure;
  }

  offer(record: SegmentRecord, bytes: Uint8Array): void {
    const waiting: Waiting = { record, bytes };
    this.#waiting.push(waiting);
    this.#storing = this.#storing.then(() => this.#store(waiting)).catch(() => {});
  }

  /** Resolves when everything offered so far is in the store and in the journal. */
  async settled(): Promise<void> {
    await this.#storing;
  }

  /** Moves what waits to the disk, newest first: the oldest is being written to the store. @returns true when all of it went */
  async spill(): Promise<boolean> {
    const { spill } = this.#options;
    for (const waiting of this.#waiting.slice(1).toReversed()) {
      const { bytes, record } = waiting;
      if (!bytes) continue;
      if (!spill || !(await this.#spillOne(spill, record, bytes))) return false;
      // It may have gone to the store meanwhile.
      if (this.#waiting.includes(waiting)) delete waiting.bytes;
      else await spill.remove(spillName(record), record.bytes);
    }
    return true;
  }

  /**
   * Ends the run when all is stored, and resolves when its end was announced. When nothing could be stored for `msMax`, what
   * is left is kept on the disk and stored at the next start; likewise what could not be announced is told then.
   *
   * @param notes what a person should know of the run
   */
  async close(why: RunEnd, msMax: number, notes: readonly string[] = []): Promise<void> {
    const { events } = this.#options;
    await this.#whileItGoesOn(msMax, this.#storing, this.#giveUpStoring);
    const { channelId, runId } = this.#run;
    const journal = await this.#journal.catch(() => undefined);
    const { kept, lost } = await this.#keepWaiting(journal);
    const end = { channelId, runId, segmentCount: this.#storedCount, why };
    const lasting = lost === undefined ? notes : [...notes, lost];
    if (journal)
      await this.#toStore.tryOnDisk('close journal', () => journal.ended({ ...end, notes: lasting }));
    const told = { ...end, notes: kept === undefined ? lasting : [...lasting, kept] };
    this.#announce(undefined, () => events.onRunEnded(told));
    await this.#whileItGoesOn(msMax, this.#announcing, this.#giveUpAnnouncing);
    const isComplete = this.#unannouncedCount === 0 && kept === undefined;
    if (journal) await this.#toStore.tryOnDisk('close journal', () => journal.close(isComplete));
  }

  async #whileItGoesOn(msMax: number, work: Promise<void>, giveUp: AbortController): Promise<void> {
    const { clock } = this.#options;
    const done = new AbortController();
    const startedMs = clock.monotonicMs();
    const idleMs = (): number => clock.monotonicMs() - Math.max(startedMs, this.#progressMonotonicMs);
    const watch = async (): Promise<void> => {
      while (idleMs() < msMax) await clock.sleep(msMax - idleMs(), done.signal);
      giveUp.abort(new Error('the time to close a run was up'));
    };
    const watching = watch().catch(() => {}); // Called off: the work is done.
    await work;
    done.abort();
    await watching;
  }

  /**
   * What the store did not take goes beside the journal, in order, as far as the disk takes it. The first of them may be in
   * the store after all: nobody has heard. @returns what to tell of those that are kept, and of those that are lost
   */
  async #keepWaiting(
    journal: RunJournal | undefined,
  ): Promise<{ kept: string | undefined; lost: string | undefined }> {
    const { log, spill } = this.#options;
    const waiting = this.#waiting.splice(0);
    let keptCount = 0;
    for (const { record, bytes } of waiting) {
      const media = bytes ?? (spill && { path: spill.pathOf(spillName(record)) });
      if (!journal || !media) break;
      if (!(await this.#toStore.tryOnDisk('keep segment', () => journal.keep(record, media)))) break;
      keptCount += 1;
    }
    for (const { record, bytes } of waiting) {
      if (!bytes && spill)
        await this.#toStore.tryOnDisk('empty spill', () => spill.remove(spillName(record), record.bytes));
    }
    const error = this.#failure;
    const tell = (some: readonly Waiting[], what: string): string | undefined => {
      if (some.length === 0) return undefined;
      const bytes = some.reduce((sum, one) => sum + one.record.bytes, 0);
      log.error(`segments ${what}: the store did not take them`, {
        ...this.#run,
        count: some.length,
        bytes,
        error,
      });
      const why = error ? ` (${error.message})` : '';
      const count = `${some.length} ${some.length === 1 ? 'segment' : 'segments'}`;
      return `${count}, ${(bytes / 1e6).toFixed(1)} MB, not taken by the store${why}: ${what}`;
    };
    const kept = tell(
      waiting.slice(0, keptCount),
      'kept on this disk until the next start, which stores them',
    );
    const lost = tell(waiting.slice(keptCount), 'lost');
    return { kept, lost };
  }

  async #spillOne(spill: SpillFolder, record: SegmentRecord, bytes: Uint8Array): Promise<boolean> {
    const name = spillName(record);
    const work = spill.write(name, bytes);
    if (await this.#toStore.tryOnDisk('spill segment', () => work)) return await work;
    // It still may come through: nobody will ask for it.
    void work.then((isWritten) => (isWritten ? spill.remove(name, record.bytes) : undefined));
    return false;
  }

  async #openJournal(): Promise<RunJournal | undefined> {
    const { journalFolder } = this.#options;
    if (journalFolder === undefined) return undefined;
    return await this.#toStore.insist('open journal', () => RunJournal.create(journalFolder, this.#run), {
      onFailure: this.#noteFailure,
      isLocal: true,
    });
  }

  async #store(waiting: Waiting): Promise<void> {
    const { host, spill, events } = this.#options;
    const { record } = waiting;
    const onFailure = this.#noteFailure;
    const onDisk = { onFailure, isLocal: true };
    const bytes =
      waiting.bytes ??
      (spill &&
        (await this.#toStore.insist('read spilled segment', () => spill.read(spillName(record)), onDisk)));
    if (!bytes) return;
    const journal = await this.#journal;
    if (journal) await this.#toStore.insist('journal segment', () => journal.coming(record), onDisk);
    await this.#toStore.insist('store segment', () => host.putSegment(record.key, bytes), { onFailure });
    if (journal) await this.#toStore.insist('journal segment', () => journal.stored(record), onDisk);
    const isSpilled = waiting.bytes === undefined;
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    this.#storedCount += 1;
    this.#progressMonotonicMs = this.#options.clock.monotonicMs();
    this.#announce(record.seq, () => events.onSegment(record));
    if (isSpilled && spill)
      await this.#toStore.tryOnDisk('empty spill', () => spill.remove(spillName(record), record.bytes));
  }

  readonly #noteFailure = (error: TouchlineError | undefined): void => {
    this.#failure = error;
  };

  #announce(what: 'start' | number | undefined, call: () => Promise<void>): void {
    this.#unannouncedCount += 1;
    this.#announcing = this.#announcing
      .then(async () => {
        // Nothing is told of a run before its journal is there to tell it again.
        const journal = await this.#journal;
        await this.#toListener.insist('announce', call);
        this.#unannouncedCount -= 1;
        this.#progressMonotonicMs = this.#options.clock.monotonicMs();
        // Not waited for: what is lost of it is told twice, and a disk that hangs need not keep the news back.
        if (what === undefined) return;
        journal?.announced(what).catch((error: unknown) => {
          this.#options.log.warn('journal announcement failed', { runId: this.#run.runId, error });
        });
      })
      .catch((error: unknown) => {
        if (!this.#giveUpAnnouncing.signal.aborted) this.#options.log.error('announcing failed', { error });
      });
  }
}

interface Waiting {
  record: SegmentRecord;
  /** Absent when they lie in the spill folder. */
  bytes?: Uint8Array;
}

function spillName(record: SegmentRecord): string {
  return `${record.id}.ts`;
}
