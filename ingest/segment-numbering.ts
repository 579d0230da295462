import { createHash } from 'node:crypto';

import { segmentId } from '../core/ids.ts';
import { endOf90k, type SegmentRecord } from '../core/segment.ts';

import { filePtsOffset90k } from './mpegts-writer.ts';
import type { CutSegment } from './segmenter.ts';

/**
 * Turns cut segments into the records of one run. Numbers are given to segments that are kept, so they have no gaps even
 * when media had to be dropped; what is missing is measured between one kept segment and the next.
 */
export class SegmentNumbering {
  readonly #channelId: string;
  readonly #runId: string;
  #last: SegmentRecord | undefined;
  #hasDropped = false;

  constructor(run: { channelId: string; runId: string }) {
    this.#channelId = run.channelId;
    this.#runId = run.runId;
  }

  get segmentCount(): number {
    return this.#last === undefined ? 0 : this.#last.seq + 1;
  }

  get epoch(): number {
    return this.#last?.epoch ?? 0;
  }

  number(cut: CutSegment, sessionId: string): SegmentRecord {
    const last = this.#last;
    const seq = this.segmentCount;
    const isDiscontinuity = last === undefined || this.#startsEpoch(cut, last);
    const { bytes, startsAfresh: _, ...described } = cut;
    const record: SegmentRecord = {
      id: segmentId(this.#runId, seq),
      channelId: this.#channelId,
      runId: this.#runId,
      sessionId,
      epoch: last === undefined ? 0 : last.epoch + (isDiscontinuity ? 1 : 0),
      seq,
      key: `segments/${this.#channelId}/${this.#runId}/${String(seq).padStart(6, '0')}.ts`,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      container: 'mpegts',
      filePtsOffset90k,
      gapBefore90k: last && isDiscontinuity ? gapBetween(last, cut) : 0,
      isDiscontinuity,
      ...described,
    };
    this.#last = record;
    this.#hasDropped = false;
    return record;
  }

  /** The next segment has lost what stood before it. */
  noteDropped(): void {
    this.#hasDropped = true;
  }

  #startsEpoch(cut: CutSegment, last: SegmentRecord): boolean {
    return (
      cut.startsAfresh ||
      this.#hasDropped ||
      (cut.video === null) !== (last.video === null) ||
      (cut.audio === null) !== (last.audio === null)
    );
  }
}

/** A frame's worth is how far two estimates of the same instant may lie apart, not something missing. */
function gapBetween(last: SegmentRecord, cut: CutSegment): number {
  const gap90k = cut.start90k - endOf90k(last);
  return gap90k > gapTolerance90k ? gap90k : 0;
}

/** Half a picture at 25 fps. */
const gapTolerance90k = 1800;
