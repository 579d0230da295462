import { describe, expect, it } from 'vitest';

import type { WorkerView } from '../../core/load.ts';
import type { ProvidedMachine } from '../../scaling/fleet-provider.ts';
import { mergeFleet } from '../../scaling/merge-fleet.ts';

const atMs = 1_800_000_000_000;

function machine(changes: Partial<ProvidedMachine> = {}): ProvidedMachine {
  return { instanceId: 'i-1', pool: 'g5', life: 'running', launchedAtMs: atMs - 60_000, ...changes };
}

function worker(changes: Partial<WorkerView> = {}): WorkerView {
  return {
    workerId: 'wrk_1',
    instanceId: 'i-1',
    slots: { analyse: 1, cut: 1 },
    jobIds: [],
    state: 'working',
    startedAtMs: atMs - 50_000,
    lastBeatAtMs: atMs - 1_000,
    lastCompletedAtMs: undefined,
    completedCount: 0,
    throughput: 0,
    clockSkewMs: 0,
    isDeviceOk: true,
    ...changes,
  };
}

const stateOf = (one: ProvidedMachine, workers: WorkerView[], sickIds: string[] = []): string | undefined =>
  mergeFleet({ machines: [one], pools: [] }, workers, { atMs, canKeep: true, sickIds: new Set(sickIds) })[0]
    ?.state;

describe('the state of a machine', () => {
  const told = { drainOrderedAtMs: atMs - 1 };
  it.each<[string, ProvidedMachine, WorkerView[], string]>([
    ['has said nothing yet', machine(), [], 'pending'],
    ['has a worker on another machine', machine(), [worker({ instanceId: 'i-2' })], 'pending'],
    ['works', machine(), [worker()], 'ready'],
    ['works with one of two', machine(), [worker({ state: 'drained' }), worker({ workerId: 'b' })], 'ready'],
    ['drains by itself', machine(), [worker({ state: 'draining' })], 'draining'],
    ['has drained by itself', machine(), [worker({ state: 'drained' })], 'drained'],
    [
      'was taken back 30 s ago',
      machine({ keptAtMs: atMs - 30_000 }),
      [worker({ state: 'drained' })],
      'ready',
    ],
    [
      'was taken back before',
      machine({ keptAtMs: atMs - 30_001 }),
      [worker({ state: 'drained' })],
      'drained',
    ],
    ['was taken back before it spoke', machine({ keptAtMs: atMs }), [], 'pending'],
    ['was told to drain and works on', machine(told), [worker()], 'draining'],
    ['was told to drain before it spoke', machine(told), [], 'draining'],
    ['was told to drain and is empty', machine(told), [worker({ state: 'drained' })], 'drained'],
    ['has one worker left', machine(told), [worker({ state: 'drained' }), worker()], 'draining'],
    ['drains for 15 min', machine({ drainOrderedAtMs: atMs - 900_000 }), [worker()], 'draining'],
    ['drains for longer', machine({ drainOrderedAtMs: atMs - 900_001 }), [worker()], 'drained'],
    ['is being ended', machine({ life: 'ending', ...told }), [worker({ state: 'drained' })], 'ending'],
  ])('that %s', (_, one, workers, state) => {
    expect(stateOf(one, workers)).toBe(state);
  });

  it.each<[string, ProvidedMachine, boolean, boolean]>([
    ['it drains by itself', machine(), true, true],
    ['it was told to', machine(told), true, false],
    ['it was told to, by who cannot take that back', machine(told), false, true],
    ['it was taken back just now', machine({ keptAtMs: atMs }), true, false],
  ])('may be gone for good when %s', (_, one, canKeep, isGoing) => {
    const about = { atMs, canKeep, sickIds: new Set<string>() };
    const [merged] = mergeFleet({ machines: [one], pools: [] }, [worker({ state: 'draining' })], about);
    expect(merged?.isGoing).toBe(isGoing);
  });

  it('is sick when it was found so, whatever it says', () => {
    expect(stateOf(machine(), [worker()], ['i-1'])).toBe('sick');
  });

  it('counts the jobs of all its workers', () => {
    const workers = [worker({ jobIds: ['a'] }), worker({ workerId: 'b', jobIds: ['c', 'd'] })];
    const [merged] = mergeFleet({ machines: [machine()], pools: [] }, workers, {
      atMs,
      canKeep: true,
      sickIds: new Set(),
    });
    expect(merged?.jobsInHand).toBe(3);
  });
});
