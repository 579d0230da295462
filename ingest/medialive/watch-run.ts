import { createHash } from 'node:crypto';

import { Bell } from '../../core/bell.ts';
import type { Clock } from '../../core/clock.ts';
import { asTouchlineError } from '../../core/errors.ts';
import { isWorthALine, type Log } from '../../core/log.ts';
import { msFromTicks } from '../../core/media-time.ts';
import type { Random } from '../../core/random.ts';
import { unreadSha256, type SegmentRecord } from '../../core/segment.ts';

import type { IngestEvents, RunEnd } from '../channel.ts';
import { Persistence } from '../persistence.ts';
import { readSegmentContent } from './segment-content.ts';
import { WatchJournal, type Told, type WatchedRun } from './watch-journal.ts';
import { runFolder, type Pipeline } from './watch-key.ts';
import { PipelineListing, type ListedObject, type WatchObjects } from './watch-listing.ts';
import { WatchNumbering } from './watch-numbering.ts';
import { chooseNext, isAhead, placedAtMs, type FoundSegment } from './watch-order.ts';

/** What the watcher tells: what every driver does. */
export type WatchEvents = Pick<IngestEvents, 'onRunStarted' | 'onSegment' | 'onSegmentLate' | 'onRunEnded'>;

export interface RunWatchOptions {
  objects: WatchObjects;
  events: WatchEvents;
  clock: Clock;
  random: Random;
  log: Log;
  journalFolder: string;
  /** In front of `medialive/` in every key of the store; '' when there is none. */
  prefix: string;
  /** How often the folder is read when no event says that something is new. */
  sweepMs: number;
  /** Announcing waits for it: the channel's run before this one is told first, whole. */
  announceAfter?: Promise<unknown>;
}

/** How a run goes, for health and for people. */
export interface WatchFigures {
  channelId: string;
  runId: string;
  /** Segments in the ledger, late ones included. */
  segmentCount: number;
  /** Of the last segment taken. */
  pipeline: Pipeline | undefined;
  last: SegmentRecord | undefined;
  /** How long ago the last segment was taken, since the run is watched. */
  idleMs: number;
  failoverCount: number;
  gapCount: number;
  gapMs: number;
  /** Dead on arrival, with a number: late, an overlap, or unusable. */
  lateCount: number;
  /** Objects that cannot become a segment at all, and lines of playlists that were passed over. */
  refusedCount: number;
  lastProblem: string | undefined;
}

/**
 * Watches the folder of one run and announces each of its segments once, in order. The listing is what is true; an event only
 * says that it is worth a look, so events may come twice, in any order, late or never.
 */
export class RunWatch {
  readonly run: WatchedRun;
  /** Resolves when the run's end was announced, or when the watch was called off. */
  readonly closed: Promise<void>;
  readonly #options: RunWatchOptions;
  readonly #numbering: WatchNumbering;
  readonly #listings: PipelineListing[];
  readonly #bell = new Bell();
  readonly #found = new Map<string, FoundSegment>();
  /** By key, why each can be no part of the run. */
  readonly #refused = new Map<string, string>();
  readonly #counts = { failover: 0, gap: 0, gapMs: 0, late: 0, refused: 0 };
  /** Where the next listing begins when an event names something older than is looked at. */
  #fromMs = Infinity;
  #close: () => void = () => {};
  #end: RunEnd | undefined;
  #lastProblem: string | undefined;
  #takenAtMs: number;

  constructor(run: WatchedRun, options: RunWatchOptions) {
    this.run = run;
    this.#options = options;
    this.#takenAtMs = options.clock.monotonicMs();
    this.#numbering = new WatchNumbering({ channelId: run.channelId, runId: run.runId }, run);
    const pipelines: Pipeline[] = run.pipelineCount === 2 ? [0, 1] : [0];
    this.#listings = pipelines.map(
      (pipeline) =>
        new PipelineListing({
          objects: options.objects,
          runFolder: runFolder(options.prefix, run),
          pipeline,
          onProblem: (what, problem) => this.#refuse(what, problem),
        }),
    );
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  /** An event says that a segment which began at `stampMs` is there. */
  note(stampMs: number): void {
    this.#fromMs = Math.min(this.#fromMs, stampMs);
    this.#bell.ring();
  }

