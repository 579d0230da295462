import type { Moment } from '../../core/moment.ts';
import type { MatchEvent } from './match-script.ts';

/** What was expected of a synthetic match beside what was found. */
export interface Tally {
  /** Goals with the moment whose clip shows them. */
  found: { event: MatchEvent; moment: Moment }[];
  /** Goals that no clip shows. */
  missed: MatchEvent[];
  /** Moments that show something worth a look that is no goal: a near miss. */
  alsoFound: { event: MatchEvent; moment: Moment }[];
  /** Moments that show nothing of the kind, or a goal that another moment shows already. */
  wrong: Moment[];
}

/** A clip that starts with the ball in the net has missed the goal: this much has to be seen before it. */
const leadMs = 1_000;

/**
 * Holds the moments against the truth. A moment shows an event when the event lies inside its clip; each event is shown
 * once, by the strongest moment.
 */
export function tally(events: readonly MatchEvent[], moments: readonly Moment[]): Tally {
  const result: Tally = { found: [], missed: [], alsoFound: [], wrong: [] };
  const free = new Set(moments.toSorted((one, other) => other.score - one.score));
  const take = (event: MatchEvent): Moment | undefined => {
    const moment = [...free].find(({ inMs, outMs }) => event.atMs - leadMs >= inMs && event.atMs < outMs);
    if (moment) free.delete(moment);
    return moment;
  };
  for (const event of events.filter(({ kind }) => kind === 'goal')) {
    const moment = take(event);
    if (moment) result.found.push({ event, moment });
    else result.missed.push(event);
  }
  for (const event of events.filter(({ kind }) => kind === 'near-miss')) {
    const moment = take(event);
    if (moment) result.alsoFound.push({ event, moment });
  }
  result.wrong = [...free].toSorted((one, other) => one.peakMs - other.peakMs);
  return result;
}
