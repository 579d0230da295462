import { msFromTicks } from '../core/media-time.ts';
import type { Moment, Signal, Spot } from '../core/moment.ts';
import { endOf90k, type SegmentRecord } from '../core/segment.ts';

/**
 * What the director knows of one run: its recent segments with what was found in them, and the moments that may still
 * change. Everything here can be read back from the ledger; what is over and out of sight is forgotten.
 */
export interface Timeline {
  channelId: string;
  runId: string;
  sport: string;
  /** Ascending by `seq`, possibly with holes where a segment has not been announced yet. */
  segments: TimelineSegment[];
  moments: TimelineMoment[];
  /** Set when the run has ended: nothing comes after segment `segmentCount - 1`. */
  end: { segmentCount: number; atMs: number } | undefined;
  /** Numbers of segments that held the others up for too long and were named in an event. */
  lateSeqs: Set<number>;
}

/**
 * - `open`: on the way; leads to each of the others
 * - `clip`: lies in at least one clip
 * - `no-clip`: was looked at, and no clip needs it
 * - `dead`: could not be looked at, or the clips it lies in could not be made
 */
export interface TimelineSegment {
  record: SegmentRecord;
  state: 'open' | 'clip' | 'no-clip' | 'dead';
  /** What became of the pass that everything gets; undefined = not back yet. */
  coarse: { kind: 'found' } | { kind: 'dead'; reason: string } | undefined;
  /** The pass on candidate windows alone. */
  fine: 'none' | 'sent' | 'over';
  signals: readonly Signal[];
  spots: readonly Spot[];
  /** When the coarse result came, ms since 1970. */
  resolvedAtMs: number | undefined;
}

export interface TimelineMoment {
  moment: Moment;
  revision: number;
  isWithdrawn: boolean;
  /** A person has edited its clip: what comes to light later neither moves nor withdraws it, and the director cuts it no more. */
  isPinned: boolean;
  /** On its way to or in a worker's hands: never more than one, so that an older cut cannot overwrite a newer. */
  cut: { jobId: string; stage: CutStage; of: Shown } | undefined;
  /** What the visible clip shows. */
  made: { stage: CutStage; of: Shown } | undefined;
  /** The last cut that could not be made. */
  failure: { stage: CutStage; of: Shown; reason: string } | undefined;
  /** Cuts sent so far. */
  cutCount: number;
}

/**
 * A clip is made in three cuts, so that nobody waits for what takes long: `fast` and `exact` are its revisions, with what an
 * editor needs in order to decide; `whole` is the exact one again with every rendition.
 */
export type CutStage = 'fast' | 'exact' | 'whole';

/** What of a moment a clip and its sidecar show. */
export type Shown = Pick<Moment, 'label' | 'peakMs' | 'inMs' | 'outMs' | 'score'>;

export function newTimeline(run: Pick<Timeline, 'channelId' | 'runId' | 'sport'>): Timeline {
  return { ...run, segments: [], moments: [], end: undefined, lateSeqs: new Set() };
}

export function newTimelineSegment(record: SegmentRecord): TimelineSegment {
  return {
    record,
    state: 'open',
    coarse: undefined,
    fine: 'none',
    signals: [],
    spots: [],
    resolvedAtMs: undefined,
  };
}

/** Takes an announced segment in; the second announcement changes nothing. */
export function addSegment(
  timeline: Timeline,
  record: SegmentRecord,
  { deadReason }: { deadReason?: string } = {},
): void {
  if (timeline.segments.some((segment) => segment.record.seq === record.seq)) return;
  const segment = newTimelineSegment(record);
  if (deadReason !== undefined)
    Object.assign(segment, { state: 'dead', coarse: { kind: 'dead', reason: deadReason } });
  timeline.segments.push(segment);
  timeline.segments.sort((one, other) => one.record.seq - other.record.seq);
}

/** The segments directly before and behind one, as far as they are known and have pictures. */
export function neighboursOf(timeline: Timeline, { seq }: SegmentRecord): SegmentRecord[] {
  return timeline.segments.flatMap(({ record, coarse }) =>
    Math.abs(record.seq - seq) === 1 && record.video !== null && coarse?.kind !== 'dead' ? [record] : [],
  );
}

export function startMsOf(segment: TimelineSegment): number {
  return msFromTicks(segment.record.start90k);
}

export function endMsOf(segment: TimelineSegment): number {
  return msFromTicks(endOf90k(segment.record));
}

export function shownOf(moment: Moment): Shown {
  const { label, peakMs, inMs, outMs, score } = moment;
  return { label, peakMs, inMs, outMs, score };
}

export function isSameRange(one: Shown, other: Shown): boolean {
  return one.inMs === other.inMs && one.outMs === other.outMs && one.peakMs === other.peakMs;
}

export function isSameShown(one: Shown, other: Shown): boolean {
  return isSameRange(one, other) && one.label === other.label && one.score === other.score;
}

/** Wall clock of a run time, by the nearest segment that starts at or before it. */
export function wallMsOf(timeline: Timeline, runMs: number): number {
  const before = timeline.segments.findLast((segment) => startMsOf(segment) <= runMs) ?? timeline.segments[0];
  return before ? before.record.startWallMs + runMs - startMsOf(before) : runMs;
}

/** The segments that a cut needs: those it touches, and the one before for the keyframe that decoding starts from. */
export function segmentsFor(timeline: Timeline, range: { inMs: number; outMs: number }): SegmentRecord[] {
  // What came when the run had gone past it has no length: its pictures belong nowhere.
  const segments = timeline.segments.filter((segment) => segment.record.duration90k > 0);
  const touched = segments.filter(
    (segment) => endMsOf(segment) > range.inMs && startMsOf(segment) < range.outMs,
  );
  const first = segments.indexOf(touched[0] ?? (undefined as never));
  const before = first > 0 ? segments.slice(first - 1, first) : [];
  return [...before, ...touched].map((segment) => segment.record);
}
