import { asTouchlineError, TouchlineError } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';

import type { ChannelDriver, ChannelEndpoint, ChannelHealth, ChannelSpec, IngestEvents } from '../channel.ts';
import { channelHealth, endpointsOf } from './channel-health.ts';
import { pipelineCount } from './channel-settings.ts';
import type { DesiredChannel } from './desired-channels.ts';
import { readInputWish } from './input-wish.ts';
import { nothingObserved } from './observed-channel.ts';
import { Reconciler, type Look, type ReconcilerOptions } from './reconciler.ts';
import type { RunWatcher } from './run-watcher.ts';
import type { WatchedRun } from './watch-journal.ts';

export interface MediaLiveDriverOptions extends Omit<ReconcilerOptions, 'mediaIdleMs' | 'onLook'> {
  watcher: RunWatcher;
  events: Pick<IngestEvents, 'onHealth'>;
}

/**
 * MediaLive behind the channel port. `start` and `stop` only write down what is wanted; the reconciler brings it about in the
 * minutes that MediaLive takes, and the watcher reads the segments from the bucket. A restart of this program changes nothing:
 * channels go on, and are found again.
 */
export class MediaLiveDriver implements ChannelDriver {
  readonly #options: MediaLiveDriverOptions;
  readonly #reconciler: Reconciler;
  #looks = new Map<string, Look>();
  #seen = new Map<string, Look>();
  /** Runs that were open when this program started. */
  readonly #kept = new Set<string>();
  /** Runs whose channel does not write any more, since when. */
  readonly #silent = new Map<string, number>();
  readonly #ending = new Map<string, Promise<void>>();
  #ring: () => void = () => {};
  #signal: AbortSignal | undefined;
  /** Why MediaLive could not be looked at the last time: what is known is old. */
  #blindness: string | undefined;

