import {
  AutoScalingClient,
  CreateAutoScalingGroupCommand,
  CreateLaunchConfigurationCommand,
  DescribeAutoScalingGroupsCommand,
  type AutoScalingGroup,
} from '@aws-sdk/client-auto-scaling';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../../core/clock.ts';
import { silentLog } from '../../../core/log.ts';
import { systemRandom } from '../../../core/random.ts';
import { AsgApi } from '../../../scaling/providers/asg-api.ts';
import { AsgProvider } from '../../../scaling/providers/asg.ts';
import { ordersInMemory } from '../../support/asg-bench.ts';
import { hasMoto, startMoto, type Moto } from '../../support/moto.ts';
import { providerContract } from '../provider-contract.ts';

// Another's reading of the wire format. Of behaviour it knows little: machines are in service at once, launches never fail,
// MaxSize is no limit, and nobody looks at health. test/support/asg-simulator.ts is for those.

const region = 'eu-west-1';
const missing = hasMoto ? undefined : 'moto_server';
const never = new AbortController().signal;
let moto: Moto;
let client: AutoScalingClient;
let groupCount = 0;

beforeAll(async () => {
  if (!hasMoto) return;
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  moto = await startMoto();
  client = new AutoScalingClient({ region, endpoint: moto.endpoint });
  const launch = { LaunchConfigurationName: 'gpu', ImageId: 'ami-12c6146b', InstanceType: 'g5.xlarge' };
  await client.send(new CreateLaunchConfigurationCommand(launch));
});
afterAll(async () => {
  client?.destroy();
  await moto?.stop();
});

async function newGroup(): Promise<string> {
  groupCount += 1;
  const AutoScalingGroupName = `touchline-${groupCount}`;
  await client.send(
    new CreateAutoScalingGroupCommand({
      AutoScalingGroupName,
      LaunchConfigurationName: 'gpu',
      MinSize: 0,
      MaxSize: 5,
      AvailabilityZones: [`${region}a`],
    }),
  );
  return AutoScalingGroupName;
}

async function groupOf(name: string): Promise<AutoScalingGroup | undefined> {
  const input = { AutoScalingGroupNames: [name] };
  return (await client.send(new DescribeAutoScalingGroupsCommand(input))).AutoScalingGroups?.[0];
}

async function open(names: readonly string[]): Promise<AsgProvider> {
  const tools = { clock: systemClock, random: systemRandom };
  const api = new AsgApi({ region, endpoint: moto.endpoint, ...tools });
  const pools = names.map((name) => ({ name, power: 1, dollarsPerHour: 1 }));
  const rest = { api, pools, orders: ordersInMemory(systemClock), bootMsP95: () => 240_000 };
  return await AsgProvider.open({ ...rest, clock: systemClock, log: silentLog }, never);
}

/** As EC2's console would. */
async function endFromOutside(instanceId: string): Promise<void> {
  const credential = `test/20260101/${region}/ec2/aws4_request`;
  const answer = await fetch(moto.endpoint, {
    method: 'POST',
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=none`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({
      Action: 'TerminateInstances',
      Version: '2016-11-15',
      'InstanceId.1': instanceId,
    }),
  });
  expect(answer.status).toBe(200);
}

providerContract(
  { name: 'asg', canKeep: true, staysDrained: true, canDie: true },
  async () => {
    const name = await newGroup();
    return {
      provider: await open([name]),
      pass: async () => {
        const sick = (await groupOf(name))?.Instances?.filter(
          ({ HealthStatus }) => HealthStatus === 'Unhealthy',
        );
        for (const { InstanceId = '' } of sick ?? []) await endFromOutside(InstanceId);
      },
      kill: endFromOutside,
      done: async () => {},
    };
  },
  missing,
);

describe.skipIf(!hasMoto)(`EC2 Auto Scaling as moto speaks it${missing ? `; needs ${missing}` : ''}`, () => {
  it('is mended at the start', async () => {
    const name = await newGroup();
    expect(await groupOf(name)).toMatchObject({ NewInstancesProtectedFromScaleIn: false });
    const provider = await open([name]);
    expect(await groupOf(name)).toMatchObject({
      NewInstancesProtectedFromScaleIn: true,
      SuspendedProcesses: [expect.objectContaining({ ProcessName: 'AZRebalance' })],
    });
    await provider.close();
  });

  it('says which of two groups is not there', async () => {
    const name = await newGroup();
    await expect(open([name, 'gone'])).rejects.toThrow(/^there is no Auto Scaling group gone in eu-west-1/);
  });

  it('is not asked for more than MaxSize, which it would grant', async () => {
    const name = await newGroup();
    const provider = await open([name]);
    expect(await provider.apply({ kind: 'order', pool: name, count: 6 }, never)).toMatchObject({
      kind: 'no-capacity',
    });
    expect(await groupOf(name)).toMatchObject({ DesiredCapacity: 5 });
    await provider.close();
  });
});
