import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { SimRefusal, type AsgSimulator, type SimActivity, type SimGroup } from './asg-simulator.ts';

/** What becomes of one call. `lose`: it is done, and its answer never arrives. */
type Fate = 'pass' | 'throttle' | 'unavailable' | 'lose' | 'deny' | 'silence';

export interface ServedSimulator {
  endpoint: string;
  /** In order: `SetDesiredCapacity`, ... */
  calls: string[];
  decide: (action: string) => Fate;
  close(): Promise<void>;
}

/** Speaks the Query protocol of Auto Scaling on a free port of loopback: forms in, XML out. */
export async function serveSimulator(simulator: AsgSimulator): Promise<ServedSimulator> {
  const server = createServer((incoming, answer) => void handle(incoming, answer));
  const served: ServedSimulator = {
    endpoint: '',
    calls: [],
    decide: () => 'pass',
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const handle = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const form = new URLSearchParams(Buffer.concat(await incoming.toArray()).toString());
    const action = form.get('Action') ?? '';
    served.calls.push(action);
    const fate = served.decide(action);
    if (fate === 'silence') return;
    const { status, body } = answerOf(simulator, action, form, fate);
    if (fate === 'lose') answer.destroy();
    else answer.writeHead(status, { 'content-type': 'text/xml' }).end(body);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  served.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return served;
}

function answerOf(
  simulator: AsgSimulator,
  action: string,
  form: URLSearchParams,
  fate: Fate,
): { status: number; body: string } {
  try {
    if (fate === 'throttle') throw new SimRefusal('Throttling', 400, 'Rate exceeded');
    if (fate === 'unavailable') throw new SimRefusal('ServiceUnavailable', 503, 'try again');
    if (fate === 'deny') {
      const who = 'arn:aws:sts::123456789012:assumed-role/touchline/server';
      const what = `User: ${who} is not authorized to perform: autoscaling:${action}`;
      throw new SimRefusal('AccessDenied', 403, `${what} because no identity-based policy allows it`);
    }
    const work = actions[action];
    if (!work) throw new SimRefusal('InvalidAction', 400, `the simulator has no ${action}`);
    const result = work(simulator, form);
    const inside =
      element(`${action}Result`, result ?? {}) + element('ResponseMetadata', { RequestId: 'r-1' });
    return { status: 200, body: `<${action}Response xmlns="${namespace}">${inside}</${action}Response>` };
  } catch (error) {
    if (!(error instanceof SimRefusal)) throw error;
    const said = { Type: 'Sender', Code: error.code, Message: error.message };
    const body = `<ErrorResponse xmlns="${namespace}">${element('Error', said)}<RequestId>r-1</RequestId></ErrorResponse>`;
    return { status: error.status, body };
  }
}

const namespace = 'http://autoscaling.amazonaws.com/doc/2011-01-01/';

type Xml = string | number | boolean | undefined | readonly Xml[] | { readonly [name: string]: Xml };

const actions: Record<string, (simulator: AsgSimulator, form: URLSearchParams) => Xml> = {
  DescribeAutoScalingGroups: (simulator, form) => {
    const names = membersOf(form, 'AutoScalingGroupNames');
    const groups = [...simulator.groups.values()].filter(({ name }) => names.includes(name));
    // A page may hold fewer than there are, as AWS's do.
    const start = Number(form.get('NextToken') ?? 0);
    const page = groups.slice(start, start + 2).map(groupXml);
    return {
      AutoScalingGroups: page,
      NextToken: start + 2 < groups.length ? String(start + 2) : undefined,
    };
  },
  DescribeScalingActivities: (simulator, form) => {
    const { name } = simulator.group(need(form, 'AutoScalingGroupName'));
    const own = simulator.activities.filter(({ group }) => group === name).toReversed();
    return { Activities: own.slice(0, Number(form.get('MaxRecords') ?? 100)).map(activityXml) };
  },
  SetDesiredCapacity: (simulator, form) => {
    simulator.setDesired(need(form, 'AutoScalingGroupName'), Number(need(form, 'DesiredCapacity')));
    return undefined;
  },
  TerminateInstanceInAutoScalingGroup: (simulator, form) => {
    const decrement = need(form, 'ShouldDecrementDesiredCapacity') === 'true';
    return { Activity: activityXml(simulator.terminateInGroup(need(form, 'InstanceId'), decrement)) };
  },
  SetInstanceHealth: (simulator, form) => {
    simulator.setHealth(need(form, 'InstanceId'), need(form, 'HealthStatus') === 'Healthy');
    return undefined;
  },
  SetInstanceProtection: (simulator, form) => {
    const isProtected = need(form, 'ProtectedFromScaleIn') === 'true';
    simulator.protect(need(form, 'AutoScalingGroupName'), membersOf(form, 'InstanceIds'), isProtected);
    return undefined;
  },
  CreateOrUpdateTags: (simulator, form) => {
    for (let index = 1; form.has(`Tags.member.${index}.Key`); index += 1) {
      const { tags } = simulator.group(need(form, `Tags.member.${index}.ResourceId`));
      tags.set(need(form, `Tags.member.${index}.Key`), need(form, `Tags.member.${index}.Value`));
    }
    return undefined;
  },
  SuspendProcesses: (simulator, form) => {
    const { suspended } = simulator.group(need(form, 'AutoScalingGroupName'));
    for (const name of membersOf(form, 'ScalingProcesses')) suspended.add(name);
    return undefined;
  },
  UpdateAutoScalingGroup: (simulator, form) => {
    const group = simulator.group(need(form, 'AutoScalingGroupName'));
    const isProtecting = form.get('NewInstancesProtectedFromScaleIn');
    if (isProtecting !== null) group.isProtectingNew = isProtecting === 'true';
    return undefined;
  },
  CompleteLifecycleAction: (simulator, form) => {
    const result = need(form, 'LifecycleActionResult') === 'CONTINUE' ? 'CONTINUE' : 'ABANDON';
    simulator.completeHook(need(form, 'InstanceId'), result);
    return undefined;
  },
  RecordLifecycleActionHeartbeat: (simulator, form) => {
    simulator.beatHook(need(form, 'InstanceId'));
    return undefined;
  },
};

function groupXml(group: SimGroup): Xml {
  const overrides = [{ InstanceType: group.machineType, WeightedCapacity: group.weight }];
  return {
    AutoScalingGroupName: group.name,
    MinSize: group.minSize,
    MaxSize: group.maxSize,
    DesiredCapacity: group.desired,
    DefaultCooldown: 300,
    AvailabilityZones: ['eu-west-1a', 'eu-west-1b'],
    HealthCheckType: 'EC2',
    CreatedTime: new Date(0).toISOString(),
    NewInstancesProtectedFromScaleIn: group.isProtectingNew,
    SuspendedProcesses: [...group.suspended].map((name) => ({
      ProcessName: name,
      SuspensionReason: 'User suspended at 2026-11-01T00:00:00Z',
    })),
    MixedInstancesPolicy:
      group.weight === undefined ? undefined : { LaunchTemplate: { Overrides: overrides } },
    Tags: [...group.tags].map(([Key, Value]) => ({ Key, Value, ResourceId: group.name })),
    Instances: group.instances.map((instance) => ({
      InstanceId: instance.id,
      InstanceType: group.machineType,
      AvailabilityZone: instance.zone,
      LifecycleState: instance.state,
      HealthStatus: instance.isHealthy ? 'Healthy' : 'Unhealthy',
      ProtectedFromScaleIn: instance.isProtected ?? false,
    })),
  };
}

function activityXml(activity: SimActivity): Xml {
  return {
    ActivityId: activity.id,
    AutoScalingGroupName: activity.group,
    Description: activity.description,
    Cause: 'an instance was started in response to a difference between desired and actual capacity',
    StartTime: new Date(activity.startedAtMs).toISOString(),
    StatusCode: activity.status,
    StatusMessage: activity.message,
    Progress: activity.status === 'InProgress' ? 50 : 100,
  };
}

function element(name: string, value: Xml): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) {
    const members = (value as readonly Xml[]).map((member) => element('member', member));
    return `<${name}>${members.join('')}</${name}>`;
  }
  if (typeof value === 'object') {
    const inside = Object.entries(value).map(([key, one]) => element(key, one));
    return `<${name}>${inside.join('')}</${name}>`;
  }
  const text = String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<${name}>${text}</${name}>`;
}

function need(form: URLSearchParams, name: string): string {
  const value = form.get(name);
  if (value !== null) return value;
  throw new SimRefusal('ValidationError', 400, `1 validation error detected: ${name} must not be null`);
}

function membersOf(form: URLSearchParams, name: string): string[] {
  return [...form].flatMap(([key, value]) => (key.startsWith(`${name}.member.`) ? [value] : []));
}
