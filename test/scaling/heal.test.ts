import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { WorkerView } from '../../core/load.ts';
import type { ProvidedMachine } from '../../scaling/fleet-provider.ts';
import { heal, noHealMemory, type Healing, type HealMemory, type Patients } from '../../scaling/heal.ts';

const now = 1_800_000_000_000;
const bootMsP95 = 240_000;

function machine(index: number, changes: Partial<ProvidedMachine> = {}): ProvidedMachine {
  return { instanceId: `i-${index}`, pool: 'g5', life: 'running', launchedAtMs: now - 3_600_000, ...changes };
}

function worker(index: number, changes: Partial<WorkerView> = {}): WorkerView {
  return {
    workerId: `w-${index}`,
    instanceId: `i-${index}`,
    slots: { analyse: 1, cut: 1 },
    jobIds: [],
    state: 'working',
    startedAtMs: now - 3_000_000,
    lastBeatAtMs: now,
    lastCompletedAtMs: now,
    completedCount: 7,
    throughput: 0.5,
    clockSkewMs: 0,
    isDeviceOk: true,
    ...changes,
  };
}

/** Looked at every 10 s for `minutes`, with all of it as it is. */
function look(
  patients: Partial<Patients> & Pick<Patients, 'machines' | 'workers'>,
  options: { minutes?: number; memory?: HealMemory; workersAt?: (atMs: number) => WorkerView[] } = {},
): Healing {
  let healing: Healing = {
    replace: [],
    sickCount: 0,
    held: undefined,
    memory: options.memory ?? noHealMemory,
  };
  for (let atMs = now - (options.minutes ?? 1) * 60_000; atMs <= now; atMs += 10_000) {
    const workers = options.workersAt?.(atMs) ?? patients.workers;
    healing = heal({ atMs, measuredAtMs: atMs, bootMsP95, ...patients, workers }, healing.memory);
  }
  return healing;
}

/** A fleet of which some are silent since so long ago. */
function fleet(count: number, silent: ReadonlyMap<number, number>) {
  const indices = Array.from({ length: count }, (_, index) => index);
  return {
    machines: indices.map((index) => machine(index)),
    workers: indices.map((index) => worker(index, { lastBeatAtMs: now - (silent.get(index) ?? 0) })),
  };
}

/** One finishes something every ten minutes, one had nothing to do for an hour until five minutes ago. */
function workAt(atMs: number): WorkerView[] {
  return [
    worker(0, { jobIds: ['a'], completedCount: Math.floor(atMs / 600_000) }),
    worker(1, { jobIds: atMs > now - 300_000 ? ['b'] : [], lastCompletedAtMs: now - 3_600_000 }),
    worker(2),
  ];
}

/** The first so many, since a minute ago. */
function silentLong(count: number): Map<number, number> {
  return new Map(Array.from({ length: count }, (_, index) => [index, 60_000 + index]));
}

