import type { PlaylistEntry } from './playlist.ts';
import type { Pipeline } from './watch-key.ts';

/** A segment that lies in the bucket. */
export interface FoundSegment {
  key: string;
  name: string;
  pipeline: Pipeline;
  /** `$dt$` of its name: when it began, cut to seconds. With pipeline and counter it is the segment's identity. */
  stampMs: number;
  counter: number;
  bytes: number;
  /** When we first saw it, on the monotonic clock. */
  seenMs: number;
  /** What its playlist says of it; undefined while (or when) the playlist does not have it. */
  listed?: PlaylistEntry;
  /** It cannot become a segment: passed over, and known to have been there. */
  isRefused?: true;
}

/** Where the run stands: the segment that was taken last. */
export interface Head {
  pipeline: Pipeline;
  name: string;
  stampMs: number;
  counter: number;
  /** When its last picture was over. */
  endWallMs: number;
  /** The playlist said when, and not just a name that is cut to seconds. */
  isDated: boolean;
}

export interface OrderLimits {
  segmentMs: number;
  /** With one, nothing is waited for from the other. */
  pipelineCount: 1 | 2;
}

export type Choice = { kind: 'take'; found: FoundSegment } | { kind: 'wait'; untilMs: number };

/**
 * Which segment comes next on the run's one timeline; pure. It stays on the pipeline it is on while that one delivers. The
 * other's segment for the same time is parked, and taken when the first has not come for one and a half segments. A hole is
 * accepted when of neither pipeline anything can be expected to fill it.
 *
 * @param found everything known, what was taken included, in any order
 * @param isEnding nothing more will be written: nothing is waited for
 */
export function chooseNext(options: {
  head: Head | undefined;
  found: readonly FoundSegment[];
  nowMs: number;
  limits: OrderLimits;
  isEnding: boolean;
}): Choice {
  const { head, found, nowMs, limits, isEnding } = options;
  const ahead = found.filter((one) => !one.isRefused && (!head || isAhead(one, head, limits)));
  const firstOf = (pipeline: Pipeline): FoundSegment | undefined => {
    const own = ahead.filter((one) => one.pipeline === pipeline);
    return own.reduce<FoundSegment | undefined>(
      (first, one) => (first && !isBefore(one, first) ? first : one),
      undefined,
    );
  };
  const own = firstOf(head?.pipeline ?? 0);
  const other = firstOf(head?.pipeline === 1 ? 0 : 1);
  const takeFrom = (one: FoundSegment, atMs: number): Choice =>
    isEnding || atMs <= nowMs ? { kind: 'take', found: one } : { kind: 'wait', untilMs: atMs };
  const placedMs = (one: FoundSegment | undefined): number => (one ? placedAtMs(one, isEnding) : -Infinity);

  const earliest = earlierOf(own, other, limits);
  if (!earliest) return { kind: 'wait', untilMs: Infinity };
  if (placedMs(own) > nowMs) return { kind: 'wait', untilMs: placedMs(own) };
  if (head && own && joins(own, head, limits)) return { kind: 'take', found: own };
  if (placedMs(other) > nowMs) return { kind: 'wait', untilMs: placedMs(other) };
  if (head && other && joins(other, head, limits)) {
    // When our own pipeline has gone past this place, it will not fill it.
    const isPassed = own !== undefined && isNextOfItsOwn(own, found, limits);
    return takeFrom(other, isPassed ? nowMs : other.seenMs + failoverMs(limits));
  }
  const absentUntilMs = limits.pipelineCount === 2 ? earliest.seenMs + failoverMs(limits) : nowMs;
  const expectedUntilMs = [own, other].map((one) => {
    if (!one) return absentUntilMs;
    return !head || isNextOfItsOwn(one, found, limits) ? nowMs : one.seenMs + holeMsMax;
  });
  return takeFrom(earliest, Math.max(...expectedUntilMs));
}

/** Not before what was taken: it can still have a place. */
export function isAhead(found: FoundSegment, head: Head, limits: OrderLimits): boolean {
  if (found.pipeline === head.pipeline) {
    return found.stampMs === head.stampMs ? found.counter > head.counter : found.stampMs > head.stampMs;
  }
  return startOf(found) >= head.endWallMs - slackMs(found, head, limits);
}

/** From when on its times are what they will be: its playlist is written right behind it. */
export function placedAtMs(found: FoundSegment, isEnding: boolean): number {
  return found.listed || isEnding ? found.seenMs : found.seenMs + listingMsMax;
}

/** When it began, as well as is known; `$dt$` is cut to the second, so half a second is added. */
export function startOf(found: FoundSegment): number {
  return found.listed?.wallMs ?? found.stampMs + 500;
}

export function lengthOf(found: FoundSegment, limits: OrderLimits): number {
  return found.listed?.durationMs ?? limits.segmentMs;
}

/** How far two times of one instant may lie apart: two encoders' clocks, or times of which one was cut to seconds. */
export function slackMs(one: FoundSegment, other: FoundSegment | Head, { segmentMs }: OrderLimits): number {
  return isDated(one) && isDated(other) ? Math.min(500, segmentMs / 4) : Math.min(1000, segmentMs / 2);
}

export function isDated(one: FoundSegment | Head): boolean {
  return 'isDated' in one ? one.isDated : one.listed?.wallMs !== undefined;
}

/** "Within two segments": one and a half, and the time that looking takes. */
function failoverMs({ segmentMs }: OrderLimits): number {
  return 1.5 * segmentMs;
}

/** Of two that are as early as each other, the one of the pipeline we are on. */
function earlierOf(
  own: FoundSegment | undefined,
  other: FoundSegment | undefined,
  limits: OrderLimits,
): FoundSegment | undefined {
  if (!own || !other) return own ?? other;
  return startOf(other) < startOf(own) - slackMs(other, own, limits) ? other : own;
}

/** It begins where the run stands. */
function joins(one: FoundSegment, head: Head, limits: OrderLimits): boolean {
  if (startOf(one) - head.endWallMs > slackMs(one, head, limits)) return false;
  // With nothing but whole seconds to go by, a counter that skips one says more than the time.
  const isNext = one.pipeline !== head.pipeline || one.counter === head.counter + 1;
  return isNext || isDated(one);
}

/** The segment that its pipeline wrote before it is known: none of that pipeline is missing in front of it. */
function isNextOfItsOwn(
  one: FoundSegment,
  found: readonly FoundSegment[],
  { segmentMs }: OrderLimits,
): boolean {
  const { listed, pipeline } = one;
  if (listed?.before !== undefined) {
    return found.some((other) => other.pipeline === pipeline && other.name === listed.before);
  }
  if (listed) return true; // First of its playlist: the encoder started with it.
  return found.some(
    (other) =>
      other.pipeline === pipeline &&
      other.counter === one.counter - 1 &&
      isBefore(other, one) &&
      one.stampMs - other.stampMs < 3 * segmentMs,
  );
}

function isBefore(one: FoundSegment, other: FoundSegment): boolean {
  return one.stampMs === other.stampMs ? one.counter < other.counter : one.stampMs < other.stampMs;
}

/** MediaLive writes a segment and then the playlist that names it, within a fraction of a second. */
const listingMsMax = 3000;
/** As long as the director waits for a segment that others have overtaken: longer would only make everything late. */
const holeMsMax = 15_000;
