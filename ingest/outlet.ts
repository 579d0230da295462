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
    this.#announcing = (options.announceAfter ?? Promise.resolve()).then(
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
      if (!spill || !(await spill.write(spillName(record), bytes))) return false;
      // It may have gone to the store meanwhile.
      if (this.#waiting.includes(waiting)) delete waiting.bytes;
      else await spill.remove(spillName(record), record.bytes);
    }
    return true;
  }

  /**
   * Ends the run when all is stored, and resolves when its end was announced. When nothing could be stored for `msMax` it
   * gives up what is left; likewise the announcing: that stays in the journal and is told at the next start.
   */
  async close(why: RunEnd, msMax: number): Promise<void> {
    const { events, log } = this.#options;
    await this.#whileItGoesOn(msMax, this.#storing, this.#giveUpStoring);
    const { channelId, runId } = this.#run;
    if (this.#waiting.length > 0) await this.#abandonWaiting();
    const end = { channelId, runId, segmentCount: this.#storedCount, why };
    const journal = await this.#journal.catch(() => undefined);
    await journal?.ended({ why, segmentCount: end.segmentCount }).catch((error: unknown) => {
      log.error('journal not closed', { runId, error });
    });
    this.#announce(undefined, () => events.onRunEnded(end));
    await this.#whileItGoesOn(msMax, this.#announcing, this.#giveUpAnnouncing);
    await journal?.close(this.#unannouncedCount === 0);
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

  async #abandonWaiting(): Promise<void> {
    const lost = this.#waiting.splice(0);
    const bytes = lost.reduce((sum, waiting) => sum + waiting.record.bytes, 0);
    const fields = { ...this.#run, count: lost.length, bytes, error: this.#failure };
    this.#options.log.error('segments lost: the store did not take them', fields);
    for (const { record, bytes } of lost) {
      if (!bytes) await this.#options.spill?.remove(spillName(record), record.bytes);
    }
  }

  async #openJournal(): Promise<RunJournal | undefined> {
    const { journalFolder } = this.#options;
    if (journalFolder === undefined) return undefined;
    return await this.#toStore.insist('open journal', () => RunJournal.create(journalFolder, this.#run), {
      isLocal: true,
    });
  }

  async #store(waiting: Waiting): Promise<void> {
    const { host, spill, events } = this.#options;
    const { record } = waiting;
    const onFailure = (error: TouchlineError | undefined): void => {
      this.#failure = error;
    };
    const bytes =
      waiting.bytes ??
      (spill &&
        (await this.#toStore.insist('read spilled segment', () => spill.read(spillName(record)), {
          isLocal: true,
        })));
    if (!bytes) return;
    const journal = await this.#journal;
    const inJournal = { onFailure, isLocal: true };
    if (journal) await this.#toStore.insist('journal segment', () => journal.coming(record), inJournal);
    await this.#toStore.insist('store segment', () => host.putSegment(record.key, bytes), { onFailure });
    if (journal) await this.#toStore.insist('journal segment', () => journal.stored(record), inJournal);
    const isSpilled = waiting.bytes === undefined;
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    this.#storedCount += 1;
    this.#progressMonotonicMs = this.#options.clock.monotonicMs();
    if (isSpilled) await spill?.remove(spillName(record), record.bytes);
    this.#announce(record.seq, () => events.onSegment(record));
  }

  #announce(what: 'start' | number | undefined, call: () => Promise<void>): void {
    this.#unannouncedCount += 1;
    this.#announcing = this.#announcing
      .then(async () => {
        // Nothing is told of a run before its journal is there to tell it again.
        const journal = await this.#journal;
        await this.#toListener.insist('announce', call);
        this.#unannouncedCount -= 1;
        this.#progressMonotonicMs = this.#options.clock.monotonicMs();
        if (what !== undefined) await journal?.announced(what);
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
