import type { TimelineAnswer, TimelineMomentMark } from '../../../api/schemas/timeline.ts';
import type { Curve, MomentTone, Signal, TimelineData } from '../../timeline/timeline-data.ts';
import { spanOf } from '../../words.ts';

/** Brings the API's timeline into the form that is drawn. `detail` is a part of the run in finer steps, or nothing. */
export function timelineOf(answer: TimelineAnswer, detail?: TimelineAnswer): TimelineData {
  const inDetail = detail?.runId === answer.runId ? detail : undefined;
  const kinds = [
    ...new Set([...Object.keys(answer.curve.clues), ...Object.keys(inDetail?.curve.clues ?? {})]),
  ];
  return {
    fromMs: 0,
    toMs: answer.endMs,
    isLive: answer.isLive,
    curve: spliced(highOf(answer), inDetail && highOf(inDetail)),
    signals: kinds.toSorted().map((kind): Signal => {
      const whole = clueOf(answer, kind);
      const { atMs, values } = spliced(whole, inDetail && clueOf(inDetail, kind));
      return { label: clueWords(kind), say: (value) => value.toFixed(2), atMs, values };
    }),
    moments: answer.moments.map((mark) => ({ ...mark, tone: toneOf(mark), isByHand: mark.label === byHand })),
    gaps: [
      ...answer.gaps.map(({ fromMs, toMs }) => ({
        fromMs,
        toMs,
        why: `no media for ${spanOf(toMs - fromMs)}`,
      })),
      ...answer.segments
        .filter(({ state }) => state === 'dead')
        .map(({ fromMs, toMs, deadReason }) => ({ fromMs, toMs, why: `lost: ${deadReason ?? 'dead'}` })),
    ],
  };
}

export function toneOf({ state, decision }: Pick<TimelineMomentMark, 'state' | 'decision'>): MomentTone {
  return state === 'failed' && decision !== 'rejected' ? 'failed' : decision;
}

/** As the server labels what somebody clipped. */
export const byHand = 'by hand';

function highOf({ curve }: TimelineAnswer): Curve {
  return {
    atMs: curve.max.map((_, nth) => middleOf(curve, nth)),
    values: curve.max.map((value) => value ?? Number.NaN),
  };
}

function clueOf({ curve }: TimelineAnswer, kind: string): Curve {
  const values = curve.clues[kind] ?? curve.max.map(() => 0);
  return {
    atMs: values.map((_, nth) => middleOf(curve, nth)),
    values: values.map((value, nth) => (curve.max[nth] === null ? Number.NaN : value)),
  };
}

function middleOf({ startMs, stepMs }: TimelineAnswer['curve'], nth: number): number {
  return startMs + (nth + 0.5) * stepMs;
}

/** `fine` in place of what `whole` has in its range. */
export function spliced(whole: Curve, fine: Curve | undefined): Curve {
  const [first, last] = [fine?.atMs[0], fine?.atMs.at(-1)];
  if (!fine || first === undefined || last === undefined) return whole;
  const atMs: number[] = [];
  const values: number[] = [];
  const take = (curve: Curve, isWanted: (at: number) => boolean) => {
    for (const [nth, at] of curve.atMs.entries()) {
      if (!isWanted(at)) continue;
      atMs.push(at);
      values.push(curve.values[nth] ?? Number.NaN);
    }
  };
  take(whole, (at) => at < first);
  take(fine, () => true);
  take(whole, (at) => at > last);
  return { atMs, values };
}

const clueLabels: Readonly<Record<string, string>> = {
  crowd: 'crowd noise',
  whistle: 'whistle',
  'cut-burst': 'quick cuts',
  motion: 'motion',
  climax: 'build-up',
  score: 'scoreboard',
  replay: 'replay',
};

/** `spot:goal` is what a model saw. */
function clueWords(kind: string): string {
  return clueLabels[kind] ?? kind.replace(/^spot:/, 'seen: ');
}
