import { fineWindows, findMoments } from '../analytics/moments/find-moments.ts';
import { contextMs, settledUntilMs } from '../analytics/moments/settled-until.ts';
import type { Evidence } from '../analytics/moments/evidence.ts';
import type { Rules } from '../analytics/rules/rules.ts';
import { ticksPerMs } from '../core/media-time.ts';
import type { Moment } from '../core/moment.ts';
import { unreachable } from '../core/errors.ts';
import {
  endMsOf,
  isSameRange,
  isSameShown,
  shownOf,
  startMsOf,
  type CutStage,
  type Timeline,
  type TimelineMoment,
  type TimelineSegment,
} from './timeline.ts';

/** What has to happen now for the timeline to be up to date. Every part of it carries what it is about. */
export interface Decision {
  moments: { moment: Moment; revision: number; isNew: boolean }[];
  withdrawn: string[];
  /** Candidate windows to look at with more frames. */
  fine: TimelineSegment[];
  cuts: { moment: Moment; stage: CutStage; cutNumber: number }[];
  closed: { segment: TimelineSegment; state: 'clip' | 'no-clip' | 'dead'; reason?: string }[];
  /** Segments (or, never announced, their numbers) that the others wait for no longer. */
  late: { seq: number; segment: TimelineSegment | undefined; waitedMs: number }[];
  /** Nothing is left to happen in this run. */
  isFinished: boolean;
  /** Decide again then, even if nothing comes in. */
  wakeAtMs: number | undefined;
  /** Nothing before it can change any more, ms on the run's timeline. */
  settledUntilMs: number;
}

/** A lost or late segment may hold moments up for so long; then it counts as a gap until it comes after all. */
export const lateMsMax = 15_000;
/** How the reason of a segment begins that was seen, but whose clips died. */
export const noClipReason = 'no clip could be made';
/** Fine passes of one run that are on the way at once: candidates come one after the other, a channel gets no more. */
const finePendingMax = 4;
/** A moment whose in and out keep moving is cut so often while it moves; the last cut waits until it has settled. */
const movingCutsMax = 9;

/**
 * The director's whole judgement: from what is known of a run to what must be done about it. Pure; what it decides is
 * carried out and then taken into the timeline by `applyDecision`, after which it decides nothing more.
 */
export function decide(timeline: Timeline, rules: Rules, nowMs: number): Decision {
  const reach = reachOf(timeline, nowMs);
  const evidence = evidenceOf(timeline, reach);
  const found = findMoments(evidence, rules);
  const fine = chooseFine(timeline, evidence, rules);
  const settled = settledFor(timeline, reach, evidence, fine, rules);

  const merged = mergeMoments(timeline, found);
  const isSettled = (moment: Moment): boolean => moment.outMs <= settled && moment.peakMs < settled;
  const cuts = merged.current.flatMap((one) => {
    const stage = nextCut(one, isSettled(one.moment));
    return stage === undefined ? [] : [{ moment: one.moment, stage, cutNumber: one.cutCount + 1 }];
  });
  const cutting = new Set(cuts.map(({ moment }) => moment.id));
  const isOver = (one: TimelineMoment): boolean =>
    isSettled(one.moment) && one.cut === undefined && !cutting.has(one.moment.id);
  const closed = closeSegments(timeline, merged.current, { settled, fine, isOver });

  const closing = new Set(closed.map(({ segment }) => segment));
  const isFinished =
    reach.isAtEnd &&
    timeline.segments.every((segment) => segment.state !== 'open' || closing.has(segment)) &&
    merged.current.every(isOver) &&
    timeline.moments.every((one) => one.cut === undefined);
  return {
    moments: merged.changed,
    withdrawn: merged.withdrawn,
    fine,
    cuts,
    closed,
    late: reach.late,
    isFinished,
    wakeAtMs: reach.wakeAtMs,
    settledUntilMs: settled,
  };
}

/** Takes what was decided, and has been carried out, into the timeline, and forgets what is over. */
export function applyDecision(timeline: Timeline, decision: Decision, rules: Rules): void {
  for (const { moment, revision, isNew } of decision.moments) {
    const known = isNew ? undefined : timeline.moments.find((one) => one.moment.id === moment.id);
    if (known) Object.assign(known, { moment, revision, isWithdrawn: false });
    else timeline.moments.push(newMoment(moment, revision));
  }
  for (const id of decision.withdrawn) {
    const known = timeline.moments.find((one) => one.moment.id === id);
    if (known) known.isWithdrawn = true;
  }
  for (const segment of decision.fine) segment.fine = 'sent';
  for (const cut of decision.cuts) {
    const known = timeline.moments.find((one) => one.moment.id === cut.moment.id);
    if (!known) continue;
    known.cutCount = cut.cutNumber;
    known.cut = { jobId: cutJobId(cut), stage: cut.stage, of: shownOf(cut.moment) };
  }
  for (const { seq } of decision.late) timeline.lateSeqs.add(seq);
  for (const { segment, state } of decision.closed) segment.state = state;
  forget(timeline, decision.settledUntilMs - contextMs(rules));
}

