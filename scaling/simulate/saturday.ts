import { normal, seededRandom } from './seeded-random.ts';
import type { Broadcast, Trace } from './trace.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** Saturday 2027-02-06, 11:30 UTC. */
const startMs = Date.UTC(2027, 1, 6, 11, 30);

/** Kick-offs of an English Saturday, as hours after the start of the day, and how many at once. */
const slots: readonly { afterHours: number; matchCount: number }[] = [
  { afterHours: 1, matchCount: 3 },
  { afterHours: 3.5, matchCount: 24 },
  { afterHours: 6, matchCount: 4 },
  { afterHours: 8.5, matchCount: 12 },
];

/** 43 matches in four slots within 11.5 hours. */
export function saturday(seed: number, unscheduledShare = 0): Trace {
  const random = seededRandom(seed, 'saturday');
  const matches = slots.flatMap(({ afterHours, matchCount }, slot) =>
    Array.from({ length: matchCount }, (_, index) => ({
      name: `match ${slot + 1}.${index + 1}`,
      kickOffMs: startMs + afterHours * hourMs,
    })),
  );
  return {
    name: 'Saturday, 43 matches in 4 slots',
    startMs,
    endMs: startMs + 11.5 * hourMs,
    broadcasts: matches.map((match, index) => broadcastOf(match, index, { random, unscheduledShare })),
  };
}

/** A stream is meant to come with the kick-off and to last so long: two halves, the interval, stoppages, the talk after. */
export const broadcastMinutes = 125;
const jitterMinutesSigma = 2;
const jitterMinutesMax = 5;
/** One kick-off in ten is held up by so much more, one match in seven goes on by so much: extra time, penalties, a long talk. */
const lateShare = 0.1;
const lateMinutes = [5, 15] as const;
const overrunShare = 0.15;
const overrunMinutes = [10, 35] as const;

/** What becomes of a planned match: it begins a little early or late, and some go on for longer than the schedule says. */
export function broadcastOf(
  match: { name: string; kickOffMs: number },
  index: number,
  about: { random: ReturnType<typeof seededRandom>; unscheduledShare: number },
): Broadcast {
  const { random, unscheduledShare } = about;
  const isUnscheduled = random.unit() < unscheduledShare;
  const jitter = Math.max(-jitterMinutesMax, Math.min(jitterMinutesMax, jitterMinutesSigma * normal(random)));
  const late = random.unit() < lateShare ? between(lateMinutes, random.unit()) : 0;
  const overrun = random.unit() < overrunShare ? between(overrunMinutes, random.unit()) : 0;
  const beginMs = match.kickOffMs + (jitter + late) * minuteMs;
  return {
    channelId: `ch_${index}`,
    name: match.name,
    startMs: beginMs,
    endMs: beginMs + (broadcastMinutes + 3 * normal(random) + overrun) * minuteMs,
    scheduled: isUnscheduled
      ? undefined
      : { startMs: match.kickOffMs, endMs: match.kickOffMs + broadcastMinutes * minuteMs },
  };
}

function between([low, high]: readonly [number, number], unit: number): number {
  return low + (high - low) * unit;
}
