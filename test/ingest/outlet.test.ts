import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import { segmentId } from '../../core/ids.ts';
import type { SegmentRecord } from '../../core/segment.ts';
import { leftJournals, repairJournals, RunJournal } from '../../ingest/journal.ts';
import { RunOutlet, type OutletOptions } from '../../ingest/outlet.ts';
import { Persistence } from '../../ingest/persistence.ts';
import { SpillFolder } from '../../ingest/spill.ts';
import { FakeHouse, unavailable } from './fake-house.ts';
import { finish, HandClock, pass } from './hand-clock.ts';

const run = { channelId: 'ch_1', runId: 'run_1', startWallMs: 1000 };
const bytes = new Uint8Array(100).fill(9);
let folder = '';
let house = new FakeHouse();
let clock = new HandClock();
let errors: unknown[] = [];

beforeEach(() => {
  errors = [];
  folder = mkdtempSync(join(tmpdir(), 'touchline-outlet-'));
  house = new FakeHouse();
  clock = new HandClock();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function record(seq: number): SegmentRecord {
  return {
    id: segmentId('run_1', seq),
    channelId: 'ch_1',
    runId: 'run_1',
    sessionId: 'ses_1',
    epoch: 0,
    seq,
    key: `segments/ch_1/run_1/${seq}.ts`,
    bytes: 100,
    sha256: '0'.repeat(64),
    container: 'mpegts',
    start90k: seq * 360_000,
    duration90k: 360_000,
    filePtsOffset90k: 0,
    startWallMs: 1000,
    gapBefore90k: 0,
    isDiscontinuity: seq === 0,
    startsWithKeyframe: true,
    isPartial: false,
    video: null,
    audio: null,
  };
}
function outlet(more: Partial<OutletOptions> = {}): RunOutlet {
  const parts = { host: house, events: house, clock, random: systemRandom, log: silentLog };
  return new RunOutlet(run, { ...parts, journalFolder: folder, ...more });
}
function heardLog(): typeof silentLog {
  return {
    ...silentLog,
    error: (message: string, fields?: object) => errors.push({ message, ...fields }),
  };
}
/** Opening a named pipe hangs until somebody reads it, as everything on a dead disk does. */
function hang(path: string): () => void {
  execFileSync('mkfifo', [path]);
  return () => closeSync(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
}
async function repair(): Promise<{ runCount: number; segmentCount: number }> {
  const signal = new AbortController().signal;
  const persistence = new Persistence({ clock, random: systemRandom, log: silentLog, signal });
  return await repairJournals({
    paths: leftJournals(folder),
    host: house,
    events: house,
    persistence,
    log: silentLog,
  });
}

async function crashed(announced: number, stored: number): Promise<string> {
  const journal = await RunJournal.create(folder, run);
  await journal.announced('start');
  for (let seq = 0; seq < stored; seq += 1) {
    house.objects.set(record(seq).key, bytes);
    await journal.stored(record(seq));
    if (seq < announced) await journal.announced(seq);
  }
  await journal.close(false);
  return join(folder, 'run_1.journal');
}

describe('the way of a segment out', () => {
  it('is store, journal, listener, in order, and leaves no journal when all is told', async () => {
    const way: string[] = [];
    house.beforePut = async (key) => void way.push(`put ${key.at(-4)}`);
    house.beforeAnnounce = async (what) => {
      const journal = readFileSync(join(folder, 'run_1.journal'), 'utf8');
      if (typeof what === 'number') expect(journal).toContain(`"seq":${what}`);
      way.push(`tell ${what}`);
    };
    const out = outlet();
    for (const seq of [0, 1, 2]) out.offer(record(seq), bytes);
    await out.close('stopped', 1000);
    expect(way.filter((step) => step.startsWith('put'))).toEqual(['put 0', 'put 1', 'put 2']);
    expect(house.heard).toEqual(['start', 0, 1, 2, 'stopped 3']);
    expect(way.indexOf('put 1')).toBeLessThan(way.indexOf('tell 1'));
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of one that the store answers with errors is walked again until it goes through', async () => {
    house.failPuts(8);
    const out = outlet();
    out.offer(record(0), bytes);
    out.offer(record(1), bytes);
    await pass(clock, () => out.failure !== undefined);
    expect(out.memoryBytes).toBe(200);
    await finish(clock, out.close('stopped', 10_000_000));
    expect(house.heard).toEqual(['start', 0, 1, 'stopped 2']);
    expect(out.failure).toBeUndefined();
  });

  it('whose answer was lost is put again under the same key with the same bytes, and told once', async () => {
    let lost = 0;
    house.beforePut = async (key) => {
      house.objects.set(key, bytes);
      lost += 1;
      if (lost === 1) throw unavailable();
    };
    const out = outlet();
    out.offer(record(0), bytes);
    await finish(clock, out.close('stopped', 100_000_000));
    expect(house.putCount).toBe(2);
    expect(house.heard).toEqual(['start', 0, 'stopped 1']);
  });

  it('that the store never answers is tried again after 30 s', async () => {
    let isFirst = true;
    house.beforePut = async () => {
      if (isFirst) {
        isFirst = false;
        await new Promise(() => {});
      }
    };
    const out = outlet();
    out.offer(record(0), bytes);
    await pass(clock, () => out.failure?.code === 'ingest.no-answer');
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(30_000);
    await finish(clock, out.close('stopped', 100_000_000));
    expect(house.heard).toEqual(['start', 0, 'stopped 1']);
  });

  it('goes on to the store while nobody listens; then all is told in order', async () => {
    let isAway = true;
    house.beforeAnnounce = async () => {
      if (isAway) throw unavailable('queue.unavailable');
    };
    const out = outlet();
    for (const seq of [0, 1, 2, 3]) out.offer(record(seq), bytes);
    await pass(clock, () => house.objects.size === 4);
    expect(house.heard).toEqual([]);
    isAway = false;
    await finish(clock, out.close('stopped', 100_000_000));
    expect(house.heard).toEqual(['start', 0, 1, 2, 3, 'stopped 4']);
  });

  it('past the time of a stop is given up where there is no journal: what is stored is told, the rest named as lost', async () => {
    house.beforePut = async (key) => {
      if (!key.endsWith('/0.ts')) throw unavailable();
    };
    const parts = { host: house, events: house, clock, random: systemRandom, log: heardLog() };
    const out = new RunOutlet(run, parts);
    for (const seq of [0, 1, 2]) out.offer(record(seq), bytes);
    await pass(clock, () => house.heard.includes(0));
    await finish(clock, out.close('stopped', 5000, ['a note of its own']));
    expect(house.heard).toEqual(['start', 0, 'stopped 1']);
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringMatching(/lost/), count: 2 })]);
    expect(house.ends[0]?.notes).toEqual([
      'a note of its own',
      expect.stringMatching(/^2 segments, .* \(the store is away\): lost$/),
    ]);
  });

  it('waits for what a crash left untold', async () => {
    const out = outlet({ announceAfter: clock.sleep(60_000) });
    out.offer(record(0), bytes);
    await pass(clock, () => house.objects.size === 1);
    expect(house.heard).toEqual([]);
    await finish(clock, out.close('stopped', 100_000_000));
    expect(house.heard).toEqual(['start', 0, 'stopped 1']);
  });
});