describe('a machine is sick', () => {
  it.each([
    [30_000, 0],
    [30_001, 1],
  ])('when nothing was heard of it for more than 30 s: %i ms', (silentMs, sickCount) => {
    const healing = look(fleet(3, new Map([[0, silentMs]])));
    expect(healing.sickCount).toBe(sickCount);
    if (sickCount > 0)
      expect(healing.replace).toEqual([{ instanceId: 'i-0', why: 'nothing was heard of it for 30 s' }]);
  });

  it('also when the registry has forgotten its worker', () => {
    const { machines, workers } = fleet(3, new Map([[0, 65_000]]));
    const healing = look(
      { machines, workers },
      {
        minutes: 2,
        workersAt: (atMs) => workers.filter(({ lastBeatAtMs }) => lastBeatAtMs > atMs - 60_000),
      },
    );
    expect(healing.replace).toEqual([{ instanceId: 'i-0', why: 'nothing was heard of it for 65 s' }]);
  });

  it('not while another worker of it beats', () => {
    const { machines, workers } = fleet(3, new Map([[0, 90_000]]));
    const second = worker(0, { workerId: 'w-0b' });
    expect(look({ machines, workers: [...workers, second] }).sickCount).toBe(0);
  });

  it.each([
    ['not by twice the boot time', bootMsP95, 480_000, 0],
    ['after twice the boot time', bootMsP95, 480_001, 1],
    ['not before two minutes', 1_000, 120_000, 0],
    ['after two minutes', 1_000, 120_001, 1],
  ])('when it is not ready: %s', (_, boot, agoMs, sickCount) => {
    const { machines, workers } = fleet(3, new Map());
    const late = machine(9, { launchedAtMs: now - agoMs, life: 'pending' });
    const healing = look({ machines: [...machines, late], workers, bootMsP95: boot });
    expect(healing.sickCount).toBe(sickCount);
    if (sickCount > 0)
      expect(healing.replace[0]?.why).toBe(`it was not ready ${Math.round(agoMs / 1000)} s after its launch`);
  });

  it('when its device failed its self-test', () => {
    const { machines, workers } = fleet(3, new Map());
    const broken = workers.with(1, worker(1, { isDeviceOk: false }));
    expect(look({ machines, workers: broken }).replace).toEqual([
      { instanceId: 'i-1', why: 'the device of w-1 failed its self-test' },
    ]);
  });

  it.each([
    [11, 0],
    [11.5, 1],
  ])('when it takes jobs and finishes none for more than 11 minutes: %d', (minutes, sickCount) => {
    const { machines, workers } = fleet(3, new Map());
    const stuck = workers.with(2, worker(2, { jobIds: ['cut-1'] }));
    const healing = look({ machines, workers: stuck }, { minutes });
    expect(healing.sickCount).toBe(sickCount);
    if (sickCount > 0) expect(healing.replace[0]?.why).toBe('w-2 takes jobs and has finished none for 690 s');
  });

  it('though its hands are empty for a moment between jobs that fail', () => {
    const { machines } = fleet(3, new Map());
    const workersAt = (atMs: number) =>
      machines.map((_, index) =>
        worker(index, { jobIds: index === 0 && atMs % 20_000 === 0 ? [`job-${atMs}`] : [] }),
      );
    expect(look({ machines, workers: [] }, { minutes: 12, workersAt }).sickCount).toBe(1);
  });

  it('not when it finishes something now and then, nor after an hour without work', () => {
    const { machines } = fleet(3, new Map());
    expect(look({ machines, workers: [] }, { minutes: 60, workersAt: workAt }).sickCount).toBe(0);
  });

  it.each([
    ['it is ending', { life: 'ending' as const }, {}],
    ['it was told to drain', { drainOrderedAtMs: now - 60_000 }, {}],
    ['it drains by itself', {}, { state: 'draining' as const }],
    ['it is drained', {}, { state: 'drained' as const }],
  ])('not when %s', (_, machineChanges, workerChanges) => {
    const { machines, workers } = fleet(3, new Map());
    const healing = look({
      machines: machines.with(0, machine(0, machineChanges)),
      workers: workers.with(0, worker(0, { lastBeatAtMs: now - 45_000, ...workerChanges })),
    });
    expect(healing.sickCount).toBe(0);
  });
});

describe('who was not looking', () => {
  it('knows of no silence for 30 s after its start', () => {
    const patients = fleet(1, new Map([[0, 600_000]]));
    expect(look(patients, { minutes: 0.5 }).sickCount).toBe(0);
    expect(look(patients, { minutes: 0.7 }).sickCount).toBe(1);
  });

  it('begins anew after a gap', () => {
    const patients = fleet(1, new Map([[0, 600_000]]));
    const { memory } = look(patients, { minutes: 10 });
    const later = heal({ ...patients, atMs: now + 31_000, measuredAtMs: now + 31_000, bootMsP95 }, memory);
    expect(later.sickCount).toBe(0);
  });

  it('says nothing by old figures', () => {
    const patients = fleet(1, new Map([[0, 600_000]]));
    const { memory } = look(patients, { minutes: 10 });
    const at = (measuredAtMs: number) =>
      heal({ ...patients, atMs: now + 10_000, measuredAtMs, bootMsP95 }, memory).sickCount;
    expect(at(now - 20_000)).toBe(1);
    expect(at(now - 20_001)).toBe(0);
  });

  it('takes no machine for late whose beats may still be on their way', () => {
    const { machines, workers } = fleet(3, new Map());
    const late = machine(9, { launchedAtMs: now - 600_000 });
    expect(look({ machines: [...machines, late], workers }, { minutes: 0.4 }).sickCount).toBe(0);
  });
});

