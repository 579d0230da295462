import type { Kysely } from 'kysely';

import { lateClues, withClues, type ExcitementPoint } from '../../analytics/moments/excitement.ts';
import { momentCounter } from '../../analytics/moments/find-moments.ts';
import type { Rules } from '../../analytics/rules/rules.ts';
import type { Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { Reason } from '../../core/moment.ts';
import type { Decision, MomentState, SegmentState, Tables } from '../../store/schema.ts';
import { curveOf, type Curve } from './curve.ts';
import type { CurveCache } from './curve-cache.ts';
import { Memo } from './memo.ts';
import { readEvidence } from './run-evidence.ts';
import { readMarks, type SegmentMark } from './segment-marks.ts';

/** What is drawn of a run; times are ms on its timeline. */
export interface TimelineView {
  runId: string;
  channelId: string;
  fromMs: number;
  toMs: number;
  endMs: number;
  isLive: boolean;
  startWallMs: number;
  threshold: number;
  curve: Curve;
  moments: TimelineMomentView[];
  gaps: { fromMs: number; toMs: number }[];
  discontinuities: { atMs: number; kind: 'reconnect' | 'jump' }[];
  segments: {
    seq: number;
    fromMs: number;
    toMs: number;
    startWallMs: number;
    state: SegmentState;
    deadReason: string | null;
  }[];
}

export interface TimelineMomentView {
  id: string;
  clipId: string;
  label: string;
  score: number;
  inMs: number;
  peakMs: number;
  outMs: number;
  peakWallMs: number;
  state: Exclude<MomentState, 'withdrawn'>;
  decision: Decision;
}

export interface ThresholdView {
  runId: string;
  threshold: number;
  asked: { score: number; count: number } | null;
  series: { score: number; count: number }[];
}

export interface RunHead {
  id: string;
  channelId: string;
  sport: string;
  startWallMs: number;
  isLive: boolean;
}

/** Twenty steps are more than the eye tells apart on the line that is dragged. */
const thresholdSteps = Array.from({ length: 20 }, (_, index) => Math.round((index + 1) * 5) / 100);
/** A page asks once a second while it is live; all of them get the same reading. */
const readingMsMax = 1000;
const runsMax = 16;
/** Counting looks at a whole match again. */
const countingMsMax = 10_000;
/** What late clues say, they say of the second around the peak. */
const peakMs = 500;

/** The timeline of one run, for many who look at it at once. */
export class RunTimelines {
  readonly #db: Kysely<Tables>;
  readonly #curves: CurveCache;
  readonly #rulesOf: (sport: string) => Rules;
  readonly #readings: Memo<Reading>;
  readonly #counts: Memo<{ count: (score: number) => number; series: number[] }>;

  constructor(options: {
    db: Kysely<Tables>;
    clock: Clock;
    curves: CurveCache;
    rulesOf: (sport: string) => Rules;
  }) {
    const { clock } = options;
    this.#db = options.db;
    this.#curves = options.curves;
    this.#rulesOf = options.rulesOf;
    this.#readings = new Memo({ clock, ageMsMax: readingMsMax, countMax: runsMax });
    this.#counts = new Memo({ clock, ageMsMax: countingMsMax, countMax: 2 });
  }

  /** @throws TouchlineError `run.not-found` */
  async timeline(
    runId: string,
    asked: { fromMs?: number; toMs?: number; points: number },
  ): Promise<TimelineView> {
    const { run, marks, moments } = await this.read(runId);
    const rules = this.#rulesOf(run.sport);
    const endMs = marks.at(-1)?.toMs ?? 0;
    const fromMs = Math.min(asked.fromMs ?? 0, endMs);
    const toMs = Math.max(fromMs, Math.min(asked.toMs ?? endMs, endMs));
    const near = await this.#curves.points(marks, rules, { fromMs, untilMs: toMs });
    const points = moments.reduce(addLateClues, near);
    const inside = marks.filter((mark) => mark.toMs > fromMs && mark.fromMs < toMs);
    return {
      runId,
      channelId: run.channelId,
      fromMs,
      toMs,
      endMs,
      isLive: run.isLive,
      startWallMs: run.startWallMs,
      threshold: rules.threshold,
      curve: curveOf(
        points,
        inside.filter((mark) => mark.isLookedAt),
        { fromMs, toMs, bucketsMax: asked.points },
      ),
      moments: moments
        .filter((moment) => moment.outMs > fromMs && moment.inMs < toMs)
        .map(({ reasons: _reasons, ...moment }) => moment),
      gaps: inside
        .filter((mark) => mark.gapBeforeMs > 0)
        .map((mark) => ({ fromMs: mark.fromMs - mark.gapBeforeMs, toMs: mark.fromMs })),
      discontinuities: discontinuitiesOf(marks).filter(({ atMs }) => atMs >= fromMs && atMs < toMs),
      segments: inside.map(({ seq, fromMs, toMs, startWallMs, state, deadReason }) => ({
        seq,
        fromMs,
        toMs,
        startWallMs,
        state,
        deadReason,
      })),
    };
  }

  /** How many clips other thresholds would have given. @throws TouchlineError `run.not-found` */
  async thresholds(runId: string, score: number | undefined): Promise<ThresholdView> {
    const { run, marks } = await this.read(runId);
    const rules = this.#rulesOf(run.sport);
    const seen = marks.filter((mark) => mark.toMs > mark.fromMs);
    const { count, series } = await this.#counts.get(runId, async () => {
      const evidence = await readEvidence(this.#db, seen, 'all');
      const count = await momentCounter({ ...evidence, isComplete: !run.isLive }, rules, othersTurn);
      const series: number[] = [];
      for (const score of thresholdSteps) {
        series.push(count(score));
        await othersTurn();
      }
      return { count, series };
    });
    return {
      runId,
      threshold: rules.threshold,
      asked: score === undefined ? null : { score, count: count(score) },
      series: thresholdSteps.map((score, index) => ({ score, count: series[index] ?? 0 })),
    };
  }

  /** What the ledger says of a run, read at most once a second. @throws TouchlineError `run.not-found` */
  async read(runId: string): Promise<Reading> {
    return await this.#readings.get(runId, async () => {
      const run = await readRun(this.#db, runId);
      const [marks, moments] = await Promise.all([readMarks(this.#db, runId), readMoments(this.#db, runId)]);
      return { run, marks, moments };
    });
  }
}

/** Feeds come in through the same loop. */
async function othersTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

interface Reading {
  run: RunHead;
  marks: SegmentMark[];
  moments: (TimelineMomentView & { reasons: readonly Reason[] })[];
}

/** @throws TouchlineError `run.not-found` */
async function readRun(db: Kysely<Tables>, runId: string): Promise<RunHead> {
  const row = await db
    .selectFrom('runs')
    .select(['id', 'channel_id', 'sport', 'start_wall_ms', 'ended_at_ms'])
    .where('id', '=', runId)
    .executeTakeFirst();
  if (!row) {
    throw new TouchlineError({
      code: 'run.not-found',
      message: `there is no run "${runId}"`,
      retryable: false,
      blame: 'caller',
    });
  }
  return {
    id: row.id,
    channelId: row.channel_id,
    sport: row.sport,
    startWallMs: row.start_wall_ms,
    isLive: row.ended_at_ms === null,
  };
}

async function readMoments(db: Kysely<Tables>, runId: string): Promise<Reading['moments']> {
  const rows = await db
    .selectFrom('moments')
    .selectAll()
    .where('run_id', '=', runId)
    .where('state', '<>', 'withdrawn')
    .orderBy('peak_ms')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    clipId: row.clip_id,
    label: row.label,
    score: row.score,
    // Where its clip was cut: an editor's ends, once there are any.
    inMs: Math.round(row.edited_in_ms ?? row.in_ms),
    peakMs: row.peak_ms,
    outMs: Math.round(row.edited_out_ms ?? row.out_ms),
    peakWallMs: row.peak_wall_ms,
    state: row.state as TimelineMomentView['state'],
    decision: row.decision,
    reasons: row.reasons,
  }));
}

/** The scoreboard and replays speak for a moment at its peak, also where nothing else did. */
function addLateClues(
  points: ExcitementPoint[],
  moment: { peakMs: number; score: number; reasons: readonly Reason[] },
): ExcitementPoint[] {
  const late = lateClues({ score: moment.score, reasons: [...moment.reasons] });
  if (late.size === 0) return points;
  const added = points.map((point) =>
    Math.abs(point.atMs - moment.peakMs) < peakMs ? withClues(point, late) : point,
  );
  const atMs = Math.floor(moment.peakMs / peakMs) * peakMs;
  if (points.some((point) => point.atMs === atMs)) return added;
  added.push(withClues({ atMs, value: 0, clues: {} }, late));
  return added.toSorted((one, other) => one.atMs - other.atMs);
}

function discontinuitiesOf(marks: readonly SegmentMark[]): TimelineView['discontinuities'] {
  return marks.flatMap((mark, index) => {
    const before = marks[index - 1];
    if (!before || !mark.isDiscontinuity) return [];
    return [{ atMs: mark.fromMs, kind: mark.sessionId === before.sessionId ? 'jump' : 'reconnect' } as const];
  });
}
