import { describe, expect, it } from 'vitest';

import type { Pool } from '../../../scaling/snapshot.ts';
import type { Segment, Trace } from '../../../scaling/simulate/trace.ts';
import { World, type WorldOptions } from '../../../scaling/simulate/world.ts';

const pool: Pool = { name: 'g5', power: 1, dollarsPerHour: 1 };
const trace: Trace = { name: 'an hour', startMs: 0, endMs: 3_600_000, broadcasts: [] };
const second = 1000;

const segment = (atSeconds: number, workSeconds: number, channelId = 'a'): Segment => ({
  channelId,
  atMs: atSeconds * second,
  workSeconds,
});

function worldOf(segments: Segment[], changes: Partial<WorldOptions> = {}): World {
  return new World(
    {
      trace,
      segments,
      pools: [pool],
      bootSecondsMedian: 100,
      countMax: 50,
      faults: {},
      seed: 1,
      dispatch: 'longest-idle',
      deadlineSeconds: 20,
      ...changes,
    },
    () => {},
  );
}

const doneAt = (world: World): (number | undefined)[] =>
  world.jobs.map(({ doneAtMs }) => (doneAtMs === undefined ? undefined : doneAtMs / second));

/** One machine that has booted by the 200th second at the latest. */
function withMachines(segments: Segment[], count: number, changes: Partial<WorldOptions> = {}): World {
  const world = worldOf(segments, changes);
  world.launch(pool, count);
  world.runUntil(200 * second);
  return world;
}

describe('a world', () => {
  it('serves one segment after the other on one machine, two at once on two, and each by the power of its pool', () => {
    const segments = [segment(300, 5), segment(301, 4), segment(302, 1)];
    const one = withMachines(segments, 1);
    one.runUntil(400 * second);
    expect(doneAt(one)).toEqual([305, 309, 310]);
    expect([...one.machines].map(({ busyMs }) => busyMs)).toEqual([10 * second]);
    const two = withMachines(segments, 2);
    two.runUntil(400 * second);
    expect(doneAt(two)).toEqual([305, 305, 306]);
    const strong = { ...pool, power: 2 };
    const fast = worldOf(segments, { pools: [strong] });
    fast.launch(strong, 1);
    fast.runUntil(400 * second);
    expect(doneAt(fast)).toEqual([302.5, 304.5, 305]);
  });

  it('works as soon as it has booted, between three quarters and twice the median, and not before', () => {
    const world = worldOf([segment(1, 5)]);
    world.launch(pool, 20);
    const boots = world.machines.map(({ readyAtMs }) => readyAtMs / second);
    expect(Math.min(...boots)).toBeGreaterThanOrEqual(75);
    expect(Math.max(...boots)).toBeLessThanOrEqual(200);
    expect(new Set(boots).size).toBeGreaterThan(10);
    world.runUntil(400 * second);
    expect(doneAt(world)).toEqual([Math.min(...boots) + 5]);
  });

  it('takes the earliest deadline, and of those due at once the channel that was served longest ago', () => {
    const segments = [
      segment(1, 1, 'a'),
      segment(1, 1, 'a'),
      segment(1, 1, 'b'),
      segment(1.2, 1, 'c'),
      segment(5, 1, 'd'),
    ];
    const world = withMachines(segments, 1);
    const order = world.jobs
      .toSorted((one, other) => (one.doneAtMs ?? 0) - (other.doneAtMs ?? 0))
      .map(({ channelId }) => channelId);
    expect(order).toEqual(['a', 'b', 'c', 'a', 'd']);
  });

  it('lets a machine that drains finish what it has in hand, and take nothing new until it is kept', () => {
    const world = withMachines([segment(300, 5), segment(301, 5)], 1);
    world.runUntil(302 * second);
    const [machine] = world.machines;
    if (!machine) throw new Error('there is a machine');
    world.drain(machine);
    world.runUntil(310 * second);
    expect([machine.life, doneAt(world)]).toEqual(['drained', [305, undefined]]);
    world.keep(machine);
    world.runUntil(320 * second);
    expect([machine.life, doneAt(world)]).toEqual(['working', [305, 315]]);
  });

  it('does again what a machine that was ended had in hand, 13 s later and in its old place', () => {
    const world = withMachines([segment(300, 5), segment(301, 50), segment(306, 5)], 1);
    world.runUntil(302 * second);
    for (const machine of world.present) world.end(machine);
    expect(world.killedInFlightCount).toBe(1);
    world.launch(pool, 1);
    world.runUntil(314 * second);
    expect([world.line.count, world.present.size]).toEqual([2, 1]);
    world.runUntil(315 * second);
    expect(world.line.count).toBe(3);
    world.runUntil(900 * second);
    const [first = 0, next = 0, last = 0] = doneAt(world);
    expect([next - first, last - next]).toEqual([50, 5]);
    expect(world.doneCount).toBe(3);
  });
});

describe('a fault', () => {
  it('of capacity gives no more machines of a pool than there are, while it lasts', () => {
    const faults = { shortages: [{ fromMs: 0, toMs: 1000, countMax: 3 }] };
    const world = worldOf([], { faults });
    expect([world.launch(pool, 5), world.launch(pool, 1)]).toEqual([3, 0]);
    world.runUntil(1000);
    expect(world.launch(pool, 5)).toBe(5);
    expect(worldOf([], { countMax: 4 }).launch(pool, 5)).toBe(4);
  });

  it('of spot takes machines away: with notice none has a segment in hand, without it some have', () => {
    const segments = Array.from({ length: 3000 }, (_, index) => segment(index, 4, `c${index % 8}`));
    const killedWith = (noticeSeconds: number): World => {
      const world = worldOf(segments, {
        faults: { spot: { killsPerMachineHour: 3, noticeSeconds } },
      });
      world.launch(pool, 30);
      world.runUntil(3_600_000);
      return world;
    };
    const told = killedWith(120);
    expect([told.killedInFlightCount, told.present.size < 10]).toEqual([0, true]);
    expect(told.keep([...told.machines][0] ?? expect.fail())).toBe(false);
    expect(killedWith(0).killedInFlightCount).toBeGreaterThan(0);
  });
});
