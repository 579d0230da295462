import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { LoadView, WorkerView } from '../../../core/load.ts';
import { silentLog } from '../../../core/log.ts';
import { Controller, type DecisionRecord } from '../../../scaling/controller.ts';
import { scalingPolicy } from '../../../scaling/policy.ts';
import { noOverrides } from '../../../scaling/snapshot.ts';
import { openAsgBench, spot, type AsgBench } from '../../support/asg-bench.ts';

const bootMs = 150_000;
const drainMs = 20_000;
/** Rounds of 10 s after which all have booted that were ordered, and those are gone that were only for the start. */
const settled = 100;
const seeds = process.env['TOUCHLINE_TEST_LONG'] ? Array.from({ length: 20 }, (_, index) => index + 1) : [1];
const never = new AbortController().signal;

/** Workers of the machines in the simulator, as the registry would list them. */
class Workers {
  readonly #bench: AsgBench;
  readonly #states = new Map<string, { state: WorkerView['state']; sinceMs: number }>();
  /** Their machine is there, and they say nothing any more. */
  readonly silentSinceMs = new Map<string, number>();

  constructor(bench: AsgBench) {
    this.#bench = bench;
  }

  list(): WorkerView[] {
    const { simulator } = this.#bench;
    return [...simulator.groups.values()].flatMap(({ instances }) =>
      instances.flatMap(({ id, launchedAtMs, takenAtMs }): WorkerView[] => {
        const { nowMs } = simulator;
        if (nowMs < launchedAtMs + bootMs || nowMs >= takenAtMs) return [];
        const lastBeatAtMs = this.silentSinceMs.get(id) ?? nowMs;
        // As the registry: silent for a minute is forgotten.
        if (nowMs - lastBeatAtMs > 60_000) return [];
        return [
          {
            workerId: `w-${id}`,
            instanceId: id,
            slots: { analyse: 1, cut: 1 },
            jobIds: this.stateOf(id) === 'working' ? ['job'] : [],
            state: this.stateOf(id),
            startedAtMs: launchedAtMs + bootMs,
            lastBeatAtMs,
            lastCompletedAtMs: nowMs,
            completedCount: Math.floor(nowMs / 1000),
            throughput: 0.8,
            clockSkewMs: 0,
            isDeviceOk: true,
          },
        ];
      }),
    );
  }

