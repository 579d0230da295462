import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Clock } from '../../core/clock.ts';
import { systemClock } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { EventLog } from '../../control/event-log.ts';
import { ScalingRecords } from '../../control/scaling-records.ts';
import { Schedule } from '../../control/schedule.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { usePostgres } from '../support/postgres.ts';

const postgres = usePostgres();
const startMs = Date.UTC(2026, 7, 15, 12);
let nowMs: number;
let catalogue: Catalogue;
const clock: Clock = { ...systemClock, nowMs: () => nowMs };

beforeEach(async () => {
  nowMs = startMs;
  catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
});
afterEach(async () => await catalogue.close());

const openSchedule = (): Schedule => new Schedule({ db: catalogue.db, clock, random: systemRandom });
const openRecords = (): ScalingRecords => new ScalingRecords({ db: catalogue.db, clock });
const match = (uid: string, start: string, more = ''): string =>
  `BEGIN:VEVENT\r\nUID:${uid}\r\nSUMMARY:${uid}\r\nDTSTART;TZID=Europe/London:${start}\r\n${more}END:VEVENT\r\n`;
const calendar = (...events: string[]): string =>
  `BEGIN:VCALENDAR\r\nVERSION:2.0\r\n${events.join('')}END:VCALENDAR\r\n`;

const ana = { kind: 'user', id: 'usr_ana', name: 'Ana' } as const;
const ben = { kind: 'user', id: 'usr_ben', name: 'Ben' } as const;