describe('what waits for the store', () => {
  it('goes to the disk and comes back from it, the oldest excepted', async () => {
    let isAway = true;
    house.beforePut = async () => {
      if (isAway) throw unavailable();
    };
    const spill = new SpillFolder({ folder: join(folder, 'spill'), bytesMax: 1000 });
    await spill.clear();
    const out = outlet({ spill });
    const different = [0, 1, 2].map((seq) => new Uint8Array(100).fill(seq));
    for (const [seq, one] of different.entries()) out.offer(record(seq), one);
    expect(await out.spill()).toBe(true);
    expect([out.memoryBytes, spill.bytes, out.hasSpilled]).toEqual([100, 200, true]);
    isAway = false;
    await finish(clock, out.close('stopped', 100_000_000));
    expect([...house.objects.values()]).toEqual(
      different.map((one) => expect.objectContaining({ length: one.length })),
    );
    expect([...house.objects.values()].map((one) => one[0])).toEqual([0, 1, 2]);
    expect([spill.bytes, readdirSync(join(folder, 'spill'))]).toEqual([0, []]);
  });

  it('stays in memory when the disk has no room either', async () => {
    house.beforePut = async () => {
      throw unavailable();
    };
    const spill = new SpillFolder({ folder: join(folder, 'spill'), bytesMax: 150 });
    await spill.clear();
    const out = outlet({ spill });
    for (const seq of [0, 1, 2]) out.offer(record(seq), bytes);
    expect(await out.spill()).toBe(false);
    expect([out.memoryBytes, spill.bytes]).toEqual([200, 100]);
    rmSync(join(folder, 'spill'), { recursive: true });
    expect(await spill.write('x', new Uint8Array(10))).toBe(false);
    await finish(clock, out.close('stopped', 1000));
    expect(spill.bytes).toBe(0);
  });
});

