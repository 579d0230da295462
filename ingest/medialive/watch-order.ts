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
}

export interface OrderLimits {
  segmentMs: number;
  /** With one, nothing is waited for from the other. */
  pipelineCount: 1 | 2;
}

export type Choice = { kind: 'take'; found: FoundSegment } | { kind: 'wait'; untilMs: number };

/**
 * Which segment comes next on the run's one timeline; pure. It stays on the pipeline it is on while that one delivers. The
 * other's segment for the same time is parked, and taken when the first has not come for one and a half segments. What
 * leaves a hole waits until it is known that nothing will fill it.
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
  const ahead = found.filter((one) => !one.isRefused && (head === undefined || isAhead(one, head, limits)));
  const firstOf = (pipeline: Pipeline): FoundSegment | undefined =>
    ahead
      .filter((one) => one.pipeline === pipeline)
      .reduce<FoundSegment | undefined>(
        (first, one) => (first && !isBefore(one, first) ? first : one),
        undefined,
      );
  const own = firstOf(head?.pipeline ?? 0);
  const other = firstOf(head?.pipeline === 1 ? 0 : 1);
  const ripe = (one: FoundSegment, beside: FoundSegment | undefined): number =>
    Math.max(placedAtMs(one, isEnding), isEnding ? -Infinity : one.seenMs + parkMs(one, beside));
  const parkMs = (one: FoundSegment, beside: FoundSegment | undefined): number => {
    if (!head) return limits.pipelineCount === 2 && !beside ? failoverMs(limits) : 0;
    return parkedMs(one, { head, beside, found, limits });
  };

  const choices = [
    ...(own ? [{ found: own, atMs: ripe(own, other) }] : []),
    ...(other ? [{ found: other, atMs: ripe(other, own) }] : []),
  ];
  const [first, second] = choices.filter(({ atMs }) => atMs <= nowMs).map((choice) => choice.found);
  if (first && second) {
    const isEarlier = startOf(second) < startOf(first) - slackMs(second, limits);
    return { kind: 'take', found: isEarlier && !joins(first, head, limits) ? second : first };
  }
  if (first) return { kind: 'take', found: first };
  return { kind: 'wait', untilMs: Math.min(...choices.map(({ atMs }) => atMs)) };
}

/** Not before what was taken: it can still have a place. */
export function isAhead(found: FoundSegment, head: Head, limits: OrderLimits): boolean {
  if (found.pipeline === head.pipeline) {
    return found.stampMs === head.stampMs ? found.counter > head.counter : found.stampMs > head.stampMs;
  }
  return startOf(found) >= head.endWallMs - slackMs(found, limits);
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

/** How far two times of one instant may lie apart: two encoders' clocks, or a clock and a time cut to seconds. */
export function slackMs(found: FoundSegment, { segmentMs }: OrderLimits): number {
  return found.listed?.wallMs === undefined ? Math.min(1000, segmentMs / 2) : Math.min(500, segmentMs / 4);
}

/** "Within two segments": one and a half, and the time that looking takes. */
export function failoverMs({ segmentMs }: OrderLimits): number {
  return 1.5 * segmentMs;
}

/** How long a segment is parked for what may come before it. */
function parkedMs(
  one: FoundSegment,
  about: {
    head: Head;
    beside: FoundSegment | undefined;
    found: readonly FoundSegment[];
    limits: OrderLimits;
  },
): number {
  const { head, beside, limits } = about;
  const isOwn = one.pipeline === head.pipeline;
  const leavesHole = !joins(one, head, limits);
  if (isOwn && !leavesHole) return 0;
  if (!leavesHole) {
    // The other pipeline fills the place. When ours has already gone past it, ours will not.
    const isPassed =
      beside !== undefined && !joins(beside, head, limits) && isNextOfItsOwn(beside, about.found, limits);
    return isPassed ? 0 : failoverMs(limits);
  }
  const waitsForOther = isOwn && limits.pipelineCount === 1 ? 0 : failoverMs(limits);
  // Nothing lies between it and the one before it: the input paused, or the encoder started anew.
  return isNextOfItsOwn(one, about.found, limits) ? waitsForOther : holeMsMax;
}

function joins(one: FoundSegment, head: Head | undefined, limits: OrderLimits): boolean {
  if (head === undefined || startOf(one) - head.endWallMs > slackMs(one, limits)) return false;
  // With nothing but whole seconds to go by, a counter that skips one says more than the time.
  const isNext = one.pipeline !== head.pipeline || one.counter === head.counter + 1;
  return isNext || one.listed?.wallMs !== undefined;
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
