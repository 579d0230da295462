import { z } from 'zod';

import { TouchlineError } from '../../core/errors.ts';
import { broadcastsOf } from './saturday.ts';
import type { Trace } from './trace.ts';

/** A fixture list as openfootball/football.json (CC0) writes it, one file per league and season. */
const fixtureFile = z.strictObject({ name: z.string().optional(), matches: z.array(z.unknown()).min(1) });

const notNeeded = z.unknown().optional();

/** What is not needed is known by name all the same: a field that nobody knows is more likely a mistake than news. */
const fixture = z.strictObject({
  date: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, 'is not a date such as 2027-02-06')
    .refine(isDay, 'is no day of the calendar'),
  time: z
    .string()
    .regex(/^([01]?\d|2[0-3]):[0-5]\d( UTC([+-]\d{1,2})?)?$/, 'is not a time such as 15:00 or 15:00 UTC+2')
    .optional(),
  team1: z.string(),
  team2: z.string(),
  round: notNeeded,
  group: notNeeded,
  stage: notNeeded,
  num: notNeeded,
  score: notNeeded,
  goals1: notNeeded,
  goals2: notNeeded,
  status: notNeeded,
  ground: notNeeded,
  city: notNeeded,
});

/** 2027-02-30 would else be taken for the 2nd of March. */
function isDay(date: string): boolean {
  const atMs = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(date);
}

interface Match {
  file: string;
  index: number;
  date: string;
  time: string | undefined;
  name: string;
}

/**
 * One day of fixture lists: `day`, else the busiest of them all. Times without a zone count as UTC: only their distances matter.
 *
 * @throws TouchlineError `trace.invalid` naming the file, the match and the field
 */
export function traceOfFixtures(
  files: readonly { name: string; text: string }[],
  about: { seed: number; unscheduledShare: number; day?: string | undefined },
): Trace {
  const matches = files.flatMap(readMatches);
  const day = about.day ?? busiestDay(matches);
  const onDay = matches.filter(({ date }) => date === day);
  if (onDay.length === 0)
    throw invalid(
      `no match is played on ${day ?? 'any day'}: --day takes a date of the list, such as ${matches[0]?.date}`,
    );
  const broadcasts = broadcastsOf(
    onDay.map((match) => ({ name: match.name, kickOffMs: kickOffMs(match) })),
    about,
  );
  return {
    name: `${day}, ${broadcasts.length} matches`,
    startMs: Math.min(...onDay.map(kickOffMs)) - beforeMs,
    endMs: Math.max(...broadcasts.map(({ endMs }) => endMs)) + afterMs,
    broadcasts,
  };
}

/** So that the first machines can boot, and the last be let go. */
const beforeMs = 60 * 60_000;
const afterMs = 30 * 60_000;

function readMatches({ name: file, text }: { name: string; text: string }): Match[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw invalid(
      `${file} is not JSON (${(cause as Error).message}): --trace takes a fixture list in the format of football.json`,
    );
  }
  const list = fixtureFile.safeParse(document);
  if (!list.success) throw invalid(`${file}: ${firstIssue(list.error, 'the list')}`);
  return list.data.matches.map((match, index) => {
    const read = fixture.safeParse(match);
    if (!read.success) throw invalid(`${file}, match ${index + 1}: ${firstIssue(read.error, 'the match')}`);
    const { date, time, team1, team2 } = read.data;
    return { file, index, date, time, name: `${team1} - ${team2}` };
  });
}

/** The field, what is wrong with it, and what was found. */
function firstIssue(error: z.ZodError, whole: string): string {
  const [issue] = error.issues;
  if (issue?.code === 'unrecognized_keys')
    return `unknown field ${issue.keys[0]}; football.json knows date, time, team1, team2 and a few that are not needed`;
  const field = issue?.path.join('.') || whole;
  if (issue?.code === 'invalid_type' && issue.input === undefined) return `${field} is missing`;
  return `${field} ${issue?.message ?? 'is wrong'}`;
}

function busiestDay(matches: readonly Match[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { date, time } of matches) if (time) counts.set(date, (counts.get(date) ?? 0) + 1);
  return [...counts].toSorted(([, one], [, other]) => other - one)[0]?.[0] ?? matches[0]?.date;
}

function kickOffMs({ file, index, date, time }: Match): number {
  if (time === undefined)
    throw invalid(
      `${file}, match ${index + 1}: time is missing: without a kick-off nobody knows what is on at once`,
    );
  const [clock = '', zone = 'UTC'] = time.split(' ');
  const hoursAhead = Number(zone.slice('UTC'.length) || 0);
  return Date.parse(`${date}T${clock.padStart(5, '0')}:00Z`) - hoursAhead * 3_600_000;
}

function invalid(message: string): TouchlineError {
  return new TouchlineError({ code: 'trace.invalid', message, retryable: false, blame: 'caller' });
}