  constructor(options: MediaLiveDriverOptions) {
    this.#options = options;
    this.#reconciler = new Reconciler({
      ...options,
      mediaIdleMs: (runId) => options.watcher.figures(runId)?.idleMs,
      onLook: (look) => this.#seen.set(look.desired.channelId, look),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopped = new AbortController();
    const untilStopped = AbortSignal.any([signal, stopped.signal]);
    this.#signal = untilStopped;
    const watching = this.#options.watcher.run(untilStopped);
    watching.catch(() => stopped.abort());
    try {
      for (const { desired } of await this.#options.desired.list()) {
        for (const runId of desired.openRunIds) this.#kept.add(runId);
      }
      while (!untilStopped.aborted) {
        await this.#tick();
        await this.#untilNextTick(untilStopped);
      }
    } finally {
      stopped.abort();
      await Promise.allSettled(this.#ending.values());
      await watching;
    }
  }

  async start(channel: ChannelSpec): Promise<void> {
    const { random } = this.#options;
    const input = readInputWish(channel.input);
    await this.#change(channel.channelId, (known) => {
      if (known?.wish === 'absent') throw gone(channel.channelId);
      const goesOn = known?.wish === 'running' && (known.failure === undefined || channel.isResumed === true);
      if (goesOn) return known;
      const runId = newId('run', random);
      return {
        channelGeneration: 1,
        inputGeneration: 1,
        streamKey: Buffer.from(random.bytes(16)).toString('hex'),
        passphraseArn: undefined,
        ...known,
        channelId: channel.channelId,
        input,
        segmentMs: wholeSeconds(channel.segmentMs),
        wish: 'running',
        failure: undefined,
        runId,
        openRunIds: [...(known?.openRunIds ?? []), runId],
      };
    });
  }

  async stop(channelId: string): Promise<void> {
    await this.#change(
      channelId,
      (known) => known && (known.wish === 'running' ? { ...known, wish: 'idle' } : known),
    );
  }

  async remove(channelId: string): Promise<void> {
    await this.#change(channelId, (known) => known && { ...known, wish: 'absent' });
  }

  health(channelId: string): ChannelHealth | undefined {
    const look = this.#looks.get(channelId);
    if (!look) return undefined;
    const health = channelHealth(look, this.#options.watcher.figures(look.desired.runId));
    return this.#blindness === undefined
      ? health
      : { ...health, advice: [this.#blindness, ...health.advice] };
  }

  checkInput(input: unknown): void {
    readInputWish(input);
  }

  endpoints(channelId: string): ChannelEndpoint[] {
    const look = this.#looks.get(channelId);
    return look ? endpointsOf(look) : [];
  }

  keepsRun(runId: string): boolean {
    return this.#kept.has(runId);
  }

  async #tick(): Promise<void> {
    const { log, events } = this.#options;
    this.#seen = new Map();
    try {
      await this.#reconciler.tick();
      this.#looks = this.#seen;
      for (const look of this.#looks.values()) await this.#tendRuns(look);
      this.#blindness = undefined;
    } catch (thrown) {
      // Nothing was looked at, so nothing is done and nothing is known anew.
      const error = asTouchlineError(thrown);
      if (this.#blindness !== error.message) log.warn('MediaLive could not be looked at', { error });
      this.#blindness = error.message;
    }
    for (const channelId of this.#looks.keys()) {
      const health = this.health(channelId);
      if (health) events.onHealth(health);
    }
  }

  /** Watches what is written, and ends what will not be written any more. */
  async #tendRuns({ desired, observed }: Look): Promise<void> {
    const { watcher, clock } = this.#options;
    const { channelId, segmentMs } = desired;
    // One after the other: what follows is told when the run before it was told whole.
    const [runId] = desired.openRunIds;
    if (runId === undefined || this.#ending.has(runId)) return;
    const run = { channelId, runId, segmentMs, pipelineCount: pipelineCount(desired.input) };
    const isWanted = runId === desired.runId && desired.wish === 'running' && desired.failure === undefined;
    const isWritten = observed.channels.some(
      (one) => one.runId === runId && ['STARTING', 'RUNNING', 'RECOVERING', 'STOPPING'].includes(one.state),
    );
    if (isWanted || isWritten) {
      this.#silent.delete(runId);
      await watcher.watchRun(run);
      return;
    }
    const nowMs = clock.monotonicMs();
    const sinceMs = this.#silent.get(runId) ?? nowMs;
    this.#silent.set(runId, sinceMs);
    // A listing may lag behind a start: what is silent in several of them is over.
    if (nowMs - sinceMs < silentMs) return;
    const ending = this.#endRun(run).finally(() => this.#ending.delete(runId));
    this.#ending.set(runId, ending);
  }

  async #endRun(run: WatchedRun): Promise<void> {
    const { watcher, log } = this.#options;
    const { channelId, runId } = run;
    try {
      // Also what was written while nobody watched, before a crash or after it, is told.
      await watcher.watchRun(run);
      await watcher.endRun(runId, 'stopped');
      // Called off before the end was told: it is told after the next start.
      if (this.#signal?.aborted) return;
      await this.#change(
        channelId,
        (known) => known && { ...known, openRunIds: known.openRunIds.filter((one) => one !== runId) },
      );
      this.#silent.delete(runId);
    } catch (error) {
      log.warn('a run could not be ended yet', { channelId, runId, error });
    }
  }

  /** Reads, changes, and writes; again when somebody else wrote in between. */
  async #change(
    channelId: string,
    change: (known: DesiredChannel | undefined) => DesiredChannel | undefined,
  ): Promise<void> {
    const { desired: store } = this.#options;
    for (let attempt = 1; attempt <= changeAttemptsMax; attempt += 1) {
      const known = await store.get(channelId);
      const next = change(known?.desired);
      if (!next) return;
      const observed = this.#looks.get(channelId)?.observed ?? nothingObserved;
      const action = { kind: 'wait', reason: 'just asked for' } as const;
      if (next === known?.desired) {
        if (!this.#looks.has(channelId)) this.#looks.set(channelId, { desired: next, observed, action });
        return;
      }
      if (!(await store.save(next, known?.version ?? 0))) continue;
      this.#looks.set(channelId, { desired: next, observed, action });
      this.#ring();
      return;
    }
    throw new TouchlineError({
      code: 'channel.busy',
      message: `channel ${channelId} was changed by others ${changeAttemptsMax} times in a row: try again`,
      retryable: true,
      blame: 'touchline',
    });
  }

  async #untilNextTick(signal: AbortSignal): Promise<void> {
    const rung = new AbortController();
    this.#ring = () => rung.abort();
    await this.#options.clock.sleep(tickMs, AbortSignal.any([signal, rung.signal])).catch(() => undefined);
    this.#ring = () => {};
  }
}

/** Three lists in five seconds, for all channels together: below the account's limit of calls by far. */
const tickMs = 5_000;
const silentMs = 15_000;
const changeAttemptsMax = 10;

/** MediaLive cuts in whole seconds. */
function wholeSeconds(ms: number): number {
  return Math.round(ms / 1000) * 1000;
}

function gone(channelId: string): TouchlineError {
  return new TouchlineError({
    code: 'channel.conflict',
    message: `channel ${channelId} is being taken away: make a new one`,
    retryable: false,
    blame: 'caller',
  });
}
