import { digestId, segmentId } from '../../core/ids.ts';
import { ticksFromMs, ticksPerMs } from '../../core/media-time.ts';
import { endOf90k, type SegmentRecord } from '../../core/segment.ts';

import type { SegmentContent } from './segment-content.ts';
import type { Told } from './watch-journal.ts';
import { readSegmentName, type Pipeline } from './watch-key.ts';
import {
  isDated,
  lengthOf,
  slackMs,
  startOf,
  type FoundSegment,
  type Head,
  type OrderLimits,
} from './watch-order.ts';

/** A stretch of time that the run has passed without media. */
interface Gap {
  /** -Infinity: before the first segment. */
  fromMs: number;
  untilMs: number;
}
/** What of a gap a segment would have filled. */
type Missed = Gap;

/**
 * Turns segments, in the order chosen, into the records of one run, and remembers what was passed over. Run time follows
 * the file's PTS inside an epoch and the wall clock between epochs. Everything it knows follows from the records, so a
 * restart reads them back with `restore`.
 */
export class WatchNumbering {
  readonly #run: { channelId: string; runId: string };
  readonly #limits: OrderLimits;
  #last: { record: SegmentRecord; head: Head } | undefined;
  #nextSeq = 0;
  #gaps: Gap[] = [];
  /** As many as the ledger has rows for them. */
  readonly #deadKeys = new Set<string>();

  constructor(run: { channelId: string; runId: string }, limits: OrderLimits) {
    this.#run = run;
    this.#limits = limits;
  }

  get head(): Head | undefined {
    return this.#last?.head;
  }

  get last(): SegmentRecord | undefined {
    return this.#last?.record;
  }

  /** Late ones included: they are in the ledger too. */
  get segmentCount(): number {
    return this.#nextSeq;
  }

  /** Where the PTS of the next file go on, when it joins. */
  get nearPts90k(): number {
    return this.#last ? endOf90k(this.#last.record) + this.#last.record.filePtsOffset90k : 0;
  }