describe('no more are replaced', () => {
  it.each([
    [1, 1, 1],
    [9, 4, 1],
    [10, 4, 2],
    [14, 7, 2],
    [15, 7, 3],
    [50, 20, 10],
  ])(
    'than a fifth of the fleet, and one at least: of %i, %i are sick and %i go',
    (count, sickCount, replaced) => {
      const healing = look(fleet(count, silentLong(sickCount)));
      expect(healing.sickCount).toBe(sickCount);
      expect(healing.replace).toHaveLength(replaced);
      expect(healing.held).toBe(replaced < sickCount ? 'limit' : undefined);
    },
  );

  it('within ten minutes, then the next may go', () => {
    const patients = fleet(9, silentLong(2));
    const { memory, replace } = look(patients);
    expect(replace.map(({ instanceId }) => instanceId)).toEqual(['i-0']);
    // The first has gone; the other stays sick.
    const rest = {
      ...patients,
      machines: patients.machines.filter(({ instanceId }) => instanceId !== 'i-0'),
    };
    let last: Healing = { replace: [], sickCount: 0, held: undefined, memory };
    const replacedAfterMs: number[] = [];
    for (let afterMs = 10_000; afterMs <= 700_000; afterMs += 10_000) {
      const beating = rest.workers.map((one, index) =>
        index === 1 ? one : { ...one, lastBeatAtMs: now + afterMs },
      );
      const view = { ...rest, workers: beating, atMs: now + afterMs, measuredAtMs: now + afterMs, bootMsP95 };
      last = heal(view, last.memory);
      if (last.replace.length > 0) replacedAfterMs.push(afterMs);
    }
    // The first was asked for as soon as it had been silent for 30 s of the first minute's looks.
    expect(replacedAfterMs[0]).toBeGreaterThanOrEqual(570_000);
    expect(replacedAfterMs[0]).toBeLessThanOrEqual(600_000);
  });

  it('but who was asked for and is still there is asked for again', () => {
    const patients = fleet(9, silentLong(1));
    const { memory } = look(patients);
    const view = { ...patients, atMs: now + 10_000, measuredAtMs: now + 10_000, bootMsP95 };
    const beating = patients.workers.map((one, index) =>
      index === 0 ? one : { ...one, lastBeatAtMs: now + 10_000 },
    );
    expect(heal({ ...view, workers: beating }, memory).replace.map(({ instanceId }) => instanceId)).toEqual([
      'i-0',
    ]);
  });

  it.each([
    [2, 1, undefined],
    [2, 2, 'frozen'],
    [3, 2, 'frozen'],
    [10, 5, 'limit'],
    [10, 6, 'frozen'],
  ])('when more than half look sick together: of %i, %i', (count, sickCount, held) => {
    const healing = look(fleet(count, silentLong(sickCount)));
    expect(healing.held).toBe(held);
    if (held === 'frozen') expect(healing.replace).toEqual([]);
    else expect(healing.replace.length).toBeGreaterThan(0);
  });

  it('whatever comes: never more than a fifth in ten minutes, never when most look sick', () => {
    const round = fc.record({
      silent: fc.uniqueArray(fc.nat(19), { maxLength: 20 }),
      passedMs: fc.integer({ min: 1_000, max: 29_000 }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(round, { minLength: 1, maxLength: 60 }),
        (count, rounds) => {
          let atMs = now;
          let memory = noHealMemory;
          const beats = new Map(Array.from({ length: count }, (_, index) => [index, now]));
          const firstAskedAtMs = new Map<string, number>();
          for (const { silent, passedMs } of rounds) {
            atMs += passedMs;
            for (const index of beats.keys()) if (!silent.includes(index)) beats.set(index, atMs);
            const machines = [...beats.keys()].map((index) => machine(index));
            const workers = [...beats].map(([index, lastBeatAtMs]) => worker(index, { lastBeatAtMs }));
            const healing = heal({ atMs, measuredAtMs: atMs, machines, workers, bootMsP95 }, memory);
            ({ memory } = healing);
            for (const { instanceId } of healing.replace) {
              const askedAtMs = firstAskedAtMs.get(instanceId);
              if (askedAtMs === undefined || askedAtMs <= atMs - 600_000)
                firstAskedAtMs.set(instanceId, atMs);
            }
            const lately = [...firstAskedAtMs.values()].filter((sinceMs) => sinceMs > atMs - 600_000).length;
            expect(lately).toBeLessThanOrEqual(Math.max(1, Math.floor(count * 0.2)));
            const silentCount = [...beats.values()].filter((beatAtMs) => atMs - beatAtMs > 30_000).length;
            if (silentCount > 1 && silentCount > count / 2) expect(healing.replace).toEqual([]);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