describe('the schedule', () => {
  const zone = 'Europe/London';

  it('expects what it was told of, and no longer what was cancelled', async () => {
    const schedule = openSchedule();
    const added = await schedule.add({ name: 'Cup', channel: 'pitch', kickOffAtMs: nowMs + 3_600_000 });
    expect(added).toMatchObject({
      name: 'Cup',
      channel: 'pitch',
      lengthMs: 135 * 60_000,
      isCancelled: false,
    });
    expect(await schedule.cancel(added.id)).toMatchObject({ isCancelled: true });
    expect(await schedule.cancel(added.id)).toMatchObject({ isCancelled: true });
    expect(await schedule.list()).toEqual([{ ...added, isCancelled: true }]);
    await expect(schedule.cancel('fix_none')).rejects.toMatchObject({ code: 'fixture.not-found' });
  });

  it('says who put a match in and who called it off, or whose calendar did', async () => {
    const schedule = openSchedule();
    const cup = await schedule.add({ name: 'Cup', kickOffAtMs: nowMs + 3_600_000 }, ana);
    expect(cup).toMatchObject({ createdBy: ana, cancelledBy: null });
    expect(await schedule.cancel(cup.id, ben)).toMatchObject({ createdBy: ana, cancelledBy: ben });
    // It is off already: the first one stays.
    expect(await schedule.cancel(cup.id, ana)).toMatchObject({ cancelledBy: ben });
    const text = calendar(match('a', '20260815T150000'));
    await schedule.importCalendar(text, { source: 'league', zone, by: ana });
    await schedule.importCalendar(text, { source: 'league', zone, by: ben });
    expect((await schedule.list()).find(({ name }) => name === 'a')).toMatchObject({ createdBy: ana });
    const told = await new EventLog({ db: catalogue.db, clock }).since(0, 100);
    expect(told.map(({ kind, subjectId, by, data }) => [kind, subjectId, by, data['what']])).toEqual([
      ['fixture.changed', cup.id, ana, 'added'],
      ['fixture.changed', cup.id, ben, 'called off'],
      ['fixture.changed', null, ana, 'imported'],
    ]);
  });

  it('takes the same calendar twice without a change', async () => {
    const schedule = openSchedule();
    const text = calendar(match('a', '20260815T150000'), match('b', '20260816T150000'));
    const about = { source: 'league', channel: 'pitch', zone };
    expect(await schedule.importCalendar(text, about)).toMatchObject({ added: 2, unchanged: 0 });
    const before = await schedule.list();
    expect(await schedule.importCalendar(text, about)).toEqual({
      added: 0,
      changed: 0,
      cancelled: 0,
      unchanged: 2,
      skipped: 0,
    });
    expect(await schedule.list()).toEqual(before);
  });

  it('moves what was moved, cancels what is gone or called off, and takes back what comes back', async () => {
    const schedule = openSchedule();
    const about = { source: 'league', zone };
    const named = async (): Promise<unknown> =>
      (await schedule.list()).map(({ name, kickOffAtMs, isCancelled }) => [
        name,
        new Date(kickOffAtMs).toISOString().slice(5, 16),
        isCancelled,
      ]);
    await schedule.importCalendar(
      calendar(match('a', '20260815T150000'), match('b', '20260816T150000'), match('c', '20260817T150000')),
      about,
    );
    // Of another source, and not touched by this one.
    await schedule.add({ name: 'cup', kickOffAtMs: Date.UTC(2026, 7, 18, 14) });
    const later = calendar(
      match('a', '20260815T200000'),
      match('c', '20260817T150000', 'STATUS:CANCELLED\r\n'),
    );
    expect(await schedule.importCalendar(later, about)).toMatchObject({ changed: 1, cancelled: 2, added: 0 });
    expect(await named()).toEqual([
      ['a', '08-15T19:00', false],
      ['b', '08-16T14:00', true],
      ['c', '08-17T14:00', true],
      ['cup', '08-18T14:00', false],
    ]);
    const back = calendar(match('a', '20260815T200000'), match('b', '20260816T150000'));
    expect(await schedule.importCalendar(back, about)).toMatchObject({ changed: 1, unchanged: 1 });
    expect(await named()).toContainEqual(['b', '08-16T14:00', false]);
  });

  it('leaves off what a person called off, until the calendar gives it another time', async () => {
    const schedule = openSchedule();
    const about = { source: 'league', zone };
    const text = calendar(match('a', '20260815T150000'));
    await schedule.importCalendar(text, about);
    await schedule.cancel((await schedule.list())[0]?.id ?? '');
    expect(await schedule.importCalendar(text, about)).toMatchObject({ unchanged: 1, changed: 0 });
    expect(await schedule.list()).toMatchObject([{ isCancelled: true }]);
    expect(await schedule.importCalendar(calendar(match('a', '20260822T150000')), about)).toMatchObject({
      changed: 1,
    });
    expect(await schedule.list()).toMatchObject([{ isCancelled: false }]);
  });

  it('leaves what has begun as it was when the calendar forgets it', async () => {
    const schedule = openSchedule();
    const about = { source: 'league', zone };
    await schedule.importCalendar(calendar(match('a', '20260815T133000')), about);
    nowMs = Date.UTC(2026, 7, 15, 13);
    expect(await schedule.importCalendar(calendar(), about)).toMatchObject({ cancelled: 0 });
  });

  it('takes one calendar that comes many times at once as if it had come once after another', async () => {
    const text = calendar(match('a', '20260815T150000'), match('b', '20260816T150000'));
    const imports = Array.from(
      { length: 8 },
      async () => await openSchedule().importCalendar(text, { source: 'league', zone }),
    );
    const done = await Promise.all(imports);
    expect(done.map(({ added }) => added).toSorted((one, other) => one - other)).toEqual([
      0, 0, 0, 0, 0, 0, 0, 2,
    ]);
    expect(await openSchedule().list()).toHaveLength(2);
  });

  it('takes all of a calendar or nothing', async () => {
    const schedule = openSchedule();
    const half = calendar(match('a', '20260815T150000'), match('b', '20261399T150000'));
    await expect(schedule.importCalendar(half, { source: 'league', zone })).rejects.toMatchObject({
      code: 'schedule.bad-calendar',
    });
    expect(await schedule.list()).toEqual([]);
  });
});

