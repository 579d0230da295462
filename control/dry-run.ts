import type { Rules } from '../analytics/rules/rules.ts';
import type { AnalysisPass } from '../core/jobs.ts';
import { msFromTicks } from '../core/media-time.ts';
import type { Moment, Signal, Spot } from '../core/moment.ts';
import { endOf90k, type SegmentRecord } from '../core/segment.ts';
import { applyDecision, decide } from './director.ts';
import {
  addSegment,
  neighboursOf,
  newTimeline,
  shownOf,
  type Timeline,
  type TimelineSegment,
} from './timeline.ts';

export interface DryRun {
  durationMs: number;
  segments: number;
  /** One series a name, over the whole file. */
  signals: Signal[];
  moments: Moment[];
  /** Segments that could not be looked at, and why. */
  dead: { seq: number; reason: string }[];
}

type Look = (task: {
  segment: SegmentRecord;
  bytes: Uint8Array;
  neighbours: { segment: SegmentRecord; read: () => Promise<Uint8Array> }[];
  pass: AnalysisPass;
}) => Promise<{ signals: Signal[]; spots: Spot[] }>;

/** Looks ahead while results are awaited: one per slot keeps every core busy, and memory holds a few segments. */
const aheadMax = 4;

/**
 * The director's judgement of a recording, without a ledger, a queue or a clip: the same decisions from the same results,
 * so that rules can be tried out. A segment that cannot be looked at is named, and the rest goes on.
 *
 * @param onProgress is told how far results reach, ms of the recording
 */
export async function dryRun(options: {
  source: AsyncIterable<{ record: SegmentRecord; bytes: Uint8Array }>;
  look: Look;
  rules: Rules;
  sport: string;
  onProgress?: (untilMs: number) => void;
}): Promise<DryRun> {
  const { source, look, rules } = options;
  const found = new Map<string, Moment>();
  const series = new Map<string, Signal>();
  const dead: DryRun['dead'] = [];
  const bytesOf = new Map<number, Uint8Array>();
  let timeline: Timeline | undefined;
  let durationMs = 0;
  let segments = 0;

  const beside = (timeline: Timeline, record: SegmentRecord) =>
    neighboursOf(timeline, record).flatMap((segment) => {
      const bytes = bytesOf.get(segment.seq);
      return bytes ? [{ segment, read: async () => bytes }] : [];
    });

  /** Results are taken in one after the other, in the order of the recording. */
  const take = async (segment: TimelineSegment, result: Promise<{ signals: Signal[]; spots: Spot[] }>) => {
    if (!timeline) return;
    try {
      const { signals, spots } = await result;
      Object.assign(segment, { signals, spots, coarse: { kind: 'found' }, resolvedAtMs: 0 });
      keepSeries(series, signals);
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      Object.assign(segment, { coarse: { kind: 'dead', reason }, resolvedAtMs: 0 });
      dead.push({ seq: segment.record.seq, reason });
    }
    await settle(timeline);
    options.onProgress?.(msFromTicks(endOf90k(segment.record)));
  };

  /** Decides until nothing follows any more; fine passes are looked at on the spot, cuts count as made. */
  const settle = async (timeline: Timeline): Promise<void> => {
    for (;;) {
      const decision = decide(timeline, rules, 0);
      for (const { moment } of decision.moments) found.set(moment.id, moment);
      for (const id of decision.withdrawn) found.delete(id);
      applyDecision(timeline, decision, rules);
      for (const one of timeline.moments) {
        if (one.cut)
          Object.assign(one, { cut: undefined, made: { stage: 'whole', of: shownOf(one.moment) } });
      }
      for (const segment of decision.fine) {
        const { record } = segment;
        const bytes = bytesOf.get(record.seq) ?? new Uint8Array();
        const fine = await look({
          segment: record,
          bytes,
          neighbours: beside(timeline, record),
          pass: 'fine',
        });
        segment.signals = [...segment.signals, ...fine.signals];
        segment.spots = [...segment.spots, ...fine.spots];
        segment.fine = 'over';
      }
      // What is closed will not be looked at again: its bytes may go.
      for (const { segment } of decision.closed) bytesOf.delete(segment.record.seq);
      if (decision.fine.length === 0 && decision.cuts.length === 0) return;
    }
  };

  const ahead: { segment: TimelineSegment; result: Promise<{ signals: Signal[]; spots: Spot[] }> }[] = [];
  const takeNext = async (): Promise<void> => {
    const next = ahead.shift();
    if (next) await take(next.segment, next.result);
  };
  for await (const { record, bytes } of source) {
    timeline ??= newTimeline({ channelId: record.channelId, runId: record.runId, sport: options.sport });
    addSegment(timeline, record);
    const segment = timeline.segments.at(-1);
    if (!segment) continue;
    segments += 1;
    durationMs = Math.max(durationMs, msFromTicks(endOf90k(record)));
    bytesOf.set(record.seq, bytes);
    // As live: what comes behind it is not there yet.
    const neighbours = beside(timeline, record).filter((one) => one.segment.seq < record.seq);
    const result = look({ segment: record, bytes, neighbours, pass: 'coarse' });
    result.catch(() => undefined); // Awaited in its turn.
    ahead.push({ segment, result });
    if (ahead.length >= aheadMax) await takeNext();
  }
  while (ahead.length > 0) await takeNext();
  if (timeline) {
    timeline.end = { segmentCount: segments, atMs: 0 };
    await settle(timeline);
  }
  return {
    durationMs,
    segments,
    signals: [...series.values()],
    moments: [...found.values()].toSorted((one, other) => one.peakMs - other.peakMs),
    dead,
  };
}

function keepSeries(series: Map<string, Signal>, signals: readonly Signal[]): void {
  for (const signal of signals) {
    const known = series.get(signal.name);
    if (known) {
      known.atMs.push(...signal.atMs);
      known.values.push(...signal.values);
    } else {
      series.set(signal.name, { ...signal, atMs: [...signal.atMs], values: [...signal.values] });
    }
  }
}
