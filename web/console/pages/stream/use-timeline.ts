import { computed, signal, type ReadonlySignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';

import type { TimelineAnswer } from '../../../api/schemas/timeline.ts';
import { wordsOf } from '../../api.ts';
import { listen } from '../../live/live-events.ts';
import type { TimelineData } from '../../timeline/timeline-data.ts';
import { readTimeline } from './stream-api.ts';
import { timelineOf } from './timeline-form.ts';

export interface RunTimeline {
  answer: ReadonlySignal<TimelineAnswer | undefined>;
  data: ReadonlySignal<TimelineData | undefined>;
  fault: ReadonlySignal<string>;
  again(): void;
  /** What is looked at: where the whole is too coarse for it, it is read in finer steps. */
  lookAt(range: { fromMs: number; toMs: number }): void;
}

/** A busy run tells of a segment every few seconds and of moments beside: read at most this often. */
const everyMs = 1_500;
/** Half a second is the finest the server has. */
const finestMs = 500;

/** The timeline of a run, kept up with what happens. */
export function useTimeline(runId: string | undefined): RunTimeline {
  const feed = useMemo(() => new TimelineFeed(runId), [runId]);
  useEffect(() => feed.follow(), [feed]);
  return feed;
}

class TimelineFeed implements RunTimeline {
  readonly #runId: string | undefined;
  readonly #detail = signal<TimelineAnswer | undefined>(undefined);
  #range: { fromMs: number; toMs: number } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isReading = false;
  #isStale = false;
  readonly answer = signal<TimelineAnswer | undefined>(undefined);
  readonly fault = signal('');
  readonly data = computed(() => this.answer.value && timelineOf(this.answer.value, this.#detail.value));

  constructor(runId: string | undefined) {
    this.#runId = runId;
  }

  follow(): () => void {
    void this.#read();
    const stop = listen({
      onEvent: ({ runId, kind }) => {
        if (runId === this.#runId && kind !== 'channel.health') this.again();
      },
      onRefresh: () => this.again(),
    });
    return () => {
      stop();
      clearTimeout(this.#timer);
    };
  }

  again(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#read();
    }, everyMs);
  }

  lookAt(range: { fromMs: number; toMs: number }): void {
    const stepMs = this.answer.peek()?.curve.stepMs ?? finestMs;
    const wholeMs = this.answer.peek()?.endMs ?? 0;
    // Twice as fine at the least, or it is not worth the asking; a margin to both sides for the next move.
    if (stepMs <= finestMs || (range.toMs - range.fromMs) * 3 > wholeMs) {
      this.#range = undefined;
      return;
    }
    const marginMs = (range.toMs - range.fromMs) / 2;
    const wanted = {
      fromMs: Math.max(0, range.fromMs - marginMs),
      toMs: Math.min(wholeMs, range.toMs + marginMs),
    };
    const held = this.#range;
    const isCovered = held && held.fromMs <= range.fromMs && Math.min(range.toMs, wholeMs) <= held.toMs;
    const isFineEnough = held && held.toMs - held.fromMs < (wanted.toMs - wanted.fromMs) * 2;
    if ((isCovered && isFineEnough) || wanted.toMs - wanted.fromMs < finestMs) return;
    this.#range = wanted;
    this.again();
  }

  async #read(): Promise<void> {
    if (this.#runId === undefined) return;
    // One at a time; what happened meanwhile is asked for once more.
    if (this.#isReading) {
      this.#isStale = true;
      return;
    }
    this.#isReading = true;
    const range = this.#range;
    try {
      const [whole, detail] = await Promise.all([
        readTimeline(this.#runId),
        range ? readTimeline(this.#runId, range) : undefined,
      ]);
      this.answer.value = whole;
      this.#detail.value = detail;
      this.fault.value = '';
    } catch (error) {
      this.fault.value = wordsOf(error);
    } finally {
      this.#isReading = false;
      if (this.#isStale) this.again();
      this.#isStale = false;
    }
  }
}