/** The same cut has the same id, also when it is decided again after a restart. */
export function cutJobId(cut: Decision['cuts'][number]): string {
  return `cut-${cut.moment.id.replace(/^mom_/, '')}-${cut.cutNumber}-${cut.stage}`;
}

interface Reach {
  /** Everything up to here is in, or given up for now. */
  knownUntilMs: number;
  /** Everything up to here is in for good. */
  certainUntilMs: number;
  /** Places that are passed over. */
  gaps: { fromMs: number; untilMs: number }[];
  late: Decision['late'];
  wakeAtMs: number | undefined;
  /** The run has ended and every segment of it is in or dead. */
  isAtEnd: boolean;
  /** The run has ended and nothing more is waited for. */
  isComplete: boolean;
}

/** How far the results reach without a hole: the reorder buffer and its watermark. */
function reachOf(timeline: Timeline, nowMs: number): Reach {
  const { segments, end } = timeline;
  const first = segments[0];
  const reach: Reach = {
    knownUntilMs: first ? startMsOf(first) : 0,
    certainUntilMs: first ? startMsOf(first) : 0,
    gaps: [],
    late: [],
    wakeAtMs: undefined,
    isAtEnd: false,
    isComplete: false,
  };
  let isCertain = true;
  let nextSeq = first?.record.seq ?? 0;
  /** Passes over what is not in when the others have waited for it long enough. */
  const mayPass = (seq: number, segment: TimelineSegment | undefined, since: number | undefined): boolean => {
    if (since === undefined) return false;
    isCertain = false;
    if (nowMs - since < lateMsMax) {
      reach.wakeAtMs = since + lateMsMax;
      return false;
    }
    if (!timeline.lateSeqs.has(seq)) reach.late.push({ seq, segment, waitedMs: nowMs - since });
    return true;
  };

  for (const segment of segments) {
    for (; nextSeq < segment.record.seq; nextSeq += 1) {
      if (!mayPass(nextSeq, undefined, waitingSince(segments, nextSeq))) return reach;
    }
    nextSeq = segment.record.seq + 1;
    if (segment.coarse === undefined) {
      if (!mayPass(segment.record.seq, segment, waitingSince(segments, segment.record.seq))) return reach;
      reach.gaps.push({ fromMs: startMsOf(segment), untilMs: endMsOf(segment) });
    }
    if (segment.coarse?.kind === 'dead') {
      reach.gaps.push({ fromMs: startMsOf(segment), untilMs: endMsOf(segment) });
    }
    if (segment.record.gapBefore90k > 0) {
      const gapMs = Math.round(segment.record.gapBefore90k / ticksPerMs);
      reach.gaps.push({ fromMs: startMsOf(segment) - gapMs, untilMs: startMsOf(segment) });
    }
    reach.knownUntilMs = Math.max(reach.knownUntilMs, endMsOf(segment));
    if (isCertain) reach.certainUntilMs = reach.knownUntilMs;
  }
  if (!end) return reach;
  for (; nextSeq < end.segmentCount; nextSeq += 1) if (!mayPass(nextSeq, undefined, end.atMs)) return reach;
  reach.isComplete = true;
  // What was never announced has no bytes that we know of: named as late, and nothing to wait for at the end.
  reach.isAtEnd = segments.every((segment) => segment.coarse !== undefined && segment.fine !== 'sent');
  return reach;
}

/** Since when later results wait for number `seq`. */
function waitingSince(segments: readonly TimelineSegment[], seq: number): number | undefined {
  let since: number | undefined;
  for (const { record, resolvedAtMs } of segments) {
    if (record.seq > seq && resolvedAtMs !== undefined) since = Math.min(since ?? Infinity, resolvedAtMs);
  }
  return since;
}

function evidenceOf(timeline: Timeline, reach: Reach): Evidence {
  const first = timeline.segments[0];
  return {
    channelId: timeline.channelId,
    runId: timeline.runId,
    signals: timeline.segments.flatMap((segment) => segment.signals),
    spots: timeline.segments.flatMap((segment) => segment.spots),
    gaps: reach.gaps,
    fromMs: first && first.record.seq > 0 ? startMsOf(first) : 0,
    knownUntilMs: reach.knownUntilMs,
    isComplete: reach.isComplete,
    previous: timeline.moments.filter((one) => !one.isWithdrawn).map((one) => one.moment),
  };
}

function chooseFine(timeline: Timeline, evidence: Evidence, rules: Rules): TimelineSegment[] {
  const pending = timeline.segments.filter((segment) => segment.fine === 'sent').length;
  const windows = fineWindows(evidence, rules);
  return timeline.segments
    .filter(
      (segment) =>
        segment.state === 'open' &&
        segment.fine === 'none' &&
        segment.coarse?.kind === 'found' &&
        segment.record.video !== null &&
        windows.some(({ fromMs, untilMs }) => fromMs < endMsOf(segment) && untilMs > startMsOf(segment)),
    )
    .slice(0, Math.max(0, finePendingMax - pending));
}

