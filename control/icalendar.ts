import ICAL from 'ical.js';

import { TouchlineError } from '../core/errors.ts';

/** A match as a calendar tells it. */
export interface CalendarFixture {
  /** Of the event, and of one occurrence of an event that repeats: the same match keeps it when the file comes again. */
  uid: string;
  name: string;
  /** Name of the channel that will carry it, where the event says so. */
  channel: string | undefined;
  kickOffAtMs: number;
  lengthMs: number;
  isCancelled: boolean;
}

export interface CalendarRead {
  fixtures: CalendarFixture[];
  /** What is no match with a kick-off: whole days, and what lies outside the window. */
  skippedCount: number;
}

/** A season of every league of a country is 1 MB. */
const bytesMax = 5_000_000;
const fixtureCountMax = 5_000;
/** Two halves, the break and what is added. */
const lengthMsDefault = 135 * 60_000;
const lengthMsMax = 12 * 3_600_000;

/**
 * Reads the events of an iCalendar file (RFC 5545), those that repeat and exceptions of them too. Times in a named zone are
 * taken by the file's own VTIMEZONE, else by the zone of that name; times without any zone by X-WR-TIMEZONE, else by `zone`.
 * A channel is named by the property X-TOUCHLINE-CHANNEL, or by a line `channel: NAME` in the description.
 *
 * @param window of kick-offs that matter, ms since 1970
 * @throws TouchlineError `schedule.bad-calendar` naming the event and what is wrong
 */
export function readCalendar(
  text: string,
  window: { fromMs: number; untilMs: number; zone: string },
): CalendarRead {
  if (text.length > bytesMax) throw bad(`it has ${text.length} characters; at most ${bytesMax} are read`);
  const root = parse(text);
  const zone = textOf(root.getFirstPropertyValue('x-wr-timezone')) ?? window.zone;
  for (const one of root.getAllSubcomponents('vtimezone')) ICAL.TimezoneService.register(one);
  const events = root.getAllSubcomponents('vevent').map((component) => new ICAL.Event(component));
  const masters = events.filter((event) => !event.isRecurrenceException());
  for (const event of events) {
    if (!event.isRecurrenceException()) continue;
    masters.find(({ uid }) => uid === event.uid)?.relateException(event);
  }
  const read: CalendarRead = { fixtures: [], skippedCount: 0 };
  for (const event of masters) {
    try {
      readEvent(event, { ...window, zone }, read);
    } catch (cause) {
      if (cause instanceof TouchlineError) throw cause;
      throw bad(
        `the event "${event.summary || event.uid}" cannot be read: ${(cause as Error).message}`,
        cause,
      );
    }
  }
  return read;
}

function parse(text: string): ICAL.Component {
  let root: ICAL.Component;
  try {
    root = new ICAL.Component(ICAL.parse(text));
  } catch (cause) {
    throw bad((cause as Error).message, cause);
  }
  if (root.name !== 'vcalendar') throw bad(`it begins with ${root.name.toUpperCase()}, not with VCALENDAR`);
  return root;
}

interface Window {
  fromMs: number;
  untilMs: number;
  zone: string;
}

function readEvent(event: ICAL.Event, window: Window, read: CalendarRead): void {
  if (!event.uid) throw bad(`the event "${event.summary}" has no UID`);
  if (!event.startDate) throw bad(`the event "${event.summary || event.uid}" has no DTSTART`);
  assertReal(event);
  if (!event.isRecurring()) {
    take(event, { uid: event.uid, start: event.startDate, end: event.endDate }, window, read);
    return;
  }
  const occurrences = event.iterator();
  for (let next = occurrences.next(); next; next = occurrences.next()) {
    if (instantOf(next, event, window.zone) > window.untilMs) return;
    const { item, startDate, endDate, recurrenceId } = event.getOccurrenceDetails(next);
    take(item, { uid: `${event.uid}/${recurrenceId}`, start: startDate, end: endDate }, window, read);
  }
}