describe('the records of scaling', () => {
  it('are read again as they were written, newest first, by pages', async () => {
    const records = openRecords();
    for (let index = 0; index < 5; index += 1)
      await records.add(decided(startMs + index, index % 2 === 0 ? { index } : undefined));
    expect(await records.recent(startMs + 3)).toEqual([
      { atMs: startMs + 3, neededCount: 2, desiredCount: 3 },
      { atMs: startMs + 4, neededCount: 2, desiredCount: 3 },
    ]);
    const page = await records.list({ limit: 2 });
    expect(page.decisions.map(({ atMs }) => atMs - startMs)).toEqual([4, 3]);
    await records.add(decided(startMs + 5));
    const rest = await records.list({ limit: 3, cursor: page.next ?? '' });
    expect(rest.decisions.map(({ atMs }) => atMs - startMs)).toEqual([2, 1, 0]);
    expect(rest.next).toBeNull();
    const changes = await records.list({ limit: 9, hasSnapshot: true });
    expect(changes.decisions.map(({ snapshot }) => snapshot)).toEqual([
      { index: 4 },
      { index: 2 },
      { index: 0 },
    ]);
  });

  it('tell what was decided by some time, and what came of the actions since', async () => {
    const records = openRecords();
    const order = { action: { kind: 'order' }, outcome: { kind: 'done' } };
    const failed = { action: { kind: 'order' }, outcome: { kind: 'failed' } };
    await records.add({ ...decided(startMs), outcomes: [order] });
    await records.add({ ...decided(startMs + 1), outcomes: [order, failed] });
    await records.add({ ...decided(startMs + 2), outcomes: [] });
    await records.add({ ...decided(startMs + 3), outcomes: [order] });
    const by = await records.list({ limit: 1, untilMs: startMs + 1 });
    expect(by.decisions.map(({ atMs }) => atMs - startMs)).toEqual([1]);
    expect(await records.list({ limit: 1, untilMs: startMs - 1 })).toEqual({ decisions: [], next: null });
    expect(await records.actionCounts(startMs + 1)).toEqual([
      { action: 'order', outcome: 'done', count: 2 },
      { action: 'order', outcome: 'failed', count: 1 },
    ]);
  });

  it('are kept for two weeks', async () => {
    const records = openRecords();
    const dayMs = 24 * 3_600_000;
    await records.add(decided(startMs - 14 * dayMs - 1));
    await records.add(decided(startMs - 14 * dayMs));
    nowMs += 3_600_000;
    await new ScalingRecords({ db: catalogue.db, clock: { ...clock, nowMs: () => startMs } }).add(
      decided(startMs),
    );
    expect((await records.list({ limit: 9 })).decisions).toHaveLength(2);
  });

  it('hold what an operator said until something else is said', async () => {
    const records = openRecords();
    expect(await records.overrides()).toEqual({ isInPaused: false, isOutPaused: false });
    const pinned = { pin: { count: 4, untilMs: startMs + 1 }, isInPaused: true, isOutPaused: false };
    await records.setOverrides(pinned);
    expect(await openRecords().overrides()).toEqual(pinned);
    await records.setOverrides({ isInPaused: false, isOutPaused: true });
    expect(await records.overrides()).toEqual({ isInPaused: false, isOutPaused: true });
    await records.setOverrides({ ...pinned, changedBy: ana });
    expect(await openRecords().overrides()).toEqual({ ...pinned, changedBy: ana });
    const told = await new EventLog({ db: catalogue.db, clock }).since(0, 100);
    expect(told.map(({ kind, by }) => [kind, by])).toEqual([
      ['scaling.changed', null],
      ['scaling.changed', null],
      ['scaling.changed', ana],
    ]);
    expect(told.at(-1)?.data).toEqual({ pin: pinned.pin, isInPaused: true, isOutPaused: false });
  });

  it('let one of many decide, until it lets go or its time is over', async () => {
    const records = openRecords();
    const holders = Array.from({ length: 50 }, (_, index) => `ins_${index}`);
    const held = await Promise.all(holders.map(async (holder) => await records.hold(holder, 60_000)));
    expect(held.filter(Boolean)).toHaveLength(1);
    const [owner = '', other = ''] = [holders[held.indexOf(true)], holders[held.indexOf(false)]];
    expect(await records.hold(owner, 60_000)).toBe(true);
    expect(await records.hold(other, 60_000)).toBe(false);
    await records.release(other);
    expect(await records.hold(other, 60_000)).toBe(false);
    await records.release(owner);
    expect(await records.hold(other, 1)).toBe(true);
    // By the clock of the database, whatever ours says.
    await expect.poll(async () => await records.hold(owner, 60_000)).toBe(true);
  });
});

const decided = (atMs: number, snapshot?: object): Parameters<ScalingRecords['add']>[0] => ({
  atMs,
  provider: 'local',
  neededCount: 2,
  desiredCount: 3,
  reason: 'From 1 to 3.',
  decision: { brakes: [] },
  outcomes: [],
  snapshot,
});
