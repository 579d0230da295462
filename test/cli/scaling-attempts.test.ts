import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readConfig } from '../../cli/config.ts';
import { checkAws, type PermissionFinding } from '../../cli/doctor/aws-checks.ts';
import { systemClock as clock } from '../../core/clock.ts';
import { systemRandom as random } from '../../core/random.ts';
import { openAsgBench, spot, type AsgBench } from '../support/asg-bench.ts';

describe('the permissions to scale', () => {
  let bench: AsgBench;
  beforeEach(async () => {
    bench = await openAsgBench();
    process.env['AWS_ENDPOINT_URL_AUTO_SCALING'] = bench.served.endpoint;
  });
  afterEach(async () => {
    delete process.env['AWS_ENDPOINT_URL_AUTO_SCALING'];
    await bench.close();
  });

  it('are all tried, and nothing is changed', async () => {
    const group = bench.simulator.group(spot.name);
    group.desired = 2;
    bench.simulator.advance(60_000);
    const before = JSON.stringify(group);
    const findings = await ask();
    expect(JSON.stringify(group)).toBe(before);
    expect(findings.map(({ action, level }) => [action.replace('autoscaling:', ''), level])).toEqual([
      ['DescribeAutoScalingGroups', 'ok'],
      ['DescribeScalingActivities', 'ok'],
      ['SetDesiredCapacity', 'ok'],
      ['TerminateInstanceInAutoScalingGroup', 'ok'],
      ['SetInstanceHealth', 'ok'],
      ['SetInstanceProtection', 'ok'],
      ['UpdateAutoScalingGroup', 'ok'],
      ['SuspendProcesses', 'ok'],
      ['CreateOrUpdateTags', 'warn'],
    ]);
    expect(findings[2]?.resource).toBe(
      'arn:aws:autoscaling:eu-west-1:*:autoScalingGroup:*:autoScalingGroupName/tl-spot',
    );
  });

  it('are named when they are missing; of a machine in no group it cannot tell', async () => {
    bench.served.decide = (action) => (action.startsWith('Describe') ? 'pass' : 'deny');
    const levels = (await ask()).map(({ level }) => level);
    expect(levels).toEqual(['ok', 'ok', 'bad', 'note', 'note', 'bad', 'bad', 'bad', 'warn']);
  });

  it('are left to the server where the group has to be mended first', async () => {
    Object.assign(bench.simulator.group(spot.name), { isProtectingNew: false, suspended: new Set() });
    const findings = await ask();
    expect(findings.slice(6, 8).map(({ level }) => level)).toEqual(['warn', 'warn']);
    expect(bench.simulator.group(spot.name)).toMatchObject({ isProtectingNew: false, suspended: new Set() });
  });

  it('try to sign with the sign that is there, which says nothing new', async () => {
    const { tags } = bench.simulator.group(spot.name);
    tags.set('touchline:decided-at', '2026-11-23T12:00:00.000Z');
    expect((await ask()).at(-1)).toMatchObject({ action: 'autoscaling:CreateOrUpdateTags', level: 'ok' });
    expect([...tags]).toEqual([['touchline:decided-at', '2026-11-23T12:00:00.000Z']]);
    bench.served.decide = (action) => (action === 'CreateOrUpdateTags' ? 'deny' : 'pass');
    expect((await ask()).at(-1)).toMatchObject({ level: 'bad' });
  });

  it('say which group is not there', async () => {
    const [first, , third] = await ask('gone usd=1');
    expect(first).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('no Auto Scaling group gone') as string,
    });
    expect(third).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('the group was not found') as string,
    });
  });
});

async function ask(pools = 'tl-spot usd=1'): Promise<PermissionFinding[]> {
  const env = {
    TOUCHLINE_SCALING: 'asg',
    TOUCHLINE_SCALING_POOLS: pools,
    TOUCHLINE_SCALING_REGION: 'eu-west-1',
    TOUCHLINE_CONFIG: 'none',
  };
  return await checkAws(readConfig(env, '/'), { clock, random });
}