  /** Nothing more will be written. What is there is taken, without waiting; then the run's end is announced. */
  async end(why: RunEnd): Promise<void> {
    this.#end ??= why;
    this.#bell.ring();
    await this.closed;
  }

  figures(): WatchFigures {
    const { head, last, segmentCount } = this.#numbering;
    return {
      channelId: this.run.channelId,
      runId: this.run.runId,
      segmentCount,
      pipeline: head?.pipeline,
      last,
      idleMs: this.#options.clock.monotonicMs() - this.#takenAtMs,
      failoverCount: this.#counts.failover,
      gapCount: this.#counts.gap,
      gapMs: this.#counts.gapMs,
      lateCount: this.#counts.late,
      refusedCount: this.#counts.refused,
      lastProblem: this.#lastProblem,
    };
  }

  /** Returns when the run's end was announced; when `signal` aborts before, the journal stays for the next start. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock, random, log, journalFolder } = this.#options;
    const persistence = new Persistence({ clock, random, log, signal });
    let journal: WatchJournal | undefined;
    let isComplete = false;
    try {
      await Promise.race([this.#options.announceAfter, aborted(signal)]);
      const opened = await persistence.insist(
        'open journal',
        () => WatchJournal.open(journalFolder, this.run),
        { isLocal: true },
      );
      ({ journal } = opened);
      const told = new Teller(journal, persistence, this.#options.events);
      await this.#resume(opened, told);
      await this.#follow(told, persistence, signal);
      isComplete = true;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await journal?.close(isComplete);
      this.#close();
    }
  }

  async #resume(opened: { told: Told[]; lastAnnouncedSeq: number }, teller: Teller): Promise<void> {
    for (const told of opened.told) {
      this.#numbering.restore(told);
      this.#count(told);
      if (told.record.seq > opened.lastAnnouncedSeq) await teller.announce(told);
    }
  }

  async #follow(teller: Teller, persistence: Persistence, signal: AbortSignal): Promise<void> {
    const { clock, sweepMs, events, log } = this.#options;
    for (;;) {
      // Asked before looking: what was written before the end is seen by a look behind it.
      const end = this.#end;
      const isWhole = await persistence.insist('list segments', () => this.#look(end !== undefined), {
        onFailure: (error) => {
          this.#lastProblem = error?.message;
        },
      });
      const lookedAtMs = clock.monotonicMs();
      const untilMs = await this.#takeAll(teller, persistence, end !== undefined);
      if (end !== undefined && untilMs === Infinity) {
        const { channelId, runId } = this.run;
        const { segmentCount } = this.#numbering;
        if (segmentCount > 0) {
          const told = { channelId, runId, segmentCount, why: end };
          await persistence.insist('announce', () => events.onRunEnded(told));
        }
        log.info('run ended', { runId, why: end, segmentCount, ...this.#counts });
        return;
      }
      const nowMs = clock.monotonicMs();
      const waitMs = Math.min(
        sweepMs,
        untilMs - nowMs,
        this.#isPlaylistDue(nowMs) ? playlistPollMs : Infinity,
      );
      if (isWhole) await this.#bell.wait(Math.max(0, waitMs), clock, signal);
      const restMs = lookedAtMs + lookMsMin - clock.monotonicMs();
      if (restMs > 0) await clock.sleep(restMs, signal);
    }
  }

  /**
   * @param isLast reads the whole folder, so that nothing in it stays unnamed
   * @returns false when there is more than fits: what was found is taken first
   */
  async #look(isLast: boolean): Promise<boolean> {
    const { head } = this.#numbering;
    const fromMs = head && !isLast ? Math.min(this.#fromMs, head.stampMs - lookBackMs) : 0;
    this.#fromMs = Infinity;
    let isWhole = true;
    for (const listing of this.#listings) {
      for await (const page of listing.pages(fromMs)) {
        for (const object of page) this.#see(object);
        isWhole = isLast || this.#found.size < foundMax;
        if (!isWhole) break;
      }
      const unlisted = [...this.#found.values()].filter(
        (one) => one.pipeline === listing.pipeline && this.#wantsListing(one, isLast),
      );
      if (unlisted.length === 0) continue;
      const entries = await listing.entries();
      for (const one of unlisted) {
        const entry = entries.get(one.name);
        if (entry) one.listed = entry;
      }
    }
    return isWhole;
  }

