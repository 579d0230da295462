import type { TimelineAnswer } from '../../../api/schemas/timeline.ts';
import { spanOf } from '../../words.ts';
import { byHand } from './timeline-form.ts';

/** Something that happened in a run, for the list of events. */
export interface Happening {
  key: string;
  /** Null: of the channel, at no place in the run. */
  atMs: number | null;
  wallMs: number;
  text: string;
  tone: 'plain' | 'warn' | 'bad' | 'good';
}

/** What the timeline itself tells, newest first. */
export function happeningsOf(answer: TimelineAnswer, wallOf: (runMs: number) => number): Happening[] {
  const of = (key: string, atMs: number, text: string, tone: Happening['tone']): Happening => ({
    key: `${key} ${atMs}`,
    atMs,
    wallMs: wallOf(atMs),
    text,
    tone,
  });
  return [
    of('start', 0, 'The run began', 'plain'),
    ...(answer.isLive ? [] : [of('end', answer.endMs, 'The run ended', 'plain')]),
    ...answer.gaps.map(({ fromMs, toMs }) =>
      of('gap', fromMs, `No media for ${spanOf(toMs - fromMs)}`, 'warn'),
    ),
    ...answer.discontinuities.map(({ atMs, kind }) =>
      of(
        kind,
        atMs,
        kind === 'reconnect' ? 'The publisher connected again' : 'The clock or the codec of the feed changed',
        'warn',
      ),
    ),
    ...answer.segments
      .filter(({ state }) => state === 'dead')
      .map(({ seq, fromMs, deadReason }) =>
        of('dead', fromMs, `Segment ${seq} was lost: ${deadReason ?? 'no reason is known'}`, 'bad'),
      ),
    ...answer.moments.map(({ peakMs, label, decision, score }) =>
      of(
        `moment ${label}`,
        peakMs,
        `${label}${label === byHand ? '' : `, ${score.toFixed(2)}`}${decision === 'undecided' ? '' : `, ${decision}`}`,
        decision === 'approved' ? 'good' : 'plain',
      ),
    ),
  ].toSorted((a, b) => b.wallMs - a.wallMs);
}
