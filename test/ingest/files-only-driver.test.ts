import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import { FilesOnlyDriver } from '../../ingest/files-only-driver.ts';
import { leftJournals, RunJournal } from '../../ingest/journal.ts';
import { FakeHouse } from './fake-house.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'touchline-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('tells of what a crash left, leaves runs alone that began after it, and ends when it is told to', async () => {
  const journals = join(folder, 'journal');
  const run = { channelId: 'ch_1', runId: 'run_left', startWallMs: 1000 };
  await (await RunJournal.create(journals, run)).close(false);
  const house = new FakeHouse();
  const shared = { clock: systemClock, random: systemRandom, log: silentLog };
  const driver = new FilesOnlyDriver({ ...shared, host: house, events: house, folder });
  await (await RunJournal.create(journals, { ...run, runId: 'run_new' })).close(false);
  const stop = new AbortController();
  const running = driver.run(stop.signal);
  await house.until(() => house.heard.length === 2);
  expect(house.heard).toEqual(['start', 'crash 0']);
  expect(house.runs).toEqual(['run_left']);
  stop.abort();
  await running;
  expect(leftJournals(journals)).toEqual([join(journals, 'run_new.journal')]);
});

it('that is called off before it could tell leaves the journal where it is', async () => {
  const journals = join(folder, 'journal');
  const run = { channelId: 'ch_1', runId: 'run_left', startWallMs: 1000 };
  await (await RunJournal.create(journals, run)).close(false);
  const house = new FakeHouse();
  const shared = { clock: systemClock, random: systemRandom, log: silentLog };
  const driver = new FilesOnlyDriver({ ...shared, host: house, events: house, folder });
  await driver.run(AbortSignal.abort());
  expect(house.heard).toEqual([]);
  expect(leftJournals(journals)).toHaveLength(1);
});