describe('what the store did not take before the end of its run', () => {
  const different = [0, 1, 2, 3].map((seq) => new Uint8Array(100).fill(seq));

  it('is kept beside the journal, from memory and from the spill, and stored and told at the next start', async () => {
    house.beforePut = async (key) => {
      if (!key.endsWith('/0.ts')) throw unavailable();
    };
    const spill = new SpillFolder({ folder: join(folder, 'spill'), bytesMax: 200 });
    await spill.clear();
    const out = outlet({ spill });
    for (const [seq, one] of different.entries()) out.offer(record(seq), one);
    await pass(clock, () => house.heard.includes(0));
    await out.spill();
    expect([out.memoryBytes, spill.bytes]).toEqual([100, 200]);
    await finish(clock, out.close('stopped', 5000, ['a note of its own']));
    expect(house.heard).toEqual(['start', 0, 'stopped 1']);
    expect(house.ends[0]?.notes?.[1]).toMatch(/^3 segments, .* kept on this disk until the next start/);
    expect([spill.bytes, readdirSync(join(folder, 'spill'))]).toEqual([0, []]);
    // A driver that starts empties the spill folder before anything else.
    await spill.clear();
    house.beforePut = async () => {};
    expect(await repair()).toEqual({ runCount: 1, segmentCount: 3 });
    expect(house.heard.slice(3)).toEqual([1, 2, 3, 'stopped 4']);
    expect(house.ends[1]?.notes).toEqual(['a note of its own']);
    for (const [seq, one] of different.entries())
      expect(house.objects.get(record(seq).key)).toEqual(
        expect.objectContaining({ length: one.length, 0: seq }),
      );
    expect(readdirSync(folder)).toEqual(['spill']);
  });

  it('and went in after all, its answer lost, is told at the next start and stored no second time with other bytes', async () => {
    const arrivals: (() => void)[] = [];
    house.beforePut = async () => {
      await new Promise<void>((resolve) => arrivals.push(resolve));
    };
    const out = outlet();
    out.offer(record(0), different[1] as Uint8Array);
    await pass(clock, () => house.putCount === 1);
    await finish(clock, out.close('publisher-left', 5000));
    for (const arrive of arrivals) arrive();
    house.beforePut = async () => {};
    await repair();
    expect(house.heard).toEqual(['start', 'publisher-left 0', 0, 'publisher-left 1']);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('waits on when the store is away at the next start as well', async () => {
    house.beforePut = async () => {
      throw unavailable();
    };
    const out = outlet();
    out.offer(record(0), bytes);
    await finish(clock, out.close('stopped', 5000));
    const stop = new AbortController();
    const persistence = new Persistence({ clock, random: systemRandom, log: silentLog, signal: stop.signal });
    const parts = { host: house, events: house, persistence, log: silentLog };
    const repairing = repairJournals({ ...parts, paths: leftJournals(folder) });
    repairing.catch(() => {});
    const putsBefore = house.putCount;
    await pass(clock, () => house.putCount > putsBefore + 1);
    stop.abort(new Error('going down'));
    await expect(repairing).rejects.toThrow('going down');
    house.beforePut = async () => {};
    expect(await repair()).toEqual({ runCount: 1, segmentCount: 1 });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is named when somebody took it away meanwhile; the others are told', async () => {
    house.beforePut = async () => {
      throw unavailable();
    };
    const out = outlet();
    for (const seq of [0, 1]) out.offer(record(seq), bytes);
    await finish(clock, out.close('stopped', 5000));
    rmSync(join(folder, 'run_1.0.kept'));
    house.beforePut = async () => {};
    const signal = new AbortController().signal;
    const log = heardLog();
    const persistence = new Persistence({ clock, random: systemRandom, log, signal });
    await repairJournals({ paths: leftJournals(folder), host: house, events: house, persistence, log });
    expect(errors).toEqual([expect.objectContaining({ message: 'a kept segment is gone' })]);
    expect(house.heard).toEqual(['start', 'stopped 0', 1, 'stopped 1']);
  });
});

describe('a disk that hangs', () => {
  it('under the journal is named after 10 s, and closing the run ends all the same', async () => {
    const letGo = hang(join(folder, 'run_1.journal'));
    try {
      const out = outlet({ log: heardLog() });
      out.offer(record(0), bytes);
      await pass(clock, () => out.failure !== undefined);
      expect(out.failure).toMatchObject({
        code: 'ingest.disk-hangs',
        message: expect.stringMatching(/10 s \(open journal\).*TOUCHLINE_HOME/),
      });
      expect(clock.monotonicMs()).toBeGreaterThanOrEqual(10_000);
      await finish(clock, out.close('stopped', 5000));
      expect(house.putCount).toBe(0);
      expect(errors).toContainEqual(
        expect.objectContaining({ message: expect.stringMatching(/lost/), count: 1 }),
      );
    } finally {
      letGo();
    }
  });

  it('under the spill counts as one without room', async () => {
    house.beforePut = async () => {
      throw unavailable();
    };
    const spill = new SpillFolder({ folder: join(folder, 'spill'), bytesMax: 1000 });
    await spill.clear();
    const letGo = hang(join(folder, 'spill', `${record(1).id}.ts`));
    try {
      const out = outlet({ spill });
      for (const seq of [0, 1]) out.offer(record(seq), bytes);
      expect(await finish(clock, out.spill())).toBe(false);
      expect(out.memoryBytes).toBe(200);
      await finish(clock, out.close('stopped', 1000));
    } finally {
      letGo();
    }
    await pass(clock, () => spill.bytes === 0);
  });

  it('and comes back is no failure any more', async () => {
    const said: (string | undefined)[] = [];
    const signal = new AbortController().signal;
    const persistence = new Persistence({ clock, random: systemRandom, log: silentLog, signal });
    const calls: ((what: string) => void)[] = [];
    const call = async (): Promise<string> => await new Promise((resolve) => calls.push(resolve));
    const onFailure = (error: { code: string } | undefined): void => void said.push(error?.code);
    const work = persistence.insist('write', call, { isLocal: true, onFailure });
    await pass(clock, () => said.length === 2);
    calls[0]?.('written');
    expect(await work).toBe('written');
    expect([calls.length, said]).toEqual([1, ['ingest.disk-hangs', 'ingest.disk-hangs', undefined]]);
  });
});

describe('the repair of a run that a crash cut off', () => {
  it.each([
    [0, 0, []],
    [0, 2, [0, 1]],
    [1, 3, [1, 2]],
    [3, 3, []],
  ])('with %d of %d segments told tells the others, then the end', async (announced, stored, told) => {
    await crashed(announced, stored);
    expect(await repair()).toEqual({ runCount: 1, segmentCount: told.length });
    expect(house.heard).toEqual([...told, `crash ${stored}`]);
    expect(readdirSync(folder)).toEqual([]);
    expect(await repair()).toEqual({ runCount: 0, segmentCount: 0 });
  });

  it('at every byte at which the crash can have cut the journal tells a whole number of segments', async () => {
    const path = await crashed(1, 3);
    const whole = readFileSync(path);
    for (let length = 0; length <= whole.length; length += 7) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      house = new FakeHouse();
      for (const seq of [0, 1, 2]) house.objects.set(record(seq).key, bytes);
      await repair();
      const count = Number(/\d+$/.exec(String(house.heard.at(-1) ?? 'x 0'))?.[0]);
      const told = house.heard.filter((what) => typeof what === 'number');
      expect(told).toEqual([0, 1, 2].slice(told[0] ?? 3, count));
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it.each([
    ['announces the segment whose put went through and whose answer nobody saw', true, [0, 'crash 1']],
    ['forgets the segment that did not reach the store', false, ['crash 0']],
  ])('%s', async (_what, isStored, heard) => {
    const journal = await RunJournal.create(folder, run);
    await journal.announced('start');
    await journal.coming(record(0));
    if (isStored) house.objects.set(record(0).key, bytes);
    await journal.close(false);
    await repair();
    expect(house.heard).toEqual(heard);
  });

  it('that is cut off itself is done again at the next start', async () => {
    await crashed(0, 3);
    const stop = new AbortController();
    const persistence = new Persistence({ clock, random: systemRandom, log: silentLog, signal: stop.signal });
    house.onHeard = (what) => {
      if (what === 1) stop.abort(new Error('going down'));
    };
    await expect(
      repairJournals({
        paths: leftJournals(folder),
        host: house,
        events: house,
        persistence,
        log: silentLog,
      }),
    ).rejects.toThrow();
    expect(house.heard).toEqual([0, 1]);
    await repair();
    expect(house.heard).toEqual([0, 1, 0, 1, 2, 'crash 3']);
  });

  it('keeps the reason of a run that had ended and could not say so', async () => {
    let isAway = false;
    house.beforeAnnounce = async () => {
      if (isAway) throw unavailable('queue.unavailable');
    };
    const out = outlet();
    out.offer(record(0), bytes);
    await pass(clock, () => house.heard.length === 2);
    isAway = true;
    await finish(clock, out.close('publisher-left', 2000));
    expect(readdirSync(folder)).toEqual(['run_1.journal']);
    isAway = false;
    await repair();
    expect(house.heard).toEqual(['start', 0, 'publisher-left 1']);
  });
});
