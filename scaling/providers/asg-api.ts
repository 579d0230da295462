import {
  AutoScalingClient,
  CreateOrUpdateTagsCommand,
  DescribeScalingActivitiesCommand,
  paginateDescribeAutoScalingGroups,
  SetDesiredCapacityCommand,
  SetInstanceHealthCommand,
  SetInstanceProtectionCommand,
  SuspendProcessesCommand,
  TerminateInstanceInAutoScalingGroupCommand,
  UpdateAutoScalingGroupCommand,
  type AutoScalingGroup,
} from '@aws-sdk/client-auto-scaling';

import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import { retry, type RetryPolicy } from '../../core/retry.ts';
import { asScalingError, missingGroup } from './asg-fault.ts';

export interface AsgGroup {
  name: string;
  minSize: number;
  maxSize: number;
  desired: number;
  protectsNew: boolean;
  suspended: ReadonlySet<string>;
  /** Machines count for more than one each: nothing of ours would fit. */
  isWeighted: boolean;
  /** When a server last said that it decides for the group, by that server's clock; undefined = never. */
  decidedAtMs: number | undefined;
  machines: AsgMachine[];
}

/** A tag of the group: whoever stands in for the servers does nothing while it is young. */
const signKey = 'touchline:decided-at';

export interface AsgMachine {
  instanceId: string;
  /** As Auto Scaling calls it: `Pending:Wait`, `InService`, ... */
  state: string;
  isHealthy: boolean;
  isProtected: boolean;
}

/** A launch that was tried. */
export interface AsgLaunch {
  id: string;
  startedAtMs: number;
  /** Undefined when it failed. */
  instanceId: string | undefined;
  /** What EC2 said; undefined when it did not fail. */
  failure: string | undefined;
}

/** It answers within a second; a try without an answer is made again, and a round of the controller has 20 s. */
const tryMsMax = 3_000;
const connectMsMax = 2_000;
/** The account's rate is shared with whoever else calls: more tries would keep a storm alive. */
const policy: RetryPolicy = { delaysMs: [400, 1_600], jitter: 0.5 };
/** As many as one answer holds. */
const activitiesMax = 100;
/** SetInstanceProtection takes no more. */
const protectCountMax = 50;