/** What is still out, a late segment or a fine pass, may change moments around it: they are not settled before. */
function settledFor(
  timeline: Timeline,
  reach: Reach,
  evidence: Evidence,
  fine: readonly TimelineSegment[],
  rules: Rules,
): number {
  const out = timeline.segments.filter((segment) => segment.fine === 'sent' || fine.includes(segment));
  const knownUntilMs = Math.min(reach.certainUntilMs, ...out.map(startMsOf));
  const isComplete = reach.isAtEnd && out.length === 0;
  return settledUntilMs(
    { fromMs: evidence.fromMs, knownUntilMs: isComplete ? reach.knownUntilMs : knownUntilMs, isComplete },
    rules,
  );
}

function mergeMoments(
  timeline: Timeline,
  found: readonly Moment[],
): { current: TimelineMoment[]; changed: Decision['moments']; withdrawn: string[] } {
  const changed: Decision['moments'] = [];
  const current = found.map((moment) => {
    const known = timeline.moments.find((one) => one.moment.id === moment.id);
    if (known?.isPinned || (known && !known.isWithdrawn && isSameMoment(known.moment, moment))) return known;
    const revision = (known?.revision ?? 0) + 1;
    changed.push({ moment, revision, isNew: known === undefined });
    return known ? { ...known, moment, revision, isWithdrawn: false } : newMoment(moment, revision);
  });
  // Edited by a person: it stays, whether what comes to light speaks for it or not.
  const pinned = timeline.moments.filter(
    (one) => one.isPinned && !one.isWithdrawn && !found.some(({ id }) => id === one.moment.id),
  );
  const withdrawn = timeline.moments
    .filter((one) => !one.isWithdrawn && !one.isPinned && !found.some(({ id }) => id === one.moment.id))
    .map((one) => one.moment.id);
  return { current: [...current, ...pinned], changed, withdrawn };
}

/** Which cut of a moment's clip is due: fast, then exact, then whole; exact and whole again when the moment moved. */
function nextCut(one: TimelineMoment, isSettled: boolean): CutStage | undefined {
  if (one.cut !== undefined || one.isPinned) return undefined;
  const { made, failure } = one;
  const wanted = shownOf(one.moment);
  const failed = failure && isSameRange(failure.of, wanted) ? failure.stage : undefined;
  // What failed as exact will not come out better as whole, and the other way round.
  if (failed === 'exact' || failed === 'whole') return undefined;
  if (made === undefined) return failed === 'fast' ? 'exact' : 'fast';
  const isMoved = !isSameRange(made.of, wanted);
  const stage = made.stage === 'fast' || isMoved ? 'exact' : 'whole';
  if (made.stage === 'whole' && isSameShown(made.of, wanted)) return undefined;
  if (isSettled) return stage;
  // Another label or score alone waits until no more of them come.
  const isDue = made.stage !== 'whole' || isMoved;
  return isDue && one.cutCount < movingCutsMax ? stage : undefined;
}

function closeSegments(
  timeline: Timeline,
  moments: readonly TimelineMoment[],
  about: { settled: number; fine: readonly TimelineSegment[]; isOver: (one: TimelineMoment) => boolean },
): Decision['closed'] {
  return timeline.segments.flatMap((segment): Decision['closed'] => {
    if (segment.state !== 'open' || segment.coarse === undefined) return [];
    switch (segment.coarse.kind) {
      case 'dead':
        return [{ segment, state: 'dead', reason: segment.coarse.reason }];
      case 'found':
        break;
      default:
        return unreachable(segment.coarse);
    }
    if (segment.fine === 'sent' || about.fine.includes(segment) || endMsOf(segment) > about.settled)
      return [];
    const inClip = moments.filter(
      ({ moment }) => moment.inMs < endMsOf(segment) && moment.outMs > startMsOf(segment),
    );
    if (!inClip.every(about.isOver)) return [];
    if (inClip.length === 0) return [{ segment, state: 'no-clip' }];
    if (inClip.some((one) => one.made !== undefined)) return [{ segment, state: 'clip' }];
    return [
      { segment, state: 'dead', reason: `${noClipReason}: ${inClip[0]?.failure?.reason ?? 'unknown'}` },
    ];
  });
}

function newMoment(moment: Moment, revision: number): TimelineMoment {
  return {
    moment,
    revision,
    isWithdrawn: false,
    isPinned: false,
    cut: undefined,
    made: undefined,
    failure: undefined,
    cutCount: 0,
  };
}

function isSameMoment(one: Moment, other: Moment): boolean {
  return (
    isSameShown(shownOf(one), shownOf(other)) && JSON.stringify(one.reasons) === JSON.stringify(other.reasons)
  );
}

/** Drops what is over and lies before `untilMs`, from the front, so that what stays is whole. */
function forget(timeline: Timeline, untilMs: number): void {
  // One more than needed stays: a cut at the edge wants the segment before it.
  const keepFrom = timeline.segments.findIndex(
    (segment) => segment.state === 'open' || endMsOf(segment) > untilMs,
  );
  if (keepFrom > 1) timeline.segments.splice(0, keepFrom - 1);
  const first = timeline.segments[0];
  const fromMs = first ? startMsOf(first) : 0;
  timeline.moments = timeline.moments.filter((one) => one.cut !== undefined || one.moment.outMs > fromMs);
}
