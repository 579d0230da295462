import { normal, seededRandom } from './seeded-random.ts';
import type { Broadcast, Trace } from './trace.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** Saturday 2027-02-06, 11:30 UTC. */
const dayStartMs = Date.UTC(2027, 1, 6, 11, 30);

/** Kick-offs of an English Saturday, as hours after the start of the day, and how many at once. */
const slots: readonly { afterHours: number; matchCount: number }[] = [
  { afterHours: 1, matchCount: 3 },
  { afterHours: 3.5, matchCount: 24 },
  { afterHours: 6, matchCount: 4 },
  { afterHours: 8.5, matchCount: 12 },
];

/** 43 matches in four slots within 11.5 hours. */
export function saturday(seed: number, unscheduledShare = 0): Trace {
  const matches = slots.flatMap(({ afterHours, matchCount }, slot) =>
    Array.from({ length: matchCount }, (_, index) => ({
      name: `match ${slot + 1}.${index + 1}`,
      kickOffMs: dayStartMs + afterHours * hourMs,
    })),
  );
  return {
    name: 'Saturday, 43 matches in 4 slots',
    startMs: dayStartMs,
    endMs: dayStartMs + 11.5 * hourMs,
    broadcasts: broadcastsOf(matches, { seed, unscheduledShare }),
  };
}

/** A stream is meant to come with the kick-off and to last so long: two halves, the interval, stoppages, the talk after. */
const broadcastMinutes = 125;
const jitterMinutesSigma = 2;
const jitterMinutesMax = 5;
/** One kick-off in ten is held up by so much more, one match in seven goes on by so much: extra time, penalties, a long talk. */
const lateShare = 0.1;
const lateMinutes = [5, 15] as const;
const overrunShare = 0.15;
const overrunMinutes = [10, 35] as const;

/** What becomes of planned matches: they begin a little early or late, some go on for longer, and of some nobody has told. */
export function broadcastsOf(
  matches: readonly { name: string; kickOffMs: number }[],
  about: { seed: number; unscheduledShare: number },
): Broadcast[] {
  const { seed, unscheduledShare } = about;
  const random = seededRandom(seed, 'kick-offs');
  const untold = pick(matches.length, Math.round(unscheduledShare * matches.length), seed);
  return matches.map(({ name, kickOffMs }, index) => {
    const jitter = Math.max(
      -jitterMinutesMax,
      Math.min(jitterMinutesMax, jitterMinutesSigma * normal(random)),
    );
    const late = random.unit() < lateShare ? between(lateMinutes, random.unit()) : 0;
    const overrun = random.unit() < overrunShare ? between(overrunMinutes, random.unit()) : 0;
    const startMs = kickOffMs + (jitter + late) * minuteMs;
    return {
      channelId: `ch_${index}`,
      name,
      startMs,
      endMs: startMs + (broadcastMinutes + 3 * normal(random) + overrun) * minuteMs,
      scheduled: untold.has(index)
        ? undefined
        : { startMs: kickOffMs, endMs: kickOffMs + broadcastMinutes * minuteMs },
    };
  });
}

/** So many of the numbers below `total`, each as likely as the next. */
function pick(total: number, count: number, seed: number): ReadonlySet<number> {
  const random = seededRandom(seed, 'unscheduled');
  const keys = Array.from({ length: total }, (_, index) => ({ index, key: random.unit() }));
  return new Set(
    keys
      .toSorted((one, other) => one.key - other.key)
      .slice(0, count)
      .map(({ index }) => index),
  );
}

function between([low, high]: readonly [number, number], unit: number): number {
  return low + (high - low) * unit;
}
