import { Readable } from 'node:stream';

import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { register } from '../../cli/commands/moments.ts';
import type { MomentView } from '../../control/match-desk.ts';
import { Secret } from '../../core/secret.ts';
import { type DeskRig, openDeskRig } from '../support/desk.ts';
import { addMoments, addRun } from '../support/many-moments.ts';
import { usePostgres } from '../support/postgres.ts';
import { startTestWeb } from '../support/test-web.ts';
import { memoryIo } from './memory-io.ts';

const postgres = usePostgres();
const token = 'server-token-0123456789';

let rig: DeskRig;
let web: { url: string; stop: () => Promise<void> };
beforeAll(async () => {
  rig = await openDeskRig(await postgres.migratedDatabase());
  const { desk, review, catalogue } = rig;
  await addRun(catalogue.db, { channelId: 'ch_a', runId: 'run_a', name: 'Pitch A' });
  await addRun(catalogue.db, { channelId: 'ch_b', runId: 'run_b', name: 'Pitch B' });
  await addMoments(catalogue.db, { channelId: 'ch_a', runId: 'run_a', from: 1, to: 501 });
  await addMoments(catalogue.db, { channelId: 'ch_b', runId: 'run_b', from: 1, to: 3, hasClips: true });
  web = await startTestWeb({ desk, review, token: new Secret(token) });
});
afterAll(async () => {
  await web.stop();
  await rig.stop();
});

/** What the last command said beside its data, also one that failed. */
let told: string[];

/** `piped` comes in by stdin. */
async function touchline(words: string, piped = ''): Promise<{ lines: string[]; told: string[] }> {
  const terminal = memoryIo({ TOUCHLINE_URL: web.url, TOUCHLINE_TOKEN: token });
  const { io, printed } = terminal;
  ({ told } = terminal);
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  register(program, io, () => Readable.from([Buffer.from(piped)]));
  await program.parseAsync(['moments', ...words.split(' ')], { from: 'user' });
  return { lines: [...printed.lines], told };
}

async function json<T>(words: string, piped?: string): Promise<T> {
  const { lines } = await touchline(`${words} --json`, piped);
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as T;
}

async function listed(words: string): Promise<string[]> {
  return (await json<{ moments: MomentView[] }>(`list ${words}`)).moments.map(({ id }) => id);
}

const range = (from: number, to: number): string[] =>
  Array.from({ length: from - to + 1 }, (_, index) => `run_a-${from - index}`);

describe('touchline moments list', () => {
  it('goes from page to page until there are as many as were asked for, or no more', async () => {
    expect(await listed('--run run_a --limit 1')).toEqual(['run_a-501']);
    expect(await listed('--run run_a --limit 200')).toEqual(range(501, 302));
    expect(await listed('--run run_a --limit 201')).toEqual(range(501, 301));
    expect(await listed('--run run_a --limit 10000')).toEqual(range(501, 1));
    expect(await listed('--run run_a')).toHaveLength(50);
  });

  it('shows one a line, the id first, of the channel or the word that is asked for', async () => {
    const { lines } = await touchline('list --channel ch_b');
    expect(lines[0]).toBe(
      'run_b-3  1970-01-01 00:00:03  Pitch B  goal         0.90    1.6 s  undecided, exact',
    );
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['run_b-3', 'run_b-2', 'run_b-1']);
    expect(await touchline('list --channel ch_b --decision approved')).toEqual({
      lines: [],
      told: ['There are no such moments.'],
    });
  });

  it('shows those of a score or more', async () => {
    expect(await listed('--channel ch_b --min-score 0.9')).toHaveLength(3);
    expect(await listed('--channel ch_b --min-score 0.91')).toEqual([]);
  });

  it.each([
    ['--min-score 1.1', /from 0 to 1/],
    ['--min-score high', /from 0 to 1/],
    ['--limit 0', /from 1 to 10000/],
    ['--limit 10001', /from 1 to 10000/],
    ['--limit all', /from 1 to 10000/],
    ['--decision maybe', /undecided, approved, rejected/],
    ['--run run_none', /there is no run "run_none"/],
    ['--channel none', /there is no channel "none"/],
  ])('refuses %s', async (words, message) => {
    await expect(touchline(`list ${words}`)).rejects.toThrow(message);
  });
});

describe('touchline moments show', () => {
  it('shows those that are named, in that order, with the reasons and the clip', async () => {
    const { lines } = await touchline('show run_b-2 run_a-7');
    expect(lines).toEqual([
      expect.stringMatching(/^run_b-2 {2}/),
      '   90 %  the crowd rose',
      '  clip clp-run_b-2  exact, proven',
      expect.stringMatching(/^run_a-7 {2}/),
      '   90 %  the crowd rose',
    ]);
    const { moments } = await json<{ moments: MomentView[] }>('show -', 'run_a-7\nrun_b-2\n');
    expect(moments).toMatchObject([
      { id: 'run_a-7', clip: null },
      { id: 'run_b-2', channelName: 'Pitch B', clip: { revision: 'exact' } },
    ]);
  });
});

describe('touchline moments approve, reject and undecide', () => {
  it('say what each was before, and take ids from stdin among those that are named, each once', async () => {
    expect((await touchline('approve run_b-3 run_b-1')).lines).toEqual([
      'run_b-3  approved, was undecided',
      'run_b-1  approved, was undecided',
    ]);
    expect(await json('reject run_b-2 - run_b-3', ' run_b-3\r\n\nrun_b-1 run_b-2')).toEqual({
      decision: 'rejected',
      moments: [
        { id: 'run_b-2', before: 'undecided' },
        { id: 'run_b-3', before: 'approved' },
        { id: 'run_b-1', before: 'approved' },
      ],
    });
    expect((await touchline('reject run_b-2')).lines).toEqual(['run_b-2  rejected, as before']);
    expect(await listed('--channel ch_b --decision rejected')).toEqual(['run_b-3', 'run_b-2', 'run_b-1']);
    await touchline('undecide -', 'run_b-1 run_b-2 run_b-3');
    expect(await listed('--channel ch_b --decision undecided')).toHaveLength(3);
  });

  it('decide more than one request of the API takes, up to the one that is unknown', async () => {
    await touchline('approve -', range(501, 1).join('\n'));
    expect(told).toEqual([]);
    expect(await listed('--run run_a --decision approved --limit 1000')).toHaveLength(501);
    await expect(
      touchline('undecide -', [...range(500, 1), 'mom_none', 'run_a-501'].join('\n')),
    ).rejects.toThrow('there is no moment "mom_none"');
    expect(told).toEqual(['The first 500 of 502 are undecided; nothing is decided of the others.']);
    expect(await listed('--run run_a --decision approved --limit 1000')).toEqual(['run_a-501']);
  });

  it('with nothing on stdin change nothing', async () => {
    expect(await touchline('approve -', '\n')).toEqual({
      lines: [],
      told: ['No ids came in: nothing is decided.'],
    });
    expect(await json('approve -')).toEqual({ decision: 'approved', moments: [] });
  });
});

describe.each(['show', 'approve', 'reject', 'undecide'])('touchline moments %s', (verb) => {
  it.each(['mom_none', 'ÿ/../x', `m${'x'.repeat(119)}`])(
    'of a moment that is not there says so, and does nothing to the others: %s',
    async (id) => {
      await expect(touchline(`${verb} run_b-1 ${id}`)).rejects.toMatchObject({
        code: 'moment.not-found',
        message: `there is no moment "${id}"`,
      });
      expect((await rig.desk.getMoment('run_b-1')).decision).toBe('undecided');
    },
  );
});
