import type { Kysely } from 'kysely';

import { excitement, excitementReach, type ExcitementPoint } from '../../analytics/moments/excitement.ts';
import type { Rules } from '../../analytics/rules/rules.ts';
import type { Tables } from '../../store/schema.ts';
import { readEvidence } from './run-evidence.ts';
import type { SegmentMark } from './segment-marks.ts';

interface SegmentCurve {
  /** Of the evidence that it was made of. */
  signature: string;
  /** Those above 0: most half seconds of a match say nothing. */
  points: readonly ExcitementPoint[];
}

/** Ten minutes: evidence of so much at once is some MB, and the loop is held for some 20 ms. */
const blockSegmentsMax = 150;
/** 50 channels for an hour, or eight whole matches, at 4 s a segment; about 500 bytes each. */
const segmentsMax = 45_000;

/**
 * The excitement of each segment, made when somebody looks at it and kept until evidence near it changes. What is asked for and
 * missing is read in blocks; asking again costs a look into a map.
 */
export class CurveCache {
  readonly #db: Kysely<Tables>;
  readonly #segmentsMax: number;
  readonly #runs = new Map<string, Map<number, SegmentCurve>>();
  #count = 0;
  /** How many blocks were made, for tests: what is cached is not made again. */
  blockCount = 0;

  constructor(options: { db: Kysely<Tables>; segmentsMax?: number }) {
    this.#db = options.db;
    this.#segmentsMax = options.segmentsMax ?? segmentsMax;
  }

  get segmentCount(): number {
    return this.#count;
  }

  /**
   * The points above 0 in the segments that touch [fromMs, untilMs), ascending.
   *
   * @param marks of one run, ascending; they reach as far around the range as the rules look
   */
  async points(
    marks: readonly SegmentMark[],
    rules: Rules,
    range: { fromMs: number; untilMs: number },
  ): Promise<ExcitementPoint[]> {
    const runId = marks[0]?.runId;
    if (runId === undefined) return [];
    const run = this.#touch(runId);
    const signatureAt = signatures(marks, rules);
    const wanted: number[] = [];
    for (const [index, mark] of marks.entries()) {
      if (mark.isLookedAt && mark.toMs > range.fromMs && mark.fromMs < range.untilMs) wanted.push(index);
    }
    const curves = new Map<number, SegmentCurve>();
    const missing: number[] = [];
    for (const index of wanted) {
      const known = run.get(marks[index]?.seq ?? -1);
      if (known && known.signature === signatureAt[index]) curves.set(index, known);
      else missing.push(index);
    }
    for (const block of blocksOf(missing)) {
      for (const [index, points] of await this.#make(marks, block, rules)) {
        const curve = { signature: signatureAt[index] ?? '', points };
        curves.set(index, curve);
        this.#keep(runId, marks[index]?.seq ?? -1, curve);
      }
    }
    return wanted.flatMap((index) => curves.get(index)?.points ?? []);
  }

  async #make(
    marks: readonly SegmentMark[],
    block: readonly number[],
    rules: Rules,
  ): Promise<Map<number, ExcitementPoint[]>> {
    const first = marks[block[0] ?? 0];
    const last = marks[block.at(-1) ?? 0];
    if (!first || !last) return new Map();
    this.blockCount += 1;
    const { beforeMs, afterMs } = excitementReach(rules);
    const around = marks.filter(
      (mark) => mark.toMs > first.fromMs - beforeMs && mark.fromMs < last.toMs + afterMs,
    );
    const evidence = await readEvidence(this.#db, around, 'near');
    const points = excitement(evidence, rules, { fromMs: first.fromMs, untilMs: last.toMs }).filter(
      (point) => point.value > 0,
    );
    const bySegment = new Map<number, ExcitementPoint[]>(block.map((index) => [index, []]));
    let at = 0;
    for (const point of points) {
      while (at < block.length - 1 && point.atMs >= (marks[block[at] ?? 0]?.toMs ?? Infinity)) at += 1;
      const index = block[at] ?? 0;
      const mark = marks[index];
      if (mark && point.atMs >= mark.fromMs && point.atMs < mark.toMs) bySegment.get(index)?.push(point);
    }
    return bySegment;
  }

  /** Runs that were not looked at for longest go first. */
  #touch(runId: string): Map<number, SegmentCurve> {
    const run = this.#runs.get(runId) ?? new Map<number, SegmentCurve>();
    this.#runs.delete(runId);
    this.#runs.set(runId, run);
    return run;
  }

  #keep(runId: string, seq: number, curve: SegmentCurve): void {
    const run = this.#touch(runId);
    if (!run.has(seq)) this.#count += 1;
    run.set(seq, curve);
    while (this.#count > this.#segmentsMax) {
      const [oldestId, oldest] = this.#runs.entries().next().value ?? [];
      if (oldestId === undefined || !oldest) return;
      if (oldestId === runId) {
        const oldestSeq = run.keys().next().value;
        if (oldestSeq === undefined) return;
        run.delete(oldestSeq);
        this.#count -= 1;
      } else {
        this.#runs.delete(oldestId);
        this.#count -= oldest.size;
      }
    }
  }
}

/**
 * What the curve of each segment is made of, as text: how many segments there are within reach, and how many results they have.
 * Neither ever falls, so that two equal ones are the same evidence.
 */
function signatures(marks: readonly SegmentMark[], rules: Rules): string[] {
  const { beforeMs, afterMs } = excitementReach(rules);
  let from = 0;
  let to = 0;
  let results = 0;
  return marks.map((mark) => {
    for (; to < marks.length && (marks[to]?.fromMs ?? 0) < mark.toMs + afterMs; to += 1) {
      results += marks[to]?.resultCount ?? 0;
    }
    for (; (marks[from]?.toMs ?? Infinity) <= mark.fromMs - beforeMs; from += 1) {
      results -= marks[from]?.resultCount ?? 0;
    }
    return `${to - from}:${results}`;
  });
}

/** Neighbours go together; a block has an end. */
function blocksOf(indices: readonly number[]): number[][] {
  const blocks: number[][] = [];
  for (const index of indices) {
    const block = blocks.at(-1);
    const isNext = block && index - (block.at(-1) ?? -2) === 1 && block.length < blockSegmentsMax;
    if (isNext) block.push(index);
    else blocks.push([index]);
  }
  return blocks;
}
