import { describe, expect, it } from 'vitest';

import { asTouchlineError } from '../../../core/errors.ts';
import { traceOfFixtures } from '../../../scaling/simulate/football-trace.ts';

const about = { seed: 1, unscheduledShare: 0 };
const minuteMs = 60_000;

const match = (date: string, time: string | undefined, more: object = {}): object => ({
  round: 'Matchday 1',
  date,
  ...(time === undefined ? {} : { time }),
  team1: 'Ipswich Town FC',
  team2: 'Liverpool FC',
  score: { ft: [0, 2], ht: [0, 0] },
  ...more,
});
const fileOf = (matches: unknown, name = 'en.1.json'): { name: string; text: string } => ({
  name,
  text: JSON.stringify({ name: 'Premier League 2026/27', matches }),
});
const messageOf = (action: () => unknown): string => {
  try {
    action();
  } catch (thrown) {
    expect(asTouchlineError(thrown)).toMatchObject({ code: 'trace.invalid', blame: 'caller' });
    return asTouchlineError(thrown).message;
  }
  return 'nothing was wrong';
};

describe('a fixture list of football.json', () => {
  const files = [
    fileOf([match('2027-02-06', '12:30'), match('2027-02-06', '15:00'), match('2027-02-07', '14:00')]),
    fileOf([match('2027-02-06', '15:00 UTC+1'), match('2027-02-08', undefined)], 'de.1.json'),
  ];

  it('becomes its busiest day, with what every match has to itself', () => {
    const trace = traceOfFixtures(files, about);
    expect(trace.name).toBe('2027-02-06, 3 matches');
    expect(trace.broadcasts.map(({ scheduled }) => new Date(scheduled?.startMs ?? 0).toISOString())).toEqual([
      '2027-02-06T12:30:00.000Z',
      '2027-02-06T15:00:00.000Z',
      '2027-02-06T14:00:00.000Z',
    ]);
    for (const { startMs, scheduled } of trace.broadcasts)
      expect(Math.abs(startMs - (scheduled?.startMs ?? 0))).toBeLessThanOrEqual(20 * minuteMs);
    expect(trace.startMs).toBe(Date.parse('2027-02-06T11:30:00Z'));
    expect(trace.endMs).toBeGreaterThan(Math.max(...trace.broadcasts.map(({ endMs }) => endMs)));
  });

  it('becomes the day that is asked for', () => {
    expect(traceOfFixtures(files, { ...about, day: '2027-02-07' }).broadcasts).toHaveLength(1);
    expect(messageOf(() => traceOfFixtures(files, { ...about, day: '2027-03-01' }))).toContain(
      'no match is played on 2027-03-01',
    );
  });

  it('keeps to itself so many of its matches as are to be unscheduled', () => {
    const many = [fileOf(Array.from({ length: 20 }, () => match('2027-02-06', '15:00')))];
    const { broadcasts } = traceOfFixtures(many, { ...about, unscheduledShare: 0.3 });
    expect(broadcasts.filter(({ scheduled }) => scheduled === undefined)).toHaveLength(6);
  });

  it.each([
    [
      'an unknown field',
      [match('2027-02-06', '15:00'), match('2027-02-06', '15:00', { kickoff: 1 })],
      'en.1.json, match 2: unknown field kickoff',
    ],
    ['a date that is none', [match('6.2.2027', '15:00')], 'en.1.json, match 1: date is not a date such as'],
    [
      'a day that there is not',
      [match('2027-02-30', '15:00')],
      'en.1.json, match 1: date is no day of the calendar',
    ],
    ['a time that is none', [match('2027-02-06', '3 pm')], 'en.1.json, match 1: time is not a time such as'],
    ['no time', [match('2027-02-06', undefined)], 'en.1.json, match 1: time is missing'],
    ['a team that is no name', [match('2027-02-06', '15:00', { team2: 7 })], 'en.1.json, match 1: team2'],
    [
      'a team that is not there',
      [match('2027-02-06', '15:00', { team2: undefined })],
      'en.1.json, match 1: team2 is missing',
    ],
    ['what is no match', ['Ipswich'], 'en.1.json, match 1: the match'],
    ['no match', [], 'en.1.json: matches'],
  ])('with %s is refused by file, match and field', (_what, matches, words) => {
    expect(messageOf(() => traceOfFixtures([fileOf(matches)], about))).toContain(words);
  });

  it('that is none is refused by the file', () => {
    expect(messageOf(() => traceOfFixtures([{ name: 'a.csv', text: 'date,time' }], about))).toContain(
      'a.csv is not JSON',
    );
    const clubs = { name: 'en.1.clubs.json', text: '{"name":"x","clubs":[]}' };
    expect(messageOf(() => traceOfFixtures([clubs], about))).toContain('en.1.clubs.json: ');
  });
});
