import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Command } from 'commander';
import { beforeEach, describe, expect, it } from 'vitest';

import { register } from '../../cli/commands/fixture.ts';
import { openFleetDesk } from '../../control/open-fleet-desk.ts';
import { systemClock } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { openCatalogue } from '../../store/catalogue.ts';
import { MemoryBroker } from '../support/memory-queue.ts';
import { usePostgres } from '../support/postgres.ts';
import { startTestWeb } from '../support/test-web.ts';
import { FakeDesk } from '../web/fake-desk.ts';
import { memoryIo } from './memory-io.ts';

const postgres = usePostgres();
const token = 'server-token-0123456789';

let url: string;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchline-test-'));
  const catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  const queue = new MemoryBroker({ clock: systemClock }).connect();
  const { desk: fleet } = openFleetDesk({ catalogue, queue, clock: systemClock, random: systemRandom });
  const web = await startTestWeb({ desk: new FakeDesk(), fleet, token: new Secret(token) });
  ({ url } = web);
  return async () => {
    await web.stop();
    await catalogue.close();
    await rm(folder, { recursive: true });
  };
});

async function touchline(...words: string[]): Promise<{ lines: string[]; told: string[] }> {
  const { io, printed, told } = memoryIo({ TOUCHLINE_URL: url, TOUCHLINE_TOKEN: token });
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  register(program, io);
  await program.parseAsync(words, { from: 'user' });
  return { lines: [...printed.lines], told };
}

const inDays = (count: number): string =>
  new Date(systemClock.nowMs() + count * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '');
const season = (start: string): string =>
  `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Final\r\nDTSTART:${start}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n`;

describe('touchline fixture', () => {
  it('says that a match is over, and nothing of one that is right', async () => {
    const over = await touchline(...'fixture add Cup --at 2020-11-28T15:00:00Z'.split(' '));
    expect(over.told).toEqual(['It is over already, and is not listed.']);
    const right = await touchline(...'fixture add Cup --at 2099-11-28T15:00:00Z'.split(' '));
    expect(right.told).toEqual([]);
  });

  it('adds a match, lists it, and cancels it', async () => {
    const { told } = await touchline('fixture', 'list');
    expect(told.join()).toMatch(/^Nothing is expected\. Tell of a match: touchline fixture add/);
    const words =
      'fixture add Home_v_Away --at 2099-11-28T15:00:00+01:00 --channel pitch-1 --length 90 --priority -2';
    const added = await touchline(...words.split(' '));
    const line = /^2099-11-28 14:00 UTC {2}90 min {2}Home_v_Away {2}on pitch-1 {2}\((fix_\w+)\)$/;
    expect(added.lines).toEqual([expect.stringMatching(line)]);
    expect(added.told).toEqual([expect.stringMatching(/^There is no channel "pitch-1" yet/)]);
    expect((await touchline('fixture', 'list')).lines).toEqual(added.lines);
    const id = line.exec(added.lines[0] ?? '')?.[1] ?? '';
    expect((await touchline('fixture', 'cancel', id)).told).toEqual(['Home_v_Away is expected no longer.']);
    await expect(touchline('fixture', 'cancel', 'fix_none')).rejects.toMatchObject({
      code: 'fixture.not-found',
    });
  });

  it.each([
    [['--at', 'tomorrow'], /--at/],
    [['--at', '2099-11-28T15:00:00Z', '--length', '0'], /1 to 720/],
    [['--at', '2099-11-28T15:00:00Z', '--priority', '10'], /-9 to 9/],
    [[], /--at/],
  ])('refuses %j', async (options, message) => {
    await expect(touchline('fixture', 'add', 'Cup', ...options)).rejects.toThrow(message);
    expect((await touchline('fixture', 'list')).lines).toEqual([]);
  });

  it('takes a calendar again and again: what moved is moved, and of one that is wrong nothing is taken', async () => {
    const path = join(folder, 'season.ics');
    const imported = async (text: string): Promise<string> => {
      await writeFile(path, text);
      return (
        await touchline('fixture', 'import', path, '--zone', 'Europe/London', '--channel', 'cup')
      ).told.join();
    };
    const start = `${inDays(30)}T150000`;
    expect(await imported(season(start))).toMatch(/^1 added, 0 changed/);
    expect(await imported(season(start))).toMatch(/^0 added, 0 changed, 0 cancelled, 1 as before, 0 passed/);
    expect(await imported(season(`${inDays(31)}T160000`))).toMatch(/^0 added, 1 changed/);
    await expect(imported(season('20991399T160000'))).rejects.toThrow(/2099-13-99.*Nothing of it was taken/);
    expect((await touchline('fixture', 'list')).lines).toEqual([
      expect.stringMatching(/ (15|16):00 UTC {2}135 min {2}Final {2}on cup/),
    ]);
    // Its event is further off than a season: it is not taken, and so the one that was there is not in it any more.
    expect(await imported(season('20990628T150000'))).toMatch(
      /0 as before, 1 passed over \(.*400 days ahead\)$/,
    );
    await expect(touchline('fixture', 'import', join(folder, 'none.ics'))).rejects.toThrow(/none\.ics/);
  });
});