  /** Told to drain, or that EC2 takes it: it finishes what it has, and says that it is empty. */
  stateOf(id: string): WorkerView['state'] {
    const { simulator, orders } = this.#bench;
    const isTold = orders.given.has(id) || simulator.instance(id).takenAtMs < Infinity;
    const was = this.#states.get(id) ?? { state: 'working', sinceMs: simulator.nowMs };
    let { state } = was;
    if (!isTold) state = 'working';
    else if (was.state === 'working') state = 'draining';
    else if (simulator.nowMs - was.sinceMs >= drainMs) state = 'drained';
    if (state !== was.state || !this.#states.has(id))
      this.#states.set(id, { state, sinceMs: simulator.nowMs });
    return state;
  }
}

describe('a fleet on EC2, under the controller of production', { timeout: 120_000 }, () => {
  let bench: AsgBench;
  beforeEach(async () => (bench = await openAsgBench()));
  afterEach(async () => await bench.close());

  /** Rounds of 10 s, with so many live channels; who is ended is looked at after each. */
  async function open(seed: number) {
    const { simulator, served, clock } = bench;
    const workers = new Workers(bench);
    const world = { liveCount: 0, faultShare: 0, badEnds: [] as string[], records: [] as DecisionRecord[] };
    let state = seed;
    const unit = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    served.decide = () => {
      if (unit() >= world.faultShare) return 'pass';
      return (['throttle', 'lose', 'unavailable'] as const)[Math.floor(unit() * 3)] ?? 'pass';
    };
    const load = async (): Promise<LoadView> => ({
      measuredAtMs: simulator.nowMs,
      channels: Array.from({ length: world.liveCount }, (_, index) => ({
        channelId: `c${index}`,
        name: `c${index}`,
        isLive: true,
        workPerMediaSecond: 0.8,
      })),
      backlog: {
        waitingCount: 0,
        waitingWorkSeconds: 0,
        oldestWaitMs: 0,
        inFlightCount: world.liveCount,
        inFlightWorkSeconds: world.liveCount,
        arrivedWorkPerSecond: world.liveCount * 0.8,
        meanServiceSeconds: 2,
      },
      workers: workers.list(),
    });
    const policy = scalingPolicy.parse({ bootSecondsPrior: 150 });
    const controller = new Controller({
      provider: await bench.open(),
      policy,
      load,
      records: {
        recent: async () => [],
        overrides: async () => noOverrides,
        bootMsP95: async () => undefined,
        noteMachines: async () => {},
        add: async (record) => void world.records.push(record),
      },
      lease: { hold: async () => true, release: async () => {} },
      isHealing: true,
      intervalMs: 10_000,
      clock,
      random: { unit, bytes: (count) => new Uint8Array(count) },
      log: silentLog,
    });
    const machines = () => [...simulator.groups.values()].flatMap(({ instances }) => instances);
    const working = (): number =>
      workers
        .list()
        .filter(({ state: one, lastBeatAtMs }) => one === 'working' && lastBeatAtMs === simulator.nowMs)
        .length;
    const seen = new Set<string>();
    const rounds = async (count: number): Promise<void> => {
      for (let round = 0; round < count; round += 1) {
        await controller.round(never);
        for (const { id, activities, launchedAtMs, state: one } of machines()) {
          const isOurs = activities.some(({ message }) => message === 'at a user request');
          if (!one.startsWith('Terminat') || !isOurs || seen.has(id)) continue;
          seen.add(id);
          const isUp = simulator.nowMs >= launchedAtMs + bootMs;
          if (isUp && workers.stateOf(id) !== 'drained') world.badEnds.push(id);
        }
        simulator.advance(10_000);
      }
    };
    return { world, workers, rounds, working, machines };
  }

  it('grows for what is live, and shrinks to nothing by drains alone', async () => {
    const { world, rounds, working, machines } = await open(1);
    world.liveCount = 8;
    await rounds(settled);
    expect(working()).toBeGreaterThanOrEqual(8);
    const full = machines().length;
    world.liveCount = 2;
    await rounds(90);
    expect(working()).toBeGreaterThanOrEqual(2);
    expect(machines().length).toBeLessThan(full / 2);
    world.liveCount = 0;
    await rounds(150);
    expect(machines()).toEqual([]);
    expect(world.badEnds).toEqual([]);
    expect(bench.orders.given.size).toBe(0);
    expect([...bench.simulator.groups.values()].map(({ desired }) => desired)).toEqual([0, 0]);
  });

  it.each(seeds)('does so while calls are throttled and answers lost (seed %i)', async (seed) => {
    const { world, rounds, working, machines } = await open(seed);
    world.faultShare = 0.3;
    world.liveCount = 8;
    await rounds(settled);
    expect(working()).toBeGreaterThanOrEqual(8);
    world.liveCount = 0;
    await rounds(220);
    expect(machines()).toEqual([]);
    expect(world.badEnds).toEqual([]);
    expect([...bench.simulator.groups.values()].map(({ desired }) => desired)).toEqual([0, 0]);
  });

  it('takes machines back that drain when they are needed again', async () => {
    const { world, rounds, working, machines } = await open(1);
    world.liveCount = 8;
    await rounds(settled);
    const before = machines().map(({ id }) => id);
    world.liveCount = 4;
    // To the round in which the first are told to drain.
    for (let tries = 0; bench.orders.given.size === 0 && tries < 100; tries += 1) await rounds(1);
    expect(bench.orders.given.size).toBeGreaterThan(0);
    world.liveCount = 8;
    await rounds(12);
    expect(bench.orders.given.size).toBe(0);
    expect(machines().map(({ id }) => id)).toEqual(expect.arrayContaining(before));
    expect(working()).toBeGreaterThanOrEqual(before.length);
  });

  it('takes from the next pool what the first has not, and not twice', async () => {
    const { world, rounds, working, machines } = await open(1);
    bench.simulator.capacity.set('g5.xlarge', 3);
    world.liveCount = 8;
    await rounds(settled);
    expect(working()).toBeGreaterThanOrEqual(8);
    const { desired, instances } = bench.simulator.group(spot.name);
    expect(desired).toBeLessThanOrEqual(3);
    expect(instances).toHaveLength(desired);
    const before = machines().map(({ id }) => id);
    expect(before).toHaveLength(world.records.at(-1)?.decision.desiredCount ?? 0);
    // It comes back, and is not needed.
    bench.simulator.capacity.delete('g5.xlarge');
    await rounds(40);
    expect(machines().map(({ id }) => id)).toEqual(before);
  });

  it('has a spot machine that is taken away replaced before the end of a boot, with no more machines than before', async () => {
    const { world, rounds, working, machines } = await open(1);
    world.liveCount = 8;
    await rounds(settled);
    const before = machines().length;
    const victim = machines()[0]?.id ?? '';
    bench.simulator.giveSpotNotice(victim);
    await rounds(30);
    expect(machines().map(({ id }) => id)).not.toContain(victim);
    expect(machines()).toHaveLength(before);
    expect(working()).toBe(before);
    expect(world.badEnds).toEqual([]);
  });

  it('has a machine that has fallen silent replaced, with no more machines than before', async () => {
    const { world, workers, rounds, working, machines } = await open(1);
    world.liveCount = 8;
    await rounds(settled);
    const before = machines().length;
    const victim = machines()[0]?.id ?? '';
    workers.silentSinceMs.set(victim, bench.simulator.nowMs);
    await rounds(30);
    expect(machines().map(({ id }) => id)).not.toContain(victim);
    expect(machines()).toHaveLength(before);
    expect(working()).toBe(before);
    const peak = Math.max(
      ...world.records
        .slice(settled)
        .map(({ snapshot }) => snapshot?.machines.filter(({ state }) => state !== 'ending').length ?? 0),
    );
    expect(peak).toBe(before);
  });

  it('replaces nobody when all fall silent together', async () => {
    const { world, workers, rounds, machines } = await open(1);
    world.liveCount = 8;
    await rounds(settled);
    const before = machines().map(({ id }) => id);
    for (const id of before) workers.silentSinceMs.set(id, bench.simulator.nowMs);
    await rounds(30);
    expect(machines().map(({ id }) => id)).toEqual(expect.arrayContaining(before));
    const kinds = world.records
      .slice(settled)
      .flatMap(({ outcomes }) => outcomes.map(({ action }) => action.kind));
    expect(kinds).not.toContain('replace');
  });
});
