import { asTouchlineError, TouchlineError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { AsgApi, AsgGroup } from './asg-api.ts';

/** Suspended, each of these takes something from us. */
const neededProcesses: Readonly<Record<string, string>> = {
  Launch: 'no machine that is ordered will come',
  Terminate: 'no machine that is let go will end',
  HealthCheck: 'machines that died are not noticed',
  ReplaceUnhealthy: 'machines that do not work are not replaced',
};

/**
 * Makes a group safe to be scaled in by us alone, and says what it changed or could not change: left to itself, Auto Scaling
 * chooses who is ended by rules that know nothing of jobs.
 *
 * @throws TouchlineError `scaling.weighted-group`
 */
export async function prepareGroup(
  group: AsgGroup,
  tools: { api: AsgApi; log: Log },
  signal: AbortSignal,
): Promise<void> {
  if (group.isWeighted) throw weighted(group.name);
  const { api, log } = tools;
  const mend = async (what: string, work: () => Promise<void>, byHand: string): Promise<void> => {
    try {
      await work();
      log.info('an Auto Scaling group was mended', { group: group.name, what });
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asTouchlineError(thrown);
      log.warn('an Auto Scaling group is not as it should be, and machines at work may be ended', {
        group: group.name,
        what,
        byHand: `aws autoscaling ${byHand}`,
        error,
      });
    }
  };
  const { name } = group;
  if (!group.protectsNew)
    await mend(
      'new machines are now protected from scale-in',
      async () => await api.protectNew(name, signal),
      `update-auto-scaling-group --auto-scaling-group-name ${name} --new-instances-protected-from-scale-in`,
    );
  const open = group.machines.filter(({ state, isProtected }) => state === 'InService' && !isProtected);
  if (open.length > 0) {
    const ids = open.map(({ instanceId }) => instanceId);
    await mend(
      `${open.length} machines are now protected from scale-in`,
      async () => await api.protect(name, ids, signal),
      `set-instance-protection --auto-scaling-group-name ${name} --protected-from-scale-in --instance-ids ${ids.join(' ')}`,
    );
  }
  if (!group.suspended.has('AZRebalance'))
    await mend(
      'AZRebalance is now suspended',
      async () => await api.suspend(name, 'AZRebalance', signal),
      `suspend-processes --auto-scaling-group-name ${name} --scaling-processes AZRebalance`,
    );
  for (const [process, consequence] of Object.entries(neededProcesses)) {
    if (!group.suspended.has(process)) continue;
    const byHand = `aws autoscaling resume-processes --auto-scaling-group-name ${name} --scaling-processes ${process}`;
    log.warn('a process of an Auto Scaling group is suspended', {
      group: name,
      process,
      consequence,
      byHand,
    });
  }
}

function weighted(name: string): TouchlineError {
  return new TouchlineError({
    code: 'scaling.weighted-group',
    message:
      `the Auto Scaling group ${name} counts in weights, and touchline in machines: take the weights out of its mixed instances ` +
      `policy (DesiredCapacityType "units", no WeightedCapacity but 1), or make a group for each type and give its power in TOUCHLINE_SCALING_POOLS.`,
    retryable: false,
    blame: 'environment',
  });
}
