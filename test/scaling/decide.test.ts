import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Backlog, ChannelLoad } from '../../core/load.ts';
import { decide, type Decision } from '../../scaling/decide.ts';
import { scalingPolicy, type ScalingPolicy } from '../../scaling/policy.ts';
import { noOverrides, type Machine, type Pool, type Snapshot } from '../../scaling/snapshot.ts';

const now = 1_800_000_000_000;
const minute = 60_000;
const policy = scalingPolicy.parse({});
const pool: Pool = { name: 'g5', power: 1, dollarsPerHour: 1 };

const idle: Backlog = {
  waitingCount: 0,
  waitingWorkSeconds: 0,
  oldestWaitMs: 0,
  inFlightCount: 0,
  inFlightWorkSeconds: 0,
  arrivedWorkPerSecond: 0,
  meanServiceSeconds: 1,
};

function live(count: number, workPerMediaSecond = 1): ChannelLoad[] {
  return Array.from({ length: count }, (_, index) => ({
    channelId: `ch_${index}`,
    name: `c${index}`,
    isLive: true,
    workPerMediaSecond,
  }));
}

function scheduled(startsInMs: number, workPerMediaSecond = 1): ChannelLoad {
  const startsAtMs = now + startsInMs;
  return {
    channelId: `f_${startsInMs}`,
    name: 'fixture',
    isLive: false,
    workPerMediaSecond,
    startsAtMs,
    endsAtMs: startsAtMs + 2 * 60 * minute,
  };
}