  #wantsListing(found: FoundSegment, isLast: boolean): boolean {
    if (found.listed || found.isRefused) return false;
    const { head } = this.#numbering;
    const isNew = placedAtMs(found, false) > this.#options.clock.monotonicMs();
    return isNew || isLast || !head || isAhead(found, head, this.run);
  }

  /** A playlist is written right behind its segment, and no event may tell of it. */
  #isPlaylistDue(nowMs: number): boolean {
    for (const found of this.#found.values()) {
      if (!found.listed && !found.isRefused && placedAtMs(found, false) > nowMs) return true;
    }
    return false;
  }

  #see(object: ListedObject): void {
    if (this.#found.has(object.key)) return;
    const { head } = this.#numbering;
    const found: FoundSegment = { ...object, seenMs: this.#options.clock.monotonicMs() };
    if (this.#refused.has(object.key)) found.isRefused = true;
    // What is long past is of interest only where the run has a gap.
    const isRecent = !head || object.stampMs >= head.stampMs - lookBackMs || isAhead(found, head, this.run);
    if (isRecent || (this.#numbering.missedOf(found) && !found.isRefused)) this.#found.set(object.key, found);
  }

  /** @returns when to choose again, on the monotonic clock; Infinity: when something new is there */
  async #takeAll(teller: Teller, persistence: Persistence, isEnding: boolean): Promise<number> {
    for (;;) {
      const choice = chooseNext({
        head: this.#numbering.head,
        found: [...this.#found.values()],
        nowMs: this.#options.clock.monotonicMs(),
        limits: this.run,
        isEnding,
      });
      if (choice.kind === 'wait') {
        const lateUntilMs = await this.#nameDead(teller, persistence, isEnding);
        return Math.min(choice.untilMs, lateUntilMs);
      }
      await this.#take(choice.found, teller, persistence);
      this.#forget();
    }
  }

  async #take(found: FoundSegment, teller: Teller, persistence: Persistence): Promise<void> {
    const object = await this.#read(found, persistence);
    if (!object) return;
    const before = this.#numbering.head;
    const content = readSegmentContent(object.content, this.#numbering.nearPts90k);
    const told = this.#numbering.number(found, content, object.described);
    const { seq } = told.record;
    if (before && before.pipeline !== found.pipeline) {
      this.#counts.failover += 1;
      this.#options.log.warn('pipeline changed', {
        runId: this.run.runId,
        to: found.pipeline,
        seq,
      });
    }
    if (content.problems.length > 0) {
      this.#options.log.warn('segment damaged', { key: found.key, problems: content.problems });
    }
    this.#count(told);
    await teller.tell(told);
  }

  /**
   * What lies behind the run's head and in one of its gaps came too late, or can be no part of a run. It is named, and fills the
   * gap for any twin. At the end of the run what is left and unusable is named too: the store has taken it.
   */
  async #nameDead(teller: Teller, persistence: Persistence, isEnding: boolean): Promise<number> {
    const { clock } = this.#options;
    let untilMs = Infinity;
    for (const found of this.#found.values()) {
      if (this.#numbering.isNamedDead(found)) continue;
      const missed = this.#lostPlaceOf(found, isEnding);
      if (!missed) continue;
      const placedMs = placedAtMs(found, isEnding);
      if (placedMs > clock.monotonicMs()) untilMs = Math.min(untilMs, placedMs);
      else await this.#nameOneDead(found, missed, { teller, persistence });
    }
    return untilMs;
  }

  #lostPlaceOf(found: FoundSegment, isEnding: boolean): { fromMs: number; untilMs: number } | undefined {
    const { head } = this.#numbering;
    if (head && !isAhead(found, head, this.run)) return this.#numbering.missedOf(found);
    return isEnding && found.isRefused ? this.#numbering.spanOf(found) : undefined;
  }

  async #nameOneDead(
    found: FoundSegment,
    missed: { fromMs: number; untilMs: number },
    { teller, persistence }: { teller: Teller; persistence: Persistence },
  ): Promise<void> {
    const object = found.isRefused ? undefined : await this.#read(found, persistence);
    const content = readSegmentContent(object?.content ?? new Uint8Array(), this.#numbering.nearPts90k);
    const described = object?.described ?? { bytes: found.bytes, sha256: unreadSha256 };
    const whyUnusable = object ? undefined : (this.#refused.get(found.key) ?? 'can be no part of a run');
    const told = this.#numbering.numberDead(found, content, described, { missed, whyUnusable });
    const { runId, seq, key } = told.record;
    this.#options.log.warn('segment dead on arrival', { runId, key, seq, reason: told.late?.reason });
    this.#count(told);
    await teller.tell(told);
  }

  /** Undefined, and refused, when there is nothing that could become a record. */
  async #read(
    found: FoundSegment,
    persistence: Persistence,
  ): Promise<{ content: Uint8Array; described: { bytes: number; sha256: string } } | undefined> {
    if (found.bytes > segmentBytesMax)
      return this.#pass(found, `has ${found.bytes} bytes (at most ${segmentBytesMax})`);
    const content = await persistence.insist('read segment', async () => {
      try {
        return await this.#options.objects.get(found.key);
      } catch (thrown) {
        if (asTouchlineError(thrown).code === 'store.not-found') return undefined;
        throw thrown;
      }
    });
    if (!content) return this.#pass(found, 'was removed before it was read');
    if (content.length === 0) return this.#pass(found, 'is empty');
    const sha256 = createHash('sha256').update(content).digest('hex');
    return { content, described: { bytes: content.length, sha256 } };
  }

  #pass(found: FoundSegment, why: string): undefined {
    found.isRefused = true;
    if (this.#refused.size < refusedMax) this.#refused.set(found.key, why);
    this.#refuse('segment', `${found.key} ${why}`);
  }

  #refuse(what: string, problem: string): void {
    this.#counts.refused += 1;
    this.#lastProblem = problem;
    if (isWorthALine(this.#counts.refused)) {
      const { runId } = this.run;
      this.#options.log.warn(`${what} refused`, { runId, problem, refusedCount: this.#counts.refused });
    }
  }

  #count({ record, late }: Told): void {
    this.#takenAtMs = this.#options.clock.monotonicMs();
    if (late) this.#counts.late += 1;
    else if (record.gapBefore90k > 0) {
      this.#counts.gap += 1;
      this.#counts.gapMs += msFromTicks(record.gapBefore90k);
    }
  }

  #forget(): void {
    const { head } = this.#numbering;
    if (!head) return;
    for (const [key, found] of this.#found) {
      const isOver = found.stampMs < head.stampMs - lookBackMs && !isAhead(found, head, this.run);
      if (isOver && (found.isRefused || !this.#numbering.missedOf(found))) this.#found.delete(key);
    }
  }
}

