import {
  AutoScalingClient,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingGroupsCommand,
  RecordLifecycleActionHeartbeatCommand,
  SetDesiredCapacityCommand,
  TerminateInstanceInAutoScalingGroupCommand,
  type Instance,
} from '@aws-sdk/client-auto-scaling';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { AsgSimulator } from './asg-simulator.ts';
import { serveSimulator, type ServedSimulator } from './asg-simulator-http.ts';

/** What the tests of the fleet rest on, seen through the SDK as whoever else calls it would. */
describe('the simulator of Auto Scaling', () => {
  const AutoScalingGroupName = 'g';
  let simulator: AsgSimulator;
  let served: ServedSimulator;
  let client: AutoScalingClient;
  beforeEach(async () => {
    simulator = new AsgSimulator();
    simulator.addGroup('g', { minSize: 1, maxSize: 5, desired: 1 });
    served = await serveSimulator(simulator);
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    client = new AutoScalingClient({
      region: 'eu-west-1',
      endpoint: served.endpoint,
      credentials,
      maxAttempts: 1,
    });
  });
  afterEach(async () => {
    client.destroy();
    await served.close();
  });

  const instances = async (): Promise<Instance[]> => {
    const { AutoScalingGroups } = await client.send(
      new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: ['g'] }),
    );
    return AutoScalingGroups?.[0]?.Instances ?? [];
  };
  const states = async () => (await instances()).map(({ LifecycleState }) => LifecycleState);
  const order = async (DesiredCapacity: number): Promise<unknown> =>
    await client.send(new SetDesiredCapacityCommand({ AutoScalingGroupName, DesiredCapacity }));

  const end = async (InstanceId: string | undefined): Promise<unknown> =>
    await client.send(
      new TerminateInstanceInAutoScalingGroupCommand({ InstanceId, ShouldDecrementDesiredCapacity: true }),
    );

  it('has machines pending before they are in service', async () => {
    await order(3);
    simulator.advance(3_000);
    expect(await instances()).toHaveLength(0);
    simulator.advance(2_000);
    expect(await states()).toEqual(['Pending', 'Pending', 'Pending']);
    simulator.advance(30_000);
    expect(await states()).toEqual(['InService', 'InService', 'InService']);
  });

  it.each([
    [6, 'New SetDesiredCapacity value 6 is above max value 5 for the AutoScalingGroup.'],
    [0, 'New SetDesiredCapacity value 0 is below min value 1 for the AutoScalingGroup.'],
  ])('refuses a size of %i', async (count, message) => {
    await expect(order(count)).rejects.toMatchObject({ name: 'ValidationError', message });
  });

  it('ends the unprotected for a lower size, and nobody when all are protected', async () => {
    await order(3);
    simulator.advance(40_000);
    await order(1);
    simulator.advance(60_000);
    expect(await instances()).toHaveLength(3);
    const open = (await instances())[1]?.InstanceId ?? '';
    simulator.protect('g', [open], false);
    simulator.advance(60_000);
    expect((await instances()).map(({ InstanceId }) => InstanceId)).not.toContain(open);
    expect(await instances()).toHaveLength(2);
  });

  it('counts down once for each end that it is asked for, and not below MinSize', async () => {
    await order(2);
    simulator.advance(40_000);
    const [first, second] = (await instances()).map(({ InstanceId }) => InstanceId);
    await end(first);
    expect(simulator.group('g').desired).toBe(1);
    await expect(end(second)).rejects.toThrow(/desiredSize equals minSize \(1\)/);
    simulator.advance(60_000);
    expect(await instances()).toHaveLength(1);
    await expect(end(first)).rejects.toThrow(/Instance Id not found/);
  });

  it('waits at a launch for the word that it goes on, for as long as beats come', async () => {
    simulator.group('g').hooks.launch = { heartbeatMs: 60_000, defaultResult: 'ABANDON' };
    simulator.advance(31_000);
    expect(await states()).toEqual(['Pending:Wait']);
    const hook = {
      AutoScalingGroupName,
      LifecycleHookName: 'h',
      InstanceId: (await instances())[0]?.InstanceId,
    };
    simulator.advance(50_000);
    await client.send(new RecordLifecycleActionHeartbeatCommand(hook));
    simulator.advance(50_000);
    expect(await states()).toEqual(['Pending:Wait']);
    await client.send(new CompleteLifecycleActionCommand({ ...hook, LifecycleActionResult: 'CONTINUE' }));
    simulator.advance(1_000);
    expect(await states()).toEqual(['InService']);
  });

  it('launches another where nobody said it in time', async () => {
    simulator.group('g').hooks.launch = { heartbeatMs: 60_000, defaultResult: 'ABANDON' };
    simulator.advance(31_000);
    const [first] = await instances();
    simulator.advance(62_000);
    expect(await states()).toEqual(['Terminating', 'Pending']);
    expect((await instances())[0]?.InstanceId).toBe(first?.InstanceId);
  });

  it('tries by itself ever more rarely to launch what it could not', () => {
    simulator.capacity.set('g5.xlarge', 0);
    simulator.advance(600_000);
    const failures = simulator.activities
      .filter(({ status }) => status === 'Failed')
      .map(({ startedAtMs }) => startedAtMs);
    const gapsMs = failures.slice(1).map((atMs, index) => atMs - (failures[index] ?? 0));
    expect(gapsMs).toEqual([30_000, 60_000, 120_000, 240_000]);
  });
});