function ready(count: number, state: Machine['state'] = 'ready', launchedAtMs = now - 3600_000): Machine[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${state}-${String(index).padStart(3, '0')}`,
    pool: 'g5',
    state,
    launchedAtMs: launchedAtMs + index,
    jobsInHand: 0,
  }));
}

/** A quiet fleet that has been decided upon every 10 s for 20 minutes. */
function snapshotOf(changes: Partial<Snapshot> = {}, before = { neededCount: 0, desiredCount: 0 }): Snapshot {
  return {
    atMs: now,
    measuredAtMs: now,
    channels: [],
    backlog: idle,
    machines: [],
    pools: [pool],
    bootMsP95: 4 * minute,
    overrides: noOverrides,
    history: Array.from({ length: 120 }, (_, index) => ({
      atMs: now - (120 - index) * 1e4,
      ...before,
    })),
    ...changes,
  };
}

const kinds = ({ actions }: Decision): string[] => actions.map(({ kind }) => kind);

describe('what is needed', () => {
  it('is nothing when nothing is live, scheduled or waiting', () => {
    expect(decide(snapshotOf(), policy)).toMatchObject({ neededCount: 0, desiredCount: 0, actions: [] });
    expect(decide(snapshotOf(), policy).machineCounts).toEqual({});
  });

  it('is what live channels offer, with one reserve: square-root staffing, full to 95 %, or a spare, whichever is most', () => {
    // 4 + 0.4 x sqrt(4) = 4.8, 4 / 0.95 = 4.2, 4 + 1 = 5.
    expect(decide(snapshotOf({ channels: live(4) }), policy).neededCount).toBe(5);
    // 25 + 0.4 x 5 = 27, 25 / 0.95 = 26.3, 25 + 1 = 26.
    expect(decide(snapshotOf({ channels: live(25) }), policy).neededCount).toBe(27);
    // 100 + 0.4 x 10 = 104, 100 / 0.95 = 105.3.
    expect(decide(snapshotOf({ channels: live(100) }), policy).neededCount).toBe(106);
  });

  it('orders no machine for a quarter of one, and lets none go for it, but always has one', () => {
    const spareless = scalingPolicy.parse({ spareCount: 0, spareFactor: 0, utilisationMax: 0.999_999 });
    const countWith = (load: number, machineCount: number): number =>
      decide(snapshotOf({ channels: live(1, load), machines: ready(machineCount) }), spareless).neededCount;
    expect([countWith(4.24, 0), countWith(4.24, 4), countWith(4.24, 5), countWith(4.24, 6)]).toEqual([
      4, 4, 5, 5,
    ]);
    expect([countWith(4.26, 4), countWith(4.01, 5), countWith(3.99, 5)]).toEqual([5, 5, 4]);
    expect([countWith(0.01, 0), countWith(0, 0)]).toEqual([1, 0]);
  });

  it('counts a fixture from its lead on, until it is too late to be believed in, and once when it is live', () => {
    const leadMs = 4 * minute + policy.leadMarginSeconds * 1000;
    const countWith = (channel: ChannelLoad): number =>
      decide(snapshotOf({ channels: [channel] }), policy).neededCount;
    expect(countWith(scheduled(leadMs + 1))).toBe(0);
    expect(countWith(scheduled(leadMs))).toBe(2);
    expect(countWith(scheduled(-policy.graceSeconds * 1000 + 1))).toBe(2);
    expect(countWith(scheduled(-policy.graceSeconds * 1000))).toBe(0);
    expect(countWith({ ...scheduled(-minute), isLive: true })).toBe(2);
  });

  it('has room beside what is announced for the share that never is, until the announced are live', () => {
    const surprised = scalingPolicy.parse({ unannouncedShare: 0.25 });
    const fixtures = Array.from({ length: 6 }, (_, index) => scheduled(minute + index));
    // 6 / 0.75 = 8, and a reserve of 0.4 x sqrt(8) = 1.13.
    expect(decide(snapshotOf({ channels: fixtures }), surprised)).toMatchObject({
      neededCount: 9,
      need: { feedForward: 8 },
    });
    expect(decide(snapshotOf({ channels: fixtures, measuredAtMs: now - 31_000 }), surprised)).toMatchObject({
      desiredCount: 9,
      brakes: ['stale'],
    });
    expect(decide(snapshotOf({ channels: live(6) }), surprised).neededCount).toBe(7);
  });

  it('follows what comes in where nobody said that it would', () => {
    const backlog = { ...idle, arrivedWorkPerSecond: 9 };
    expect(decide(snapshotOf({ backlog }), policy).neededCount).toBe(10);
  });

  it('adds what a backlog asks for that will still be there when a new machine begins to work', () => {
    const backlog = { ...idle, waitingCount: 600, waitingWorkSeconds: 600 };
    const catchUpWith = (machines: Machine[]): number =>
      decide(snapshotOf({ backlog, machines }), policy).need.catchUp;
    expect(catchUpWith([])).toBeCloseTo(600 / 45);
    // Of a boot of 240 s three machines work for so long as they have been booting already.
    expect(catchUpWith(ready(3, 'pending', now))).toBeCloseTo(600 / 45);
    expect(catchUpWith(ready(3, 'pending', now - 2 * minute))).toBeCloseTo((600 - 3 * 120) / 45);
    expect(catchUpWith(ready(3))).toBe(0);
  });

  it('is told in one sentence', () => {
    const { reason } = decide(snapshotOf({ channels: live(4), machines: ready(2) }), policy);
    expect(reason).toBe(
      'From 2 to 5: 4 live and 0 expected channels offer 4.0, 0.0 came in over the last minute, a reserve of 1.0 comes on top, so 5 are needed.',
    );
  });
});

describe('growing', () => {
  it('orders at once, as an absolute count that has in it what boots and what drains', () => {
    const machines = [...ready(2), ...ready(1, 'pending', now), ...ready(1, 'ending')];
    const { actions, desiredCount } = decide(snapshotOf({ channels: live(4), machines }), policy);
    expect(desiredCount).toBe(5);
    expect(actions).toEqual([{ kind: 'order', pool: 'g5', count: 5 }]);
  });

  it('takes back what drains before it orders', () => {
    const machines = [...ready(5), ...ready(3, 'draining')];
    const { actions } = decide(snapshotOf({ channels: live(6), machines }), policy);
    expect(actions.map(({ kind }) => kind)).toEqual(['keep', 'keep']);
  });

  it('orders in the place of what drains and cannot be taken back', () => {
    const going = ready(2, 'draining').map((machine) => ({ ...machine, isGoing: true }));
    const { actions } = decide(snapshotOf({ channels: live(6), machines: [...ready(5), ...going] }), policy);
    expect(actions).toEqual([{ kind: 'order', pool: 'g5', count: 9 }]);
  });

  it('is bounded by step, count and cost, and says which', () => {
    const bounds = { stepCountMax: 3, countMax: 50 };
    const step = decide(snapshotOf({ channels: live(40) }), scalingPolicy.parse(bounds));
    expect(step).toMatchObject({ desiredCount: 3, brakes: ['step'] });
    const count = decide(snapshotOf({ channels: live(40) }), scalingPolicy.parse({ countMax: 10 }));
    expect(count).toMatchObject({ desiredCount: 10 });
    expect(count.brakes).toContain('count-max');
    const cost = decide(snapshotOf({ channels: live(4) }), scalingPolicy.parse({ dollarsPerHourMax: 4.5 }));
    expect(cost.actions).toEqual([{ kind: 'order', pool: 'g5', count: 4 }]);
    expect(cost.brakes).toContain('cost');
  });

  it('asks the next pool while one has none to give, by what its machines can do', () => {
    const pools = [
      { ...pool, unavailableUntilMs: now + 1 },
      { name: 'g4', power: 0.5, dollarsPerHour: 0.6 },
    ];
    const { actions } = decide(snapshotOf({ channels: live(4), machines: ready(3), pools }), policy);
    expect(actions).toEqual([{ kind: 'order', pool: 'g4', count: 4 }]);
    const none = decide(snapshotOf({ channels: live(4), pools: pools.slice(0, 1) }), policy);
    expect(none).toMatchObject({ actions: [], brakes: ['no-capacity'] });
    expect(none.reason).toContain('no pool has machines to give now');
    expect(none.reason).toMatch(/^Stays at 0: /);
  });

  it('speaks of machines as they are, whatever they are worth', () => {
    const pools = [
      { ...pool, unavailableUntilMs: now + 1 },
      { name: 'g6', power: 1.2, dollarsPerHour: 1 },
    ];
    const overrides = { ...noOverrides, pin: { count: 3, untilMs: now + minute } };
    expect(decide(snapshotOf({ pools, overrides }), policy).reason).toMatch(/^From 0 to 3: /);
    const machines = ready(3).map((machine) => ({ ...machine, pool: 'g6' }));
    const held = decide(snapshotOf({ pools, overrides, machines }), policy);
    expect(held).toMatchObject({ actions: [], desiredCount: 3 });
    expect(held.reason).toMatch(/^Stays at 3: /);
  });
});

describe('shrinking', () => {
  it('drains the idle and oldest, and ends only what is drained', () => {
    const machines = [...ready(4), ...ready(1, 'drained')].map((machine, index) => ({
      ...machine,
      jobsInHand: index === 0 ? 1 : 0,
    }));
    const { actions } = decide(
      snapshotOf({ machines, channels: live(1, 0.5) }, { neededCount: 3, desiredCount: 4 }),
      policy,
    );
    expect(actions).toEqual([
      { kind: 'terminate', instanceId: 'drained-000' },
      { kind: 'drain', instanceId: 'ready-001' },
    ]);
  });

  it('waits for five minutes in which nothing more was needed', () => {
    const history = snapshotOf().history.map((past) => ({ ...past, desiredCount: 4 }));
    const needed = (agoMs: number): Snapshot['history'] =>
      history.map((past) => (past.atMs === now - agoMs ? { ...past, neededCount: 4 } : past));
    const machines = ready(4);
    expect(kinds(decide(snapshotOf({ machines, history: needed(290_000) }), policy))).toEqual([]);
    expect(kinds(decide(snapshotOf({ machines, history: needed(300_000) }), policy))).toEqual(['drain']);
  });

  it('stays for that long when it does not know what was', () => {
    const { actions, brakes } = decide(snapshotOf({ machines: ready(4), history: [] }), policy);
    expect({ actions, brakes }).toEqual({ actions: [], brakes: ['recent-need'] });
  });

  it('lets a quarter go in a minute', () => {
    const before = { neededCount: 1, desiredCount: 40 };
    const { desiredCount, brakes } = decide(
      snapshotOf({ machines: ready(40), channels: live(1, 0.1) }, before),
      policy,
    );
    expect({ desiredCount, brakes }).toEqual({ desiredCount: 30, brakes: ['in-slowly'] });
    const later = decide(snapshotOf({ machines: ready(30), channels: live(1, 0.1) }, before), policy);
    expect(later.desiredCount).toBe(30);
  });

  it('keeps the last one until nothing was needed for ten minutes', () => {
    const quiet = snapshotOf({ machines: ready(1) }, { neededCount: 0, desiredCount: 1 });
    const needed = (agoMs: number): Snapshot['history'] =>
      quiet.history.map((past) => (past.atMs === now - agoMs ? { ...past, neededCount: 1 } : past));
    expect(kinds(decide({ ...quiet, history: needed(590_000) }, policy))).toEqual([]);
    expect(kinds(decide({ ...quiet, history: needed(600_000) }, policy))).toEqual(['drain']);
  });

  it('lets nothing go when a kick-off is near, and nothing that has just been paid for', () => {
    const before = { neededCount: 1, desiredCount: 9 };
    const near = snapshotOf({ machines: ready(9), channels: [scheduled(5 * minute)] }, before);
    expect(decide(near, policy)).toMatchObject({ actions: [], desiredCount: 9, brakes: ['lead'] });
    const young = snapshotOf({ machines: ready(4, 'ready', now - 59_000) }, before);
    expect(kinds(decide(young, policy))).toEqual([]);
  });
});

describe('guards', () => {
  it('holds on old figures, but orders what the schedule wants', () => {
    const measuredAtMs = now - 31_000;
    const machines = ready(2);
    const before = { neededCount: 0, desiredCount: 2 };
    expect(decide(snapshotOf({ measuredAtMs, machines }, before), policy)).toMatchObject({
      actions: [],
      brakes: ['stale'],
    });
    const flood = { ...idle, waitingWorkSeconds: 9_000 };
    const old = snapshotOf({ measuredAtMs, machines, backlog: flood }, before);
    expect(decide(old, policy).desiredCount).toBe(2);
    const channels = [scheduled(minute, 4)];
    expect(decide(snapshotOf({ measuredAtMs, machines, channels }, before), policy).desiredCount).toBe(5);
    const young = snapshotOf({ measuredAtMs: now - 30_000, machines }, before);
    expect(decide(young, policy).brakes).not.toContain('stale');
  });

  it('does what an operator has said', () => {
    const pin = { count: 3, untilMs: now + 1 };
    const pinned = decide(snapshotOf({ channels: live(9), overrides: { ...noOverrides, pin } }), policy);
    expect(pinned).toMatchObject({ desiredCount: 3, brakes: ['pinned'] });
    const over = { ...noOverrides, pin: { count: 3, untilMs: now } };
    expect(decide(snapshotOf({ channels: live(4), overrides: over }), policy).desiredCount).toBe(5);
    const isOutPaused = { ...noOverrides, isOutPaused: true };
    expect(decide(snapshotOf({ channels: live(9), overrides: isOutPaused }), policy).actions).toEqual([]);
    const isInPaused = { ...noOverrides, isInPaused: true };
    expect(decide(snapshotOf({ machines: ready(4), overrides: isInPaused }), policy).actions).toEqual([]);
  });
});

describe('a policy', () => {
  it.each([
    [{ countMin: 5, countMax: 4 }, 'countMin', 'more than countMax (4)'],
    [{ targetWaitSeconds: 20 }, 'targetWaitSeconds', 'less than sloSeconds (20)'],
    [{ zeroAfterSeconds: 60 }, 'zeroAfterSeconds', 'less than inWindowSeconds (300)'],
  ])('that contradicts itself is refused by the field: %j', (wanted, field, words) => {
    const { error } = scalingPolicy.safeParse(wanted);
    expect(error?.issues).toEqual([
      expect.objectContaining({ path: [field], message: expect.stringContaining(words) as string }),
    ]);
  });

  it('does not pass over a field that it does not know', () => {
    expect(scalingPolicy.safeParse({ countMaximum: 5 }).success).toBe(false);
  });
});

describe('whatever comes', () => {
  const states = ['pending', 'ready', 'draining', 'drained', 'sick', 'ending'] as const;
  const anyMachines = fc
    .array(
      fc.record({
        state: fc.constantFrom(...states),
        agoMs: fc.integer({ min: 0, max: 2 * 3600_000 }),
        jobsInHand: fc.integer({ min: 0, max: 2 }),
        pool: fc.constantFrom('g5', 'g4'),
      }),
      { maxLength: 60 },
    )
    .map((all): Machine[] =>
      all.map(({ agoMs, ...rest }, index) => ({ id: `i-${index}`, launchedAtMs: now - agoMs, ...rest })),
    );
  const anyChannels = fc
    .array(
      fc.record({
        isLive: fc.boolean(),
        startsInMs: fc.option(fc.integer({ min: -7200_000, max: 7200_000 }), { nil: undefined }),
        work: fc.double({ min: 0, max: 4, noNaN: true }),
      }),
      { maxLength: 60 },
    )
    .map((all): ChannelLoad[] =>
      all.map(({ isLive, startsInMs, work }, index) => ({
        ...(startsInMs === undefined ? {} : scheduled(startsInMs)),
        channelId: `c-${index}`,
        name: `c-${index}`,
        isLive,
        workPerMediaSecond: work,
      })),
    );
  const anyBacklog = fc.record({
    waitingCount: fc.integer({ min: 0, max: 10_000 }),
    waitingWorkSeconds: fc.double({ min: 0, max: 50_000, noNaN: true }),
    oldestWaitMs: fc.integer({ min: 0, max: 3600_000 }),
    inFlightCount: fc.integer({ min: 0, max: 100 }),
    inFlightWorkSeconds: fc.double({ min: 0, max: 500, noNaN: true }),
    arrivedWorkPerSecond: fc.double({ min: 0, max: 60, noNaN: true }),
    meanServiceSeconds: fc.double({ min: 0, max: 20, noNaN: true }),
  });
  const anyHistory = fc
    .array(
      fc.record({
        agoMs: fc.integer({ min: 0, max: 900_000 }),
        neededCount: fc.integer({ min: 0, max: 60 }),
        desiredCount: fc.integer({ min: 0, max: 60 }),
      }),
      { maxLength: 40 },
    )
    .map((all) =>
      all
        .map(({ agoMs, ...rest }) => ({ atMs: now - agoMs, ...rest }))
        .toSorted((one, other) => one.atMs - other.atMs),
    );
  const anySnapshot: fc.Arbitrary<Snapshot> = fc.record({
    atMs: fc.constant(now),
    measuredAtMs: fc.integer({ min: now - 60_000, max: now }),
    channels: anyChannels,
    backlog: anyBacklog,
    machines: anyMachines,
    pools: fc.record({ isGone: fc.boolean() }).map(({ isGone }): Pool[] => [
      { ...pool, unavailableUntilMs: isGone ? now + 1 : undefined },
      { name: 'g4', power: 0.5, dollarsPerHour: 0.6 },
    ]),
    bootMsP95: fc.integer({ min: 30_000, max: 600_000 }),
    history: anyHistory,
    overrides: fc.record({ isInPaused: fc.boolean(), isOutPaused: fc.boolean() }),
  });
  const anyPolicy: fc.Arbitrary<ScalingPolicy> = fc
    .record({ countMin: fc.integer({ min: 0, max: 5 }), countMax: fc.integer({ min: 5, max: 80 }) })
    .map((wanted) => scalingPolicy.parse(wanted));

  it('desires no fewer and no more than the policy allows', () => {
    fc.assert(
      fc.property(anySnapshot, anyPolicy, (snapshot, wanted) => {
        const { desiredCount } = decide(snapshot, wanted);
        expect(desiredCount).toBeGreaterThanOrEqual(wanted.countMin);
        expect(desiredCount).toBeLessThanOrEqual(wanted.countMax);
      }),
    );
  });

  it('never has more machines than the policy allows', () => {
    fc.assert(
      fc.property(anySnapshot, anyPolicy, (snapshot, wanted) => {
        for (const action of decide(snapshot, wanted).actions) {
          if (action.kind !== 'order') continue;
          const others = snapshot.machines.filter(
            ({ pool: name, state }) => name !== action.pool && state !== 'ending' && state !== 'drained',
          );
          expect(action.count + others.length).toBeLessThanOrEqual(wanted.countMax);
        }
      }),
    );
  });

  it('ends only what is drained, drains only what stays, keeps only what drains, and says each thing once', () => {
    const from = {
      terminate: ['drained'],
      drain: ['ready', 'pending'],
      keep: ['draining'],
      replace: ['sick'],
    };
    fc.assert(
      fc.property(anySnapshot, anyPolicy, (snapshot, wanted) => {
        const { actions } = decide(snapshot, wanted);
        const ids = actions.flatMap((action) => ('instanceId' in action ? [action.instanceId] : []));
        expect(new Set(ids).size).toBe(ids.length);
        for (const action of actions) {
          if (action.kind === 'order') continue;
          const machine = snapshot.machines.find(({ id }) => id === action.instanceId);
          expect(from[action.kind]).toContain(machine?.state);
        }
      }),
    );
  });

  it('lets nothing go on old figures', () => {
    fc.assert(
      fc.property(anySnapshot, anyPolicy, (snapshot, wanted) => {
        const { actions } = decide({ ...snapshot, measuredAtMs: now - 30_001 }, { ...wanted, countMax: 200 });
        expect(actions.filter(({ kind }) => kind === 'drain')).toEqual([]);
      }),
    );
  });

  it('needs no less when more is offered', () => {
    fc.assert(
      fc.property(
        anySnapshot,
        fc.double({ min: 0, max: 5, noNaN: true }),
        fc.constantFrom('live', 'arrived', 'waiting'),
        (snapshot, more, where) => {
          const { backlog } = snapshot;
          const fuller: Snapshot =
            where === 'live'
              ? { ...snapshot, channels: [...snapshot.channels, ...live(1, more)] }
              : {
                  ...snapshot,
                  backlog:
                    where === 'waiting'
                      ? { ...backlog, waitingWorkSeconds: backlog.waitingWorkSeconds + more * 100 }
                      : { ...backlog, arrivedWorkPerSecond: backlog.arrivedWorkPerSecond + more },
                };
          expect(decide(fuller, policy).neededCount).toBeGreaterThanOrEqual(
            decide(snapshot, policy).neededCount,
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('decides the same of what was written down and read again', () => {
    fc.assert(
      fc.property(anySnapshot, anyPolicy, (snapshot, wanted) => {
        const read = JSON.parse(JSON.stringify(snapshot)) as Snapshot;
        expect(decide(read, wanted)).toEqual(decide(snapshot, wanted));
      }),
    );
  });
});