/** Journal, then listener, then journal: in this order, each until it goes through. */
class Teller {
  readonly #journal: WatchJournal;
  readonly #persistence: Persistence;
  readonly #events: WatchEvents;

  constructor(journal: WatchJournal, persistence: Persistence, events: WatchEvents) {
    this.#journal = journal;
    this.#persistence = persistence;
    this.#events = events;
  }

  async tell(told: Told): Promise<void> {
    await this.#persistence.insist('journal segment', () => this.#journal.telling(told), { isLocal: true });
    await this.announce(told);
  }

  async announce({ record, late }: Told): Promise<void> {
    const { channelId, runId, seq, startWallMs } = record;
    if (seq === 0) {
      const run = { channelId, runId, startWallMs };
      await this.#persistence.insist('announce', () => this.#events.onRunStarted(run));
    }
    await this.#persistence.insist('announce', () =>
      late
        ? this.#events.onSegmentLate({ segment: record, reason: late.reason })
        : this.#events.onSegment(record),
    );
    await this.#persistence.insist('journal segment', () => this.#journal.announced(seq), { isLocal: true });
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** MediaLive keeps what it could not write for 300 s, and an event may take ten minutes. */
const lookBackMs = 10 * 60_000;
/** Events come in bursts, one for each of two segments and two playlists: one look serves them all. */
const lookMsMin = 100;
const playlistPollMs = 500;
/** 40 s segments at 12 Mb/s: what is larger was not cut by the channel we set up. */
const segmentBytesMax = 64 * 1024 * 1024;
/** About 1 MB; two hours of 4 s segments. */
const foundMax = 2000;
const refusedMax = 10_000;
