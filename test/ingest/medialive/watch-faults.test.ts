import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { msFromTicks } from '../../../core/media-time.ts';
import type { SegmentRecord } from '../../../core/segment.ts';
import type { WatchedRun } from '../../../ingest/medialive/watch-journal.ts';
import { bridgeEvent, MadePipeline, makeHls, notification } from './made-hls.ts';
import { WatchHouse } from './watch-house.ts';

/** What we tell MediaLive. Of 2 s segments that no playlist dates, two pipelines cannot be told apart for certain. */
const slotMs = 4000;
const slotCount = 12;
const run: WatchedRun = { channelId: 'ch_1', runId: 'run_1', segmentMs: slotMs, pipelineCount: 1 };
const segments = await makeHls({ count: slotCount, segmentMs: slotMs, start90k: 2 ** 33 - 20 * 90_000 });
const startMs = Date.UTC(2026, 2, 1, 12, 0, 2, 250);
const isLong = process.env['TOUCHLINE_TEST_LONG'] === '1';

interface Act {
  atMs: number;
  act: (house: WatchHouse) => void | Promise<void>;
}

/** Plays what happens, each at its time; then lets everything come to an end. */
async function play(
  watched: WatchedRun,
  script: (house: WatchHouse) => Act[],
  endAtMs: number,
): Promise<WatchHouse> {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-faults-'));
  const house = new WatchHouse(folder);
  try {
    await house.open([watched]);
    let nowMs = 0;
    for (const { atMs, act } of script(house).toSorted((one, other) => one.atMs - other.atMs)) {
      await house.pass(Math.min(atMs - nowMs, 60_000));
      nowMs = atMs;
      await act(house);
      await house.settle();
    }
    await house.pass(Math.max(0, endAtMs - nowMs));
    await house.end(watched.runId);
    return house;
  } finally {
    await house.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The watcher stops, or dies, and another goes on. */
function restart(atMs: number, watched: WatchedRun): Act {
  return {
    atMs,
    act: async (house) => {
      await house.close();
      await house.open([watched]);
    },
  };
}

function pipelineOf(house: WatchHouse, pipeline: 0 | 1): MadePipeline {
  return new MadePipeline({ bucket: house, prefix: 'in', channelId: 'ch_1', runId: 'run_1', pipeline });
}

function segment(slot: number): (typeof segments)[number] {
  return segments[slot] ?? { bytes: new Uint8Array(), durationMs: 0 };
}

describe('one pipeline', () => {
  const delayMs = fc.oneof(
    { weight: 5, arbitrary: fc.nat(1500) },
    { weight: 3, arbitrary: fc.nat(30_000) },
    { weight: 1, arbitrary: fc.constant(600_000) },
  );
  const plan = fc.record({
    // No event at all for a fifth of the segments, up to three for the others.
    events: fc.array(fc.array(fc.record({ delayMs, isBridge: fc.boolean() }), { maxLength: 3 }), {
      minLength: slotCount,
      maxLength: slotCount,
    }),
    playlistDelayMs: fc.constantFrom(0, 50, 400, 1800),
    restartsAtMs: fc.array(fc.nat(70_000), { maxLength: 3 }),
  });

  async function playOne(faults: {
    events: { delayMs: number; isBridge: boolean }[][];
    playlistDelayMs: number;
    restartsAtMs: number[];
  }): Promise<WatchHouse> {
    return await play(
      run,
      (house) => {
        const pipeline = pipelineOf(house, 0);
        const acts = faults.restartsAtMs.map((atMs) => restart(atMs, run));
        for (let slot = 0; slot < slotCount; slot += 1) {
          const { key, put, list } = pipeline.next(segment(slot), startMs + slot * slotMs);
          const doneMs = (slot + 1) * slotMs;
          acts.push({ atMs: doneMs, act: put }, { atMs: doneMs + faults.playlistDelayMs, act: list });
          for (const { delayMs, isBridge } of faults.events[slot] ?? []) {
            const body = isBridge ? bridgeEvent('media', key) : notification('media', [key, key]);
            acts.push({ atMs: doneMs + delayMs, act: () => house.send(body) });
          }
        }
        return acts;
      },
      slotCount * slotMs + 31_000,
    );
  }

  it('gives the same records whatever happens to the events, and to the watcher', async () => {
    const undisturbed = Array.from({ length: slotCount }, () => [{ delayMs: 0, isBridge: true }]);
    const expected = await playOne({ events: undisturbed, playlistDelayMs: 0, restartsAtMs: [] });
    expect(expected.line.map((record) => [record.start90k, record.epoch])).toEqual(
      Array.from({ length: slotCount }, (_, slot) => [slot * 90 * slotMs, 0]),
    );
    await fc.assert(
      fc.asyncProperty(plan, async (faults) => {
        const house = await playOne(faults);
        expect(house.line).toEqual(expected.line);
        expect(house.heard.at(-1)).toBe(`stopped ${slotCount}`);
        expect(house.rejected).toEqual([]);
        if (faults.restartsAtMs.length === 0) expect(house.heard.length).toBe(slotCount + 2);
      }),
      { numRuns: isLong ? 1000 : 30, seed: 26, endOnFailure: !isLong },
    );
  });
});

describe('two pipelines', () => {
  const standard: WatchedRun = { ...run, pipelineCount: 2 };
  const fate = fc.oneof(
    { weight: 12, arbitrary: fc.constant({ kind: 'written' as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('missing' as const), isListed: fc.boolean() }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('slow' as const),
        delayMs: fc.integer({ min: 2500, max: 60_000 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  );
  const fates = fc.array(fate, { minLength: slotCount, maxLength: slotCount });
  const silence = fc.option(
    fc.record({ from: fc.nat(slotCount - 1), slots: fc.integer({ min: 2, max: 6 }) }),
    { nil: undefined },
  );
  const plan = fc.record({
    fates: fc.tuple(fates, fates),
    silences: fc.tuple(silence, silence),
    skewMs: fc.integer({ min: -400, max: 400 }),
    isTold: fc.array(fc.boolean(), { minLength: 2 * slotCount, maxLength: 2 * slotCount }),
    restartsAtMs: fc.array(fc.nat(110_000), { maxLength: 3 }),
  });

  it('give one timeline: no time twice, none missing that was written, and every object accounted for', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ fates, silences, skewMs, isTold, restartsAtMs }) => {
        const slotOf = new Map<string, number>();
        const inTime = new Set<number>();
        const written = new Set<number>();
        const house = await play(
          standard,
          (house) => {
            const acts = restartsAtMs.map((atMs) => restart(atMs, standard));
            for (const index of [0, 1] as const) {
              const pipeline = pipelineOf(house, index);
              const silent = silences[index];
              for (let slot = 0; slot < slotCount; slot += 1) {
                const isSilent = silent && slot >= silent.from && slot < silent.from + silent.slots;
                const one = fates[index][slot] ?? { kind: 'written' };
                if (one.kind === 'restart' || (silent && slot === silent.from + silent.slots))
                  pipeline.restart();
                if (isSilent) continue;
                const wallMs = startMs + slot * slotMs + (index === 1 ? skewMs : 0);
                const { key, put, list } = pipeline.next(segment(slot), wallMs);
                const doneMs = (slot + 1) * slotMs + 400;
                slotOf.set(key, slot);
                if (one.kind !== 'missing') {
                  written.add(slot);
                  if (one.kind !== 'slow') inTime.add(slot);
                  const putMs = doneMs + (one.kind === 'slow' ? one.delayMs : 0);
                  acts.push({ atMs: putMs, act: put });
                  if (isTold[index * slotCount + slot]) {
                    acts.push({ atMs: putMs + 100, act: () => house.send(bridgeEvent('media', key)) });
                  }
                }
                if (one.kind !== 'missing' || one.isListed) acts.push({ atMs: doneMs + 50, act: list });
              }
            }
            return acts;
          },
          (slotCount + 1) * slotMs + 90_000,
        );
        check(house, { slotOf, inTime, written });
      }),
      { numRuns: isLong ? 2000 : 40, seed: 4, endOnFailure: !isLong },
    );
  });
});

function check(
  house: WatchHouse,
  plan: { slotOf: Map<string, number>; inTime: Set<number>; written: Set<number> },
): void {
  const slotOf = (record: SegmentRecord): number => plan.slotOf.get(record.key) ?? -1;
  const taken = house.line.map(slotOf);
  const late = [...house.late.keys()].map((seq) => slotOf(house.records.get(seq) ?? (undefined as never)));
  // One record per slot, ascending; what was written in time has its place, and the rest is named.
  expect(taken).toEqual([...new Set(taken)].toSorted((one, other) => one - other));
  expect(taken).toEqual(expect.arrayContaining([...plan.inTime]));
  expect([...taken, ...late].toSorted((one, other) => one - other)).toEqual(
    [...plan.written].toSorted((one, other) => one - other),
  );
  for (const [at, record] of house.line.entries()) {
    const before = house.line[at - 1];
    if (!before) continue;
    const end90k = before.start90k + before.duration90k;
    expect(record.start90k).toBeGreaterThanOrEqual(end90k - 1);
    expect(Math.abs(record.start90k - record.gapBefore90k - end90k)).toBeLessThanOrEqual(1);
    const missingMs = (slotOf(record) - slotOf(before) - 1) * slotMs;
    expect(Math.abs(msFromTicks(record.gapBefore90k) - missingMs)).toBeLessThanOrEqual(slotMs / 2);
    expect(record.epoch - before.epoch).toBe(record.isDiscontinuity ? 1 : 0);
    if (record.sessionId !== before.sessionId) expect(record.isDiscontinuity).toBe(true);
  }
  expect(house.heard.at(-1)).toBe(plan.written.size > 0 ? `stopped ${house.records.size}` : undefined);
}
