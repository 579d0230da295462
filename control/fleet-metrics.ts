import type { Clock } from '../core/clock.ts';
import { countEach } from '../core/count-each.ts';
import type { MetricFamily } from './match-desk.ts';
import type { FleetDesk } from './open-fleet-desk.ts';
import { backlogPerInstance } from './worker-registry.ts';

/** The parts of what `scaling/` wrote down that are counted; anything else in it is its own. */
interface WrittenDecision {
  brakes?: readonly string[];
  machineCounts?: Readonly<Record<string, number>>;
}

const machineStates = ['pending', 'ready', 'draining', 'drained', 'sick', 'ending'] as const;
/** Long enough to see an hour's bad luck, short enough to see that it is over. */
const actionsWindowMs = 3_600_000;
const workerStates = ['working', 'draining', 'drained'] as const;

/** How the fleet follows the work, for a dashboard and an alarm. No ids in labels. */
export async function readFleetMetrics(fleet: FleetDesk, clock: Clock): Promise<MetricFamily[]> {
  const workers = await fleet.registry.list();
  const backlog = await fleet.load.readBacklog(workers);
  const last = await fleet.records.last();
  const bootMsP95 = await fleet.registry.bootMsP95();
  const actions = await fleet.records.actionCounts(clock.nowMs() - actionsWindowMs);
  const { brakes, machineCounts } = (last?.decision ?? {}) as WrittenDecision;
  return [
    ...gauge('needed_machines', 'What the load called for at the last decision.', last?.neededCount),
    ...gauge('desired_machines', 'What the last decision wanted, with every brake.', last?.desiredCount),
    ...gauge(
      'last_decision_age_seconds',
      'Time since anybody decided: nobody does when this grows.',
      last && Math.max(0, clock.nowMs() - last.atMs) / 1000,
    ),
    ...gauge('brakes', 'Rules that hold the fleet from what is needed.', brakes?.length),
    {
      name: 'touchline_scaling_actions',
      help: 'Actions of the last hour, by what came of them.',
      type: 'gauge',
      samples: actions.map(({ action, outcome, count }) => ({ labels: { action, outcome }, value: count })),
    },
    ...(machineCounts
      ? [
          byState(
            'machines',
            'Machines by state, as the last decision saw them.',
            machineStates,
            machineCounts,
          ),
        ]
      : []),
    byState(
      'workers',
      'Worker processes that were heard of in the last minute.',
      workerStates,
      countEach(workers.map(({ state }) => state)),
    ),
    ...gauge('waiting_jobs', 'Jobs that nobody has in hand.', backlog.waitingCount),
    ...gauge('backlog_work_seconds', 'Work that waits, in seconds of one slot.', backlog.waitingWorkSeconds),
    ...gauge(
      'backlog_jobs_per_instance',
      'Jobs that wait for each machine; absent when there is none.',
      backlogPerInstance(backlog, workers),
    ),
    ...gauge('oldest_wait_seconds', 'Of the job that waits longest.', backlog.oldestWaitMs / 1000),
    ...gauge(
      'arrived_work',
      'Work seconds that came per second, over the last minute.',
      backlog.arrivedWorkPerSecond,
    ),
    ...gauge(
      'boot_seconds_p95',
      'From launch to the first finished job; absent until five have been seen.',
      bootMsP95 === undefined ? undefined : bootMsP95 / 1000,
    ),
  ];
}

function gauge(name: string, help: string, value: number | undefined): MetricFamily[] {
  if (value === undefined) return [];
  return [{ name: `touchline_scaling_${name}`, help, type: 'gauge', samples: [{ labels: {}, value }] }];
}

function byState(
  name: string,
  help: string,
  states: readonly string[],
  counts: Readonly<Partial<Record<string, number>>>,
): MetricFamily {
  const samples = states.map((state) => ({ labels: { state }, value: counts[state] ?? 0 }));
  return { name: `touchline_scaling_${name}`, help, type: 'gauge', samples };
}
