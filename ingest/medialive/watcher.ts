import { untilAborted } from '../../core/until-aborted.ts';
import type { RunEnd } from '../channel.ts';
import { InboxReader, type EventInbox, type InboxFigures } from './watch-inbox.ts';
import { WatchJournal, type WatchedRun } from './watch-journal.ts';
import { RunWatch, type RunWatchOptions, type WatchFigures } from './watch-run.ts';
import type { RunWatcher } from './run-watcher.ts';

export interface MediaLiveWatcherOptions extends Omit<RunWatchOptions, 'announceAfter' | 'sweepMs'> {
  bucket: string;
  /** What the store puts in front of every key, without a slash at its end: events say it too. Default ''. */
  storePrefix?: string;
  /** Absent: there are no events, and folders are read as often as `sweepMs` says. */
  inbox?: EventInbox;
  /** How often a folder is read when no event says that something is new. Default 30 s; without an inbox 2 s. */
  sweepMs?: number;
}

/**
 * From HLS that MediaLive writes into the bucket to the segment records that every driver emits. The driver says which runs
 * there are and when they are over; the watcher tells of their segments, each once, in order.
 */
export class MediaLiveWatcher implements RunWatcher {
  readonly #options: MediaLiveWatcherOptions;
  readonly #watches = new Map<string, RunWatch>();
  readonly #inbox: InboxReader | undefined;
  readonly #going = new Set<Promise<void>>();
  #signal: AbortSignal | undefined;
  #fail: (error: unknown) => void = () => {};

  constructor(options: MediaLiveWatcherOptions) {
    this.#options = options;
    const { inbox, bucket, clock, log, storePrefix = '' } = options;
    const prefix = [storePrefix, options.prefix].filter((part) => part !== '').join('/');
    this.#inbox =
      inbox &&
      new InboxReader({
        inbox,
        bucket,
        prefix,
        clock,
        log,
        // Of a run that is over, or not yet known: its whole folder is read at its start and at its end.
        onSegment: ({ runId, stampMs }) => this.#watches.get(runId)?.note(stampMs),
      });
  }

  /** Watches until `signal` aborts. Runs that are not over then go on at the next start where they stood. */
  async run(signal: AbortSignal): Promise<void> {
    const stopping = new AbortController();
    const untilStopped = AbortSignal.any([signal, stopping.signal]);
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    const stopped = untilAborted(signal);
    const left = await WatchJournal.left(this.#options.journalFolder);
    for (const run of left) this.#add(run);
    this.#signal = untilStopped;
    for (const watch of this.#watches.values()) this.#go(watch, untilStopped);
    const reading = this.#inbox?.run(untilStopped);
    try {
      await Promise.race([failed, stopped]);
    } finally {
      stopping.abort();
      this.#signal = undefined;
      await Promise.all([reading, ...this.#going]);
    }
  }

  /** Watches the run's folder from now on. Calling it twice changes nothing; the channel's run before it is ended. */
  // oxlint-disable-next-line typescript/require-await -- the port is asynchronous: another watcher may have to wait here
  async watchRun(run: WatchedRun): Promise<void> {
    this.#add(run);
  }

  /**
   * MediaLive writes no more: the channel is IDLE again, or gone. Resolves when everything that lies in the folder and the
   * run's end were announced, or when the watcher was called off; nothing for a run that is not watched.
   */
  async endRun(runId: string, why: RunEnd): Promise<void> {
    await this.#watches.get(runId)?.end(why);
  }

  /** The runs that are watched; after a restart also those that the driver has not spoken of yet. */
  runs(): WatchedRun[] {
    return [...this.#watches.values()].map((watch) => watch.run);
  }

  figures(runId: string): WatchFigures | undefined {
    return this.#watches.get(runId)?.figures();
  }

  get inboxFigures(): InboxFigures | undefined {
    return this.#inbox?.figures;
  }

  #add(run: WatchedRun): void {
    if (this.#watches.has(run.runId)) return;
    const before = [...this.#watches.values()].filter((watch) => watch.run.channelId === run.channelId);
    const closing = Promise.all(before.map((watch) => watch.end('stopped')));
    const { inbox, sweepMs = inbox ? 30_000 : 2000 } = this.#options;
    const watch = new RunWatch(run, {
      ...this.#options,
      log: this.#options.log.child({ channelId: run.channelId }),
      sweepMs,
      announceAfter: closing,
    });
    this.#watches.set(run.runId, watch);
    if (this.#signal) this.#go(watch, this.#signal);
  }

  #go(watch: RunWatch, signal: AbortSignal): void {
    const going = watch
      .watch(AbortSignal.any([signal])) // Its own: a hundred runs are a hundred listeners.
      .then(() => {
        if (!signal.aborted) this.#watches.delete(watch.run.runId);
      })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#going.delete(going));
    this.#going.add(going);
  }
}
