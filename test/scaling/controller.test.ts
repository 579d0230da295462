import { describe, expect, it } from 'vitest';

import { systemClock, type Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import { nothingWaits, type LoadView } from '../../core/load.ts';
import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import {
  Controller,
  type ControllerLease,
  type ControllerOptions,
  type DecisionRecord,
  type DecisionRecords,
} from '../../scaling/controller.ts';
import type { ActionOutcome, FleetAction, FleetProvider, FleetView } from '../../scaling/fleet-provider.ts';
import { scalingPolicy } from '../../scaling/policy.ts';
import { noOverrides } from '../../scaling/snapshot.ts';

/** Machines that are there as soon as they are ordered; pools that can be empty. */
class PaperProvider implements FleetProvider {
  readonly name = 'dry-run';
  readonly capabilities = { canKeep: true };
  readonly applied: FleetAction[] = [];
  readonly emptyPools = new Set<string>();
  count = 0;
  isSpotOut = false;
  error: Error | undefined;

  readonly nowMs: () => number;

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  async observe(): Promise<FleetView> {
    if (this.error) throw this.error;
    return {
      machines: Array.from({ length: this.count }, (_, index) => ({
        instanceId: `i-${index}`,
        pool: 'spot',
        life: 'running' as const,
        launchedAtMs: 0,
      })),
      pools: ['spot', 'on-demand'].map((name) => ({
        name,
        power: 1,
        dollarsPerHour: 1,
        orderedCount: this.count,
        unavailableUntilMs: this.emptyPools.has(name) ? this.nowMs() + 1000 : undefined,
      })),
    };
  }

  async apply(action: FleetAction): Promise<ActionOutcome> {
    this.applied.push(action);
    if (action.kind === 'order' && action.pool === 'spot' && this.isSpotOut) {
      this.emptyPools.add('spot');
      return { kind: 'no-capacity', pool: 'spot', why: 'none left', untilMs: this.nowMs() + 1000 };
    }
    if (action.kind === 'order') this.count = action.count;
    return { kind: 'done' };
  }

  async close(): Promise<void> {}
}

/** What a database keeps while controllers come and go. */
class Shared implements DecisionRecords {
  readonly records: DecisionRecord[] = [];
  holder: { id: string; untilMs: number } | undefined;
  nowMs = 1_800_000_000_000;

  async recent(sinceMs: number): ReturnType<DecisionRecords['recent']> {
    return this.records.map(({ decision }) => decision).filter(({ atMs }) => atMs >= sinceMs);
  }
  async overrides(): ReturnType<DecisionRecords['overrides']> {
    return noOverrides;
  }
  async bootMsP95(): Promise<undefined> {}
  async noteMachines(): Promise<void> {}
  async add(record: DecisionRecord): Promise<void> {
    this.records.push(record);
  }
  lease(id: string): ControllerLease {
    return {
      hold: async (forMs) => {
        if (this.holder && this.holder.id !== id && this.holder.untilMs > this.nowMs) return false;
        this.holder = { id, untilMs: this.nowMs + forMs };
        return true;
      },
      release: async () => {
        if (this.holder?.id === id) this.holder = undefined;
      },
    };
  }
}

function house(changes: Partial<ControllerOptions> = {}) {
  const shared = new Shared();
  const clock: Clock = { ...systemClock, nowMs: () => shared.nowMs };
  const provider = new PaperProvider(() => shared.nowMs);
  const world = {
    shared,
    provider,
    liveCount: 4,
    measuredAgoMs: 0,
    loadError: undefined as Error | undefined,
    workers: [] as LoadView['workers'],
  };
  const load = async (): Promise<LoadView> => {
    if (world.loadError) throw world.loadError;
    return {
      measuredAtMs: shared.nowMs - world.measuredAgoMs,
      channels: Array.from({ length: world.liveCount }, (_, index) => ({
        channelId: `c${index}`,
        name: `c${index}`,
        isLive: true,
        workPerMediaSecond: 1,
      })),
      backlog: nothingWaits,
      workers: world.workers,
    };
  };
  const open = (id: string): Controller =>
    new Controller({
      provider,
      policy: scalingPolicy.parse({}),
      load,
      records: shared,
      lease: shared.lease(id),
      isHealing: true,
      intervalMs: 10_000,
      clock,
      random: systemRandom,
      log: silentLog,
      ...changes,
    });
  return { ...world, world, open };
}

const forEver = new AbortController().signal;

describe('a controller', () => {
  it('orders what is needed, writes down why, and has nothing to do the next time', async () => {
    const { open, shared, provider } = house();
    const controller = open('a');
    expect(await controller.round(forEver)).toMatchObject({ desiredCount: 5 });
    expect(provider.applied).toEqual([{ kind: 'order', pool: 'spot', count: 5 }]);
    const [record] = shared.records;
    expect(record?.snapshot?.channels).toHaveLength(4);
    expect(record?.outcomes).toEqual([{ action: provider.applied[0], outcome: { kind: 'done' } }]);
    shared.nowMs += 10_000;
    await controller.round(forEver);
    await controller.round(forEver);
    expect(provider.applied).toHaveLength(1);
    // Of what did not change, every input is not written down again.
    expect(shared.records.map(({ snapshot }) => snapshot !== undefined)).toEqual([true, false, false]);
  });

  it('asks the next pool in the same round when the first has nothing to give', async () => {
    const { open, provider, shared } = house();
    provider.isSpotOut = true;
    await open('a').round(forEver);
    expect(provider.applied).toEqual([
      { kind: 'order', pool: 'spot', count: 5 },
      { kind: 'order', pool: 'on-demand', count: 5 },
    ]);
    expect(shared.records[0]?.outcomes.map(({ outcome }) => outcome.kind)).toEqual(['no-capacity', 'done']);
  });

  it('never acts together with another', async () => {
    const { open, provider, shared, world } = house();
    const [one, other] = [open('a'), open('b')];
    for (let round = 0; round < 50; round += 1) {
      world.liveCount = 4 + round;
      const before = provider.applied.length;
      const decisions = await Promise.all([one.round(forEver), other.round(forEver)]);
      expect(decisions.filter((decision) => decision !== undefined)).toHaveLength(1);
      expect(provider.applied.length - before).toBeLessThanOrEqual(1);
      shared.nowMs += round === 25 ? 60_000 : 5_000;
      // In the middle the first stays away, and the other takes over.
      if (round === 25) {
        expect(await other.round(forEver)).toBeDefined();
        expect(await one.round(forEver)).toBeUndefined();
      }
    }
  });

  it('decides after a restart what it would have decided without one', async () => {
    const runs = [false, true].map(async (isRestarted) => {
      const { open, shared, provider, world } = house();
      let controller = open('a');
      const desired: (number | undefined)[] = [];
      for (let round = 0; round < 120; round += 1) {
        if (round === 40) world.liveCount = 1;
        if (isRestarted && round % 7 === 0) controller = open('a');
        desired.push((await controller.round(forEver))?.desiredCount);
        shared.nowMs += 10_000;
      }
      return { desired, applied: provider.applied };
    });
    const [through, restarted] = await Promise.all(runs);
    expect(restarted).toEqual(through);
    expect(through?.applied.some(({ kind }) => kind === 'drain')).toBe(true);
  });

  it('leaves the fleet as it is while the load cannot be read', async () => {
    const { open, shared, provider, world } = house();
    const controller = open('a');
    await controller.round(forEver);
    world.loadError = new Error('the database is away');
    world.liveCount = 0;
    for (let round = 0; round < 60; round += 1) {
      shared.nowMs += 10_000;
      await controller.round(forEver);
    }
    expect(provider.applied).toHaveLength(1);
    expect(shared.records.at(-1)?.decision.brakes).toEqual(['stale']);
  });

  it('goes on when the provider is away, and ends when it says that no retry can mend it', async () => {
    const { open, provider } = house();
    const controller = open('a');
    provider.error = new Error('throttled');
    expect(await controller.round(forEver)).toBeUndefined();
    provider.error = new TouchlineError({
      code: 'scaling.missing-group',
      message: 'there is no group "x"',
      retryable: false,
      blame: 'environment',
    });
    await expect(controller.run(forEver)).rejects.toMatchObject({ code: 'scaling.missing-group' });
  });

  it('replaces what has fallen silent, and orders nothing in its place: the provider does', async () => {
    const { open, provider, shared, world } = house();
    provider.count = 7;
    const controller = open('a');
    const beatAtMs = (index: number): number => (index === 0 ? startMs : shared.nowMs);
    const startMs = shared.nowMs;
    for (let second = 0; second <= 40; second += 10) {
      world.workers = Array.from({ length: 7 }, (_, index) => ({
        workerId: `wrk_${index}`,
        instanceId: `i-${index}`,
        slots: { analyse: 1, cut: 1 },
        jobIds: [],
        state: 'working' as const,
        startedAtMs: 0,
        lastBeatAtMs: beatAtMs(index),
        lastCompletedAtMs: undefined,
        completedCount: 0,
        throughput: 0,
        clockSkewMs: 0,
        isDeviceOk: true,
      }));
      await controller.round(forEver);
      shared.nowMs += 10_000;
    }
    expect(provider.applied).toEqual([
      { kind: 'replace', instanceId: 'i-0', why: 'nothing was heard of it for 40 s' },
    ]);
  });
});
