import { drainOrderKey } from '../../core/drain-order.ts';
import type { DrainOrders } from '../../scaling/drain-orders.ts';
import type { AsgApi, AsgGroup } from '../../scaling/providers/asg-api.ts';
import type { Attempt } from './aws-attempts.ts';

/** No machine has it. */
const noMachine = 'i-00000000000000000';
const elsewhere =
  'refused for a machine that is in no group: right where the policy names these groups, and nothing is known of it then';

/** Calls that Auto Scaling has to let in and then to refuse, or that ask for what is so already. */
export function scalingAttempts(
  api: AsgApi,
  options: { names: readonly string[]; region: string | undefined },
  signal: AbortSignal,
): Attempt[] {
  const groups = new Map<string, AsgGroup>();
  const arn = `arn:aws:autoscaling:${options.region ?? '*'}:*:autoScalingGroup:*:autoScalingGroupName`;
  const attempts: Attempt[] = [];
  for (const name of options.names) {
    const resource = `${arn}/${name}`;
    const onGroup = (action: string, run: (group: AsgGroup) => Promise<unknown>, ifDenied?: string): void => {
      const ours = {
        action: `autoscaling:${action}`,
        resource,
        ...(ifDenied === undefined ? {} : { ifDenied }),
      };
      attempts.push({
        ...ours,
        run: async () => await run(needed(groups.get(name), 'the group was not found')),
      });
    };
    attempts.push({
      action: 'autoscaling:DescribeAutoScalingGroups',
      resource: '*',
      run: async () => {
        const group = (await api.groups([name], signal)).get(name);
        groups.set(
          name,
          needed(group, `there is no Auto Scaling group ${name}: mend TOUCHLINE_SCALING_POOLS`),
        );
      },
    });
    attempts.push({
      action: 'autoscaling:DescribeScalingActivities',
      resource: '*',
      run: async () => await api.launches(name, signal),
    });
    onGroup('SetDesiredCapacity', async ({ maxSize }) => await api.setDesired(name, maxSize + 1, signal));
    onGroup(
      'TerminateInstanceInAutoScalingGroup',
      async () => await api.terminate(noMachine, signal),
      elsewhere,
    );
    onGroup('SetInstanceHealth', async () => await api.setUnhealthy(noMachine, signal), elsewhere);
    onGroup('SetInstanceProtection', async () => await api.protect(name, [noMachine], signal));
    onGroup('UpdateAutoScalingGroup', async ({ protectsNew }) => {
      if (!protectsNew)
        throw new Error('new machines are not protected from scale-in: the server mends that when it starts');
      await api.protectNew(name, signal);
    });
    onGroup('SuspendProcesses', async ({ suspended }) => {
      if (!suspended.has('AZRebalance'))
        throw new Error('AZRebalance is not suspended: the server does that when it starts');
      await api.suspend(name, 'AZRebalance', signal);
    });
    onGroup('CreateOrUpdateTags', async ({ decidedAtMs }) => {
      // Any other sign would say something to a Lambda that stands in: that somebody decides, or that somebody did.
      if (decidedAtMs === undefined)
        throw new Error('cannot tell before a server has decided for this group: it signs it once a minute');
      await api.sign([name], signal, decidedAtMs);
    });
  }
  return attempts;
}

/** Given to nobody, and taken back. */
export function orderAttempts(
  orders: DrainOrders,
  { bucket, prefix }: { bucket: string; prefix: string },
): Attempt[] {
  const key = drainOrderKey('*').replace('*.json', '*');
  const resource = `arn:aws:s3:::${bucket}/${prefix === '' ? '' : `${prefix}/`}${key}`;
  return [
    { action: 's3:PutObject', resource, run: async () => await orders.order(noMachine, true) },
    { action: 's3:DeleteObject', resource, run: async () => await orders.order(noMachine, false) },
  ];
}

function needed<T>(value: T | undefined, why: string): T {
  if (value === undefined) throw new Error(why);
  return value;
}
