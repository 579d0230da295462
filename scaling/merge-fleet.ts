import type { WorkerView } from '../core/load.ts';
import type { FleetView, ProvidedMachine } from './fleet-provider.ts';
import type { Machine, MachineState } from './snapshot.ts';

/**
 * What the provider says of its machines and what their workers say of themselves, as one. A machine may have several
 * workers: it works as soon as one does, and is drained when all are.
 *
 * @param sickIds machines that were found not to work
 * @param canKeep whether a drain can be taken back at all
 */
export function mergeFleet(
  view: FleetView,
  workers: readonly WorkerView[],
  about: { atMs: number; sickIds: ReadonlySet<string>; canKeep: boolean },
): Machine[] {
  return view.machines.map((machine) => {
    const own = workers.filter(({ instanceId }) => instanceId === machine.instanceId);
    const state = about.sickIds.has(machine.instanceId) ? 'sick' : stateOf(machine, own, about.atMs);
    return {
      id: machine.instanceId,
      pool: machine.pool,
      state,
      launchedAtMs: machine.launchedAtMs,
      jobsInHand: own.reduce((sum, { jobIds }) => sum + jobIds.length, 0),
      isGoing: state === 'draining' && (machine.drainOrderedAtMs === undefined || !about.canKeep),
    };
  });
}

/** The longest cut may take 10 min; what has not said by then that it is empty never will. */
const drainMsMax = 15 * 60_000;
/** A worker looks for its orders every 5 s, and says at once that it works again. */
const keptMsMax = 30_000;

function stateOf(machine: ProvidedMachine, workers: readonly WorkerView[], atMs: number): MachineState {
  if (machine.life === 'ending') return 'ending';
  const { drainOrderedAtMs } = machine;
  if (drainOrderedAtMs !== undefined) {
    // A worker that has not said anything yet may be about to take its first job: it is waited for.
    const areEmpty = workers.length > 0 && workers.every(({ state }) => state === 'drained');
    return areEmpty || atMs - drainOrderedAtMs > drainMsMax ? 'drained' : 'draining';
  }
  if (workers.some(({ state }) => state === 'working')) return 'ready';
  if (workers.length > 0 && atMs - (machine.keptAtMs ?? -Infinity) <= keptMsMax) return 'ready';
  // It drains by itself: a spot notice, or an operator at its shell.
  if (workers.length > 0) return workers.every(({ state }) => state === 'drained') ? 'drained' : 'draining';
  return 'pending';
}
