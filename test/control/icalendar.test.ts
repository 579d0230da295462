import { describe, expect, it } from 'vitest';

import { readCalendar } from '../../control/icalendar.ts';

const window = { fromMs: Date.UTC(2026, 0, 1), untilMs: Date.UTC(2027, 0, 1), zone: 'UTC' };
const read = (body: string, changes: Partial<typeof window> = {}): ReturnType<typeof readCalendar> =>
  readCalendar(
    `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//league//EN\r\n${body.trim().replaceAll(/\n\s*/g, '\r\n')}\r\nEND:VCALENDAR\r\n`,
    { ...window, ...changes },
  );
const event = (lines: string): string =>
  `BEGIN:VEVENT\nUID:m1@league\nSUMMARY:Home v Away\n${lines}\nEND:VEVENT`;
const kickOffs = (body: string, changes: Partial<typeof window> = {}): string[] =>
  read(body, changes).fixtures.map(({ kickOffAtMs }) => new Date(kickOffAtMs).toISOString());

const inZone = (zone: string, day: string): string => event(`DTSTART;TZID=${zone}:${day}T150000`);

describe('a fixture list as a calendar', () => {
  it('gives name, kick-off, length and a channel', () => {
    const { fixtures } = read(
      event('DTSTART:20260815T143000Z\nDTEND:20260815T163000Z\nX-TOUCHLINE-CHANNEL:pitch-1'),
    );
    expect(fixtures).toEqual([
      {
        uid: 'm1@league',
        name: 'Home v Away',
        channel: 'pitch-1',
        kickOffAtMs: Date.UTC(2026, 7, 15, 14, 30),
        lengthMs: 2 * 3_600_000,
        isCancelled: false,
      },
    ]);
  });

  it('takes the channel from the description, a usual length, and what was called off', () => {
    const { fixtures } = read(
      event('DTSTART:20260815T143000Z\nDESCRIPTION:Round 1\\nChannel: pitch 2 \\nbe there\nSTATUS:CANCELLED'),
    );
    expect(fixtures[0]).toMatchObject({ channel: 'pitch 2', lengthMs: 135 * 60_000, isCancelled: true });
  });

  it('knows zones by the name alone, summer and winter, and by the file where it defines one', () => {
    expect(kickOffs(inZone('Europe/London', '20260815'))).toEqual(['2026-08-15T14:00:00.000Z']);
    expect(kickOffs(inZone('Europe/London', '20261215'))).toEqual(['2026-12-15T15:00:00.000Z']);
    expect(kickOffs(inZone('America/New_York', '20260308'))).toEqual(['2026-03-08T19:00:00.000Z']);
    const own = `BEGIN:VTIMEZONE\nTZID:League\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0530\nTZOFFSETTO:+0530\nEND:STANDARD\nEND:VTIMEZONE`;
    expect(kickOffs(`${own}\n${inZone('League', '20260815')}`)).toEqual(['2026-08-15T09:30:00.000Z']);
  });

  it('takes a time without a zone by the calendar, else by whoever asks', () => {
    const floating = event('DTSTART:20260815T150000');
    expect(kickOffs(floating, { zone: 'Asia/Tokyo' })).toEqual(['2026-08-15T06:00:00.000Z']);
    expect(kickOffs(`X-WR-TIMEZONE:Europe/Madrid\n${floating}`, { zone: 'Asia/Tokyo' })).toEqual([
      '2026-08-15T13:00:00.000Z',
    ]);
  });

  it('unfolds what repeats, with what was moved and what was left out', () => {
    const weekly = event(
      'DTSTART;TZID=Europe/London:20261011T150000\nRRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;TZID=Europe/London:20261018T150000',
    );
    const moved =
      'BEGIN:VEVENT\nUID:m1@league\nSUMMARY:Home v Away (late)\nRECURRENCE-ID;TZID=Europe/London:20261101T150000\nDTSTART;TZID=Europe/London:20261101T200000\nEND:VEVENT';
    const { fixtures } = read(`${weekly}\n${moved}`);
    expect(fixtures.map(({ kickOffAtMs }) => new Date(kickOffAtMs).toISOString())).toEqual([
      '2026-10-11T14:00:00.000Z',
      // The clocks have gone back.
      '2026-10-25T15:00:00.000Z',
      '2026-11-01T20:00:00.000Z',
    ]);
    expect(new Set(fixtures.map(({ uid }) => uid)).size).toBe(3);
    expect(fixtures[2]?.name).toBe('Home v Away (late)');
  });

  it('ends what repeats for ever with the window', () => {
    expect(kickOffs(event('DTSTART:20260105T150000Z\nRRULE:FREQ=WEEKLY'))).toHaveLength(52);
  });

  it('passes over whole days and what is long past, and counts them', () => {
    const body = `${event('DTSTART;VALUE=DATE:20260815')}\n${event('DTSTART:20250815T143000Z')}`;
    expect(read(body)).toEqual({ fixtures: [], skippedCount: 2 });
  });

  it.each([
    ['hello', /this calendar cannot be taken: .*Nothing of it was taken/],
    ['BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT', /begins with VEVENT, not with VCALENDAR/],
    [`BEGIN:VCALENDAR\r\n${'x'.repeat(5_000_000)}`, /at most 5000000/],
  ])('is refused when it is none: %.20s', (text, message) => {
    expect(() => readCalendar(text, window)).toThrow(message);
  });

  it.each([
    ['DTSTART:tomorrow', /the event "Home v Away" cannot be read|which is no time/],
    ['', /"Home v Away" has no DTSTART/],
    ['DTSTART;TZID=Mars/Base:20260815T150000', /time zone "Mars\/Base"/],
    ['DTSTART:20260815T150000Z\nDTEND:20260817T150000Z', /lasts 48 h/],
    ['DTSTART:20269915T990000Z', /DTSTART 2026-99-15T99:00:00Z, which is no time/],
  ])('is refused by the event that is wrong: %s', (lines, message) => {
    expect(() => read(event(lines))).toThrow(message);
  });
});