  number(found: FoundSegment, content: SegmentContent, object: { bytes: number; sha256: string }): Told {
    const last = this.#last;
    const hasMedia = content.video !== null || content.audio !== null;
    const isSameSession = last !== undefined && followsInSession(found, last.head);
    const { startWallMs, isDated } = this.#startWall(found, content, isSameSession);
    const isJoined = isSameSession && hasMedia && this.#isJoined(found, content, startWallMs);
    let start90k = 0;
    if (last && isJoined) start90k = content.first90k - last.record.filePtsOffset90k;
    else if (last) start90k = endOf90k(last.record) + this.#gap90k(found, startWallMs, isSameSession);
    const record: SegmentRecord = {
      id: segmentId(this.#run.runId, this.#nextSeq),
      ...this.#run,
      sessionId: isSameSession && last ? last.record.sessionId : `ses_${digestId(found.key)}`,
      epoch: last === undefined ? 0 : last.record.epoch + (isJoined ? 0 : 1),
      seq: this.#nextSeq,
      key: found.key,
      ...object,
      container: 'mpegts',
      ...this.#described(content, found, start90k),
      startWallMs,
      gapBefore90k: last && !isJoined ? start90k - endOf90k(last.record) : 0,
      isDiscontinuity: !isJoined,
    };
    const told: Told = { record, isDated };
    this.restore(told);
    return told;
  }

  /**
   * The record of what is dead on arrival, for the ledger: what came when its place had been passed, or (with `whyUnusable`) can
   * be no part of any run. It has a number and takes no time of the run: it stands where the run stands, without length.
   * When it really was, `startWallMs` says.
   */
  numberDead(
    found: FoundSegment,
    content: SegmentContent,
    object: { bytes: number; sha256: string },
    about: { missed: Missed; whyUnusable?: string | undefined },
  ): Told {
    const { missed, whyUnusable } = about;
    const last = this.#last;
    const isOverlap =
      last !== undefined && startOf(found) < missed.fromMs - slackMs(found, last.head, this.#limits);
    const record: SegmentRecord = {
      id: segmentId(this.#run.runId, this.#nextSeq),
      ...this.#run,
      sessionId: `ses_${digestId(found.key)}`,
      epoch: last?.record.epoch ?? 0,
      seq: this.#nextSeq,
      key: found.key,
      ...object,
      container: 'mpegts',
      ...this.#described(content, found, last ? endOf90k(last.record) : 0),
      duration90k: 0,
      startWallMs: Math.round(startOf(found)),
      gapBefore90k: 0,
      isDiscontinuity: true,
    };
    const lateness = isOverlap ? overlapReason : lateReason;
    const late = { reason: whyUnusable === undefined ? lateness : `unusable: it ${whyUnusable}`, ...missed };
    const told: Told = { record, isDated: isDated(found), late };
    this.restore(told);
    return told;
  }

  /** It has its number as one that is dead on arrival. */
  isNamedDead(found: FoundSegment): boolean {
    return this.#deadKeys.has(found.key);
  }

  /** When it was, as well as is known. */
  spanOf(found: FoundSegment): Missed {
    const fromMs = startOf(found);
    return { fromMs, untilMs: fromMs + lengthOf(found, this.#limits) };
  }

  /** What of a segment's time the run has passed without media; undefined when it is not most of it. */
  missedOf(found: FoundSegment): Missed | undefined {
    const { fromMs: startMs, untilMs: endMs } = this.spanOf(found);
    for (const gap of this.#gaps) {
      const fromMs = Math.max(startMs, gap.fromMs);
      const untilMs = Math.min(endMs, gap.untilMs);
      if (untilMs - fromMs > (endMs - startMs) / 2) return { fromMs, untilMs };
    }
    return undefined;
  }

  /** Takes in a record as `number` and `numberDead` made it. */
  restore({ record, isDated, late }: Told): void {
    this.#nextSeq = record.seq + 1;
    if (late) {
      this.#fill(late);
      this.#deadKeys.add(record.key);
      return;
    }
    const { startWallMs } = record;
    const endWallMs = startWallMs + record.duration90k / ticksPerMs;
    const lastEndMs = this.#last?.head.endWallMs ?? -Infinity;
    if (!this.#last || record.gapBefore90k > 0) {
      this.#gaps.push({ fromMs: lastEndMs, untilMs: startWallMs });
      if (this.#gaps.length > gapsMax) this.#gaps.shift();
    }
    const [folder, name = ''] = record.key.split('/').slice(-2);
    const pipeline: Pipeline = folder === 'p1' ? 1 : 0;
    const place = readSegmentName(name) ?? { stampMs: startWallMs, counter: 0 };
    this.#last = { record, head: { pipeline, name, ...place, endWallMs, isDated } };
  }

  /** The playlist's date, or else what the PTS say, or else the second in the name. */
  #startWall(
    found: FoundSegment,
    content: SegmentContent,
    isSameSession: boolean,
  ): { startWallMs: number; isDated: boolean } {
    if (found.listed?.wallMs !== undefined) return { startWallMs: found.listed.wallMs, isDated: true };
    const { head } = this;
    if (head && isSameSession) {
      const startWallMs = Math.round(head.endWallMs + (content.first90k - this.nearPts90k) / ticksPerMs);
      // Its name says the second in which it began: the PTS may say where in it, and no more.
      if (Math.abs(startWallMs - startOf(found)) <= 1000) return { startWallMs, isDated: head.isDated };
    }
    return { startWallMs: startOf(found), isDated: false };
  }

  #isJoined(found: FoundSegment, content: SegmentContent, startWallMs: number): boolean {
    if (!this.#last || found.listed?.isDiscontinuity) return false;
    const { record, head } = this.#last;
    return (
      content.video?.configHash === record.video?.configHash &&
      (content.audio === null) === (record.audio === null) &&
      content.audio?.sampleRateHz === record.audio?.sampleRateHz &&
      content.audio?.channelCount === record.audio?.channelCount &&
      Math.abs(content.first90k - this.nearPts90k) <= joinTolerance90k &&
      // PTS that stand still while an input is away would hide what is missing.
      Math.abs(startWallMs - head.endWallMs) <= clockStepMsMax
    );
  }

  #gap90k(found: FoundSegment, startWallMs: number, isSameSession: boolean): number {
    const { head } = this;
    if (!head) return 0;
    const isExact = isSameSession && isDated(found) && head.isDated;
    const toleranceMs = isExact ? sameClockMs : slackMs(found, head, this.#limits);
    const gapMs = startWallMs - head.endWallMs;
    return gapMs > toleranceMs ? ticksFromMs(gapMs) : 0;
  }

  #described(
    content: SegmentContent,
    found: FoundSegment,
    start90k: number,
  ): Pick<
    SegmentRecord,
    'start90k' | 'duration90k' | 'filePtsOffset90k' | 'startsWithKeyframe' | 'isPartial' | 'video' | 'audio'
  > {
    const offset90k = content.first90k - start90k;
    const hasMedia = content.video !== null || content.audio !== null;
    const duration90k = hasMedia ? content.duration90k : ticksFromMs(lengthOf(found, this.#limits));
    return {
      start90k,
      duration90k,
      filePtsOffset90k: offset90k,
      startsWithKeyframe: content.startsWithKeyframe,
      isPartial: duration90k < ticksFromMs(this.#limits.segmentMs) * partialShare,
      video: content.video && {
        ...content.video,
        keyframes90k: content.video.keyframes90k.map((pts90k) => pts90k - offset90k),
      },
      audio: content.audio && { ...content.audio, start90k: content.audio.start90k - offset90k },
    };
  }

  #fill({ fromMs, untilMs }: Gap): void {
    this.#gaps = this.#gaps.flatMap((gap) =>
      [
        { fromMs: gap.fromMs, untilMs: Math.min(gap.untilMs, fromMs) },
        { fromMs: Math.max(gap.fromMs, untilMs), untilMs: gap.untilMs },
      ].filter((part) => part.untilMs > part.fromMs),
    );
  }
}

const lateReason = 'late: its place in the run had been passed when it came';
const overlapReason = 'overlap: a part of it had been taken from the other pipeline';

/** Written by one encoder since its start. */
function followsInSession(found: FoundSegment, head: Head): boolean {
  if (found.pipeline !== head.pipeline) return false;
  return found.counter === head.counter + 1 || found.listed?.before === head.name;
}

/** Two dropped frames at 25 fps and a little: what is missing is still one stretch of decoding. */
const joinTolerance90k = 100 * ticksPerMs;
/** MediaLive sets the dates of a running output anew when they are off by 500 ms. */
const clockStepMsMax = 1000;
/** Half a picture at 25 fps: what two dates of one encoder may be off by rounding. */
const sameClockMs = 20;
/** Segments end at the next keyframe: one that is a quarter shorter than asked for was ended by something else. */
const partialShare = 3 / 4;
/** A match has a handful. */
const gapsMax = 10_000;