/** The calls to Auto Scaling that we make. What sets something absolute is repeated when an answer is lost; what counts down is not. */
export class AsgApi {
  readonly #region: string | undefined;
  readonly #client: AutoScalingClient;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: {
    /** Undefined = where the SDK finds it. */
    region: string | undefined;
    clock: Clock;
    random: Random;
    /** For tests: something that speaks the same protocol. */
    endpoint?: string;
    /** For tests. */
    tryMs?: number;
  }) {
    const { region, endpoint } = options;
    this.#region = region;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#client = new AutoScalingClient({
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      maxAttempts: 1,
      requestHandler: {
        requestTimeout: options.tryMs ?? tryMsMax,
        connectionTimeout: connectMsMax,
        throwOnRequestTimeout: true,
      },
    });
  }

  close(): void {
    this.#client.destroy();
  }

  /** Those of them that there are. */
  async groups(names: readonly string[], signal: AbortSignal): Promise<Map<string, AsgGroup>> {
    const input = { AutoScalingGroupNames: [...names] };
    const found = await this.#repeat('DescribeAutoScalingGroups', names.join(', '), signal, async (limit) => {
      const groups: AutoScalingGroup[] = [];
      for await (const page of paginateDescribeAutoScalingGroups({ client: this.#client }, input, limit))
        groups.push(...(page.AutoScalingGroups ?? []));
      return groups;
    });
    return new Map(found.map((group) => [group.AutoScalingGroupName ?? '', groupOf(group)]));
  }

  /** @throws TouchlineError `scaling.missing-group` naming all that there are not */
  async allGroups(names: readonly string[], signal: AbortSignal): Promise<Map<string, AsgGroup>> {
    const groups = await this.groups(names, signal);
    const missing = names.filter((name) => !groups.has(name));
    if (missing.length > 0) throw missingGroup(missing, this.#region);
    return groups;
  }

  /** The last ones, newest first, and how far back the log was read; undefined = whole. */
  async launches(
    name: string,
    signal: AbortSignal,
  ): Promise<{ launches: AsgLaunch[]; sinceMs: number | undefined }> {
    const command = new DescribeScalingActivitiesCommand({
      AutoScalingGroupName: name,
      MaxRecords: activitiesMax,
    });
    const { Activities = [] } = await this.#repeat(
      'DescribeScalingActivities',
      name,
      signal,
      async (limit) => await this.#client.send(command, limit),
    );
    const launches = Activities.flatMap((activity): AsgLaunch[] => {
      const { ActivityId: id = '', Description: text = '', StartTime, StatusCode, StatusMessage } = activity;
      if (!text.startsWith('Launching') || !StartTime || StatusCode === 'Cancelled') return [];
      const failure = StatusCode === 'Failed' ? (StatusMessage ?? text) : undefined;
      return [{ id, startedAtMs: StartTime.getTime(), instanceId: /\bi-[0-9a-f]+/.exec(text)?.[0], failure }];
    });
    const isFull = Activities.length >= activitiesMax;
    return { launches, sinceMs: isFull ? Activities.at(-1)?.StartTime?.getTime() : undefined };
  }

  async setDesired(name: string, count: number, signal: AbortSignal): Promise<void> {
    // Ours are the only brakes: a cooldown of the group would refuse what the decision has weighed already.
    const input = { AutoScalingGroupName: name, DesiredCapacity: count, HonorCooldown: false };
    await this.#repeat(
      'SetDesiredCapacity',
      name,
      signal,
      async (limit) => await this.#client.send(new SetDesiredCapacityCommand(input), limit),
    );
  }

  /** The group's desired capacity goes down with it, so it is asked for once: who gets no answer has to look. */
  async terminate(instanceId: string, signal: AbortSignal): Promise<void> {
    const action = 'TerminateInstanceInAutoScalingGroup';
    const input = { InstanceId: instanceId, ShouldDecrementDesiredCapacity: true };
    await this.#once(
      action,
      instanceId,
      signal,
      async (limit) => await this.#client.send(new TerminateInstanceInAutoScalingGroupCommand(input), limit),
    );
  }

  /** The group ends it and launches another. */
  async setUnhealthy(instanceId: string, signal: AbortSignal): Promise<void> {
    // The grace period is for machines that boot; who says this has waited for longer than that.
    const input = { InstanceId: instanceId, HealthStatus: 'Unhealthy', ShouldRespectGracePeriod: false };
    await this.#repeat(
      'SetInstanceHealth',
      instanceId,
      signal,
      async (limit) => await this.#client.send(new SetInstanceHealthCommand(input), limit),
    );
  }

  async protect(name: string, instanceIds: readonly string[], signal: AbortSignal): Promise<void> {
    for (let start = 0; start < instanceIds.length; start += protectCountMax) {
      const some = instanceIds.slice(start, start + protectCountMax);
      const input = { AutoScalingGroupName: name, InstanceIds: some, ProtectedFromScaleIn: true };
      await this.#repeat(
        'SetInstanceProtection',
        name,
        signal,
        async (limit) => await this.#client.send(new SetInstanceProtectionCommand(input), limit),
      );
    }
  }

  async protectNew(name: string, signal: AbortSignal): Promise<void> {
    const input = { AutoScalingGroupName: name, NewInstancesProtectedFromScaleIn: true };
    await this.#repeat(
      'UpdateAutoScalingGroup',
      name,
      signal,
      async (limit) => await this.#client.send(new UpdateAutoScalingGroupCommand(input), limit),
    );
  }

  /** Says on all of them, at once, that somebody decides for them now (or then). */
  async sign(names: readonly string[], signal: AbortSignal, atMs = this.#clock.nowMs()): Promise<void> {
    const Value = new Date(atMs).toISOString();
    const Tags = names.map((ResourceId) => ({
      ResourceId,
      ResourceType: 'auto-scaling-group',
      Key: signKey,
      Value,
      PropagateAtLaunch: false,
    }));
    await this.#repeat(
      'CreateOrUpdateTags',
      names.join(', '),
      signal,
      async (limit) => await this.#client.send(new CreateOrUpdateTagsCommand({ Tags }), limit),
    );
  }

  async suspend(name: string, process: string, signal: AbortSignal): Promise<void> {
    const input = { AutoScalingGroupName: name, ScalingProcesses: [process] };
    await this.#repeat(
      'SuspendProcesses',
      name,
      signal,
      async (limit) => await this.#client.send(new SuspendProcessesCommand(input), limit),
    );
  }

  async #repeat<T>(action: string, on: string, signal: AbortSignal, send: Send<T>): Promise<T> {
    return await retry(async () => await this.#once(action, on, signal, send), {
      policy,
      clock: this.#clock,
      random: this.#random,
      signal,
    });
  }

  async #once<T>(action: string, on: string, signal: AbortSignal, send: Send<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await send({ abortSignal: signal });
    } catch (thrown) {
      signal.throwIfAborted();
      throw asScalingError(thrown, action, on);
    }
  }
}

type Send<T> = (limit: { abortSignal: AbortSignal }) => Promise<T>;

function groupOf(group: AutoScalingGroup): AsgGroup {
  const decidedAtMs = Date.parse(group.Tags?.find(({ Key }) => Key === signKey)?.Value ?? '');
  const overrides = group.MixedInstancesPolicy?.LaunchTemplate?.Overrides ?? [];
  return {
    name: group.AutoScalingGroupName ?? '',
    minSize: group.MinSize ?? 0,
    maxSize: group.MaxSize ?? 0,
    desired: group.DesiredCapacity ?? 0,
    protectsNew: group.NewInstancesProtectedFromScaleIn ?? false,
    suspended: new Set(group.SuspendedProcesses?.map(({ ProcessName = '' }) => ProcessName)),
    isWeighted:
      overrides.some(({ WeightedCapacity = '1' }) => WeightedCapacity !== '1') ||
      // Units, too, that are not machines: vCPUs or memory.
      !['units', undefined].includes(group.DesiredCapacityType),
    decidedAtMs: Number.isNaN(decidedAtMs) ? undefined : decidedAtMs,
    machines: (group.Instances ?? []).map((instance) => ({
      instanceId: instance.InstanceId ?? '',
      state: instance.LifecycleState ?? '',
      isHealthy: instance.HealthStatus !== 'Unhealthy',
      isProtected: instance.ProtectedFromScaleIn ?? false,
    })),
  };
}