/** ical.js counts on from a month 13 into the next year; nobody means that. */
function assertReal(event: ICAL.Event): void {
  for (const name of ['dtstart', 'dtend']) {
    const written = (event.component.getFirstProperty(name)?.toJSON() as unknown[] | undefined)?.[3];
    if (typeof written !== 'string' || !Number.isNaN(Date.parse(written))) continue;
    throw bad(`"${event.summary || event.uid}" has the ${name.toUpperCase()} ${written}, which is no time`);
  }
}

function take(
  event: ICAL.Event,
  at: { uid: string; start: ICAL.Time; end: ICAL.Time | null },
  window: Window,
  read: CalendarRead,
): void {
  const kickOffAtMs = instantOf(at.start, event, window.zone);
  if (at.start.isDate || kickOffAtMs < window.fromMs || kickOffAtMs > window.untilMs) {
    read.skippedCount += 1;
    return;
  }
  if (read.fixtures.length === fixtureCountMax) {
    throw bad(`it has more than ${fixtureCountMax} matches in the window: import it in parts`);
  }
  const lengthMs = at.end ? instantOf(at.end, event, window.zone) - kickOffAtMs : 0;
  if (lengthMs > lengthMsMax) {
    throw bad(`"${event.summary}" lasts ${Math.round(lengthMs / 3_600_000)} h; a match has at most 12`);
  }
  const { component } = event;
  read.fixtures.push({
    uid: at.uid,
    name: event.summary?.trim() || 'a match without a name',
    channel: channelOf(event),
    kickOffAtMs,
    lengthMs: lengthMs > 0 ? lengthMs : lengthMsDefault,
    isCancelled: textOf(component.getFirstPropertyValue('status'))?.toUpperCase() === 'CANCELLED',
  });
}

function channelOf(event: ICAL.Event): string | undefined {
  const named = textOf(event.component.getFirstPropertyValue('x-touchline-channel'));
  return named ?? /^\s*channel:\s*(\S.*?)\s*$/im.exec(event.description ?? '')?.[1];
}

/** Ms since 1970. ical.js knows UTC and the zones that the file defines; a zone that is only named is ours to resolve. */
function instantOf(time: ICAL.Time, event: ICAL.Event, zone: string): number {
  const { zone: known } = time;
  if (known && known.tzid !== 'floating') return time.toJSDate().getTime();
  const named = textOf(event.component.getFirstProperty('dtstart')?.getParameter('tzid'));
  const wallMs = Date.UTC(time.year, time.month - 1, time.day, time.hour, time.minute, time.second);
  return instantInZone(wallMs, named ?? zone);
}

/** What a clock on the wall of that zone shows, as an instant. Of an hour that comes twice it is the first. */
function instantInZone(wallMs: number, zone: string): number {
  // The offset at the instant is wanted, and only the wall time is known: two steps settle it, also beside a change.
  const first = wallMs - offsetMs(wallMs, zone);
  return wallMs - offsetMs(first, zone);
}

function offsetMs(atMs: number, zone: string): number {
  const parts = formatOf(zone).formatToParts(atMs);
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = [
    'year',
    'month',
    'day',
    'hour',
    'minute',
    'second',
  ].map((type) => Number(parts.find((part) => part.type === type)?.value ?? 0));
  return Date.UTC(year, month - 1, day, hour % 24, minute, second) - Math.trunc(atMs / 1000) * 1000;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  try {
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
      hour12: false,
    });
    formats.set(zone, format);
    return format;
  } catch {
    throw bad(`nobody knows the time zone "${zone}": it has to be a name like Europe/London`);
  }
}

function textOf(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value.trim() : '';
  return text === '' ? undefined : text.slice(0, 200);
}

function bad(why: string, cause?: unknown): TouchlineError {
  return new TouchlineError({
    code: 'schedule.bad-calendar',
    message: `this calendar cannot be taken: ${why}. Nothing of it was taken.`,
    retryable: false,
    blame: 'caller',
    cause,
  });
}
