import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { silentLog, type Log } from '../../../core/log.ts';
import type {
  ActionOutcome,
  FleetAction,
  ProvidedMachine,
  ProvidedPool,
} from '../../../scaling/fleet-provider.ts';
import type { AsgProvider } from '../../../scaling/providers/asg.ts';
import { onDemand, openAsgBench, spot, type AsgBench } from '../../support/asg-bench.ts';
import { providerContract } from '../provider-contract.ts';

providerContract({ name: 'asg', canKeep: true, staysDrained: true, canDie: true }, async () => {
  const bench = await openAsgBench([spot]);
  return {
    provider: await bench.open(),
    pass: async () => bench.simulator.advance(10_000),
    kill: async (instanceId) => bench.simulator.endFromOutside(instanceId),
    done: async () => await bench.close(),
  };
});

const never = new AbortController().signal;
const bootMsP95 = 240_000;

describe('EC2 Auto Scaling', () => {
  let bench: AsgBench;
  let provider: AsgProvider;
  let said: { message: string; fields: Record<string, unknown> }[];
  const log: Log = {
    ...silentLog,
    info: (message, fields = {}) => said.push({ message, fields }),
    warn: (message, fields = {}) => said.push({ message, fields }),
  };
  beforeEach(async () => {
    said = [];
    bench = await openAsgBench();
  });
  afterEach(async () => await bench.close());

  const group = (name = spot.name) => bench.simulator.group(name);
  const apply = async (action: FleetAction): Promise<ActionOutcome> => await provider.apply(action, never);
  const order = async (count: number, pool = spot.name): Promise<ActionOutcome> =>
    await apply({ kind: 'order', pool, count });
  const machines = async (): Promise<readonly ProvidedMachine[]> => (await provider.observe(never)).machines;
  const pool = async (name = spot.name): Promise<ProvidedPool | undefined> =>
    (await provider.observe(never)).pools.find((one) => one.name === name);
  /** Ordered, in service, and seen. */
  const orderAndBoot = async (count: number): Promise<string[]> => {
    expect(await order(count)).toEqual({ kind: 'done' });
    bench.simulator.advance(60_000);
    return (await machines()).map(({ instanceId }) => instanceId);
  };
  const drain = async (...instanceIds: string[]): Promise<void> => {
    for (const instanceId of instanceIds)
      expect(await apply({ kind: 'drain', instanceId })).toEqual({ kind: 'done' });
  };
  const callsOf = (action: string): number => bench.served.calls.filter((one) => one === action).length;

  describe('at the start', () => {
    it.each([
      [
        ['tl-spot'],
        /^there is no Auto Scaling group tl-spot in eu-west-1: create it, or mend TOUCHLINE_SCALING_POOLS/,
      ],
      [['tl-spot', 'tl-on-demand'], /no Auto Scaling group tl-spot, tl-on-demand in eu-west-1/],
    ])('says which groups are not there: %j', async (names, message) => {
      for (const name of names) bench.simulator.groups.delete(name);
      await expect(bench.open()).rejects.toThrow(message);
      await expect(bench.open()).rejects.toMatchObject({ code: 'scaling.missing-group', retryable: false });
    });

    it.each([
      ['DescribeAutoScalingGroups', 'tl-spot, tl-on-demand'],
      ['DescribeScalingActivities', 'tl-spot'],
    ])('says that the permission %s is missing', async (action, on) => {
      bench.served.decide = (asked) => (asked === action ? 'deny' : 'pass');
      await expect(bench.open()).rejects.toMatchObject({
        code: 'scaling.denied',
        retryable: false,
        message: expect.stringMatching(
          new RegExp(
            `autoscaling:${action} on ${on} failed .* give the role of this process autoscaling:${action} `,
          ),
        ) as string,
      });
    });

    it('changes nothing in groups that are as they should be', async () => {
      provider = await bench.open(log);
      expect(bench.served.calls.filter((action) => !action.startsWith('Describe'))).toEqual([]);
      expect(said).toEqual([]);
    });

    it('protects new machines and those at work from scale-in, suspends AZRebalance, and says so', async () => {
      Object.assign(group(), { isProtectingNew: false, suspended: new Set(), desired: 60, maxSize: 60 });
      bench.simulator.advance(60_000);
      await bench.open(log);
      expect(group()).toMatchObject({ isProtectingNew: true, suspended: new Set(['AZRebalance']) });
      expect(group().instances.filter(({ isProtected }) => isProtected)).toHaveLength(60);
      expect(said.map(({ fields }) => fields['what'])).toEqual([
        'new machines are now protected from scale-in',
        '60 machines are now protected from scale-in',
        'AZRebalance is now suspended',
      ]);
    });

    it('says how to mend by hand what it may not mend, and goes on', async () => {
      Object.assign(group(), { isProtectingNew: false, suspended: new Set() });
      bench.served.decide = (action) => (action.startsWith('Describe') ? 'pass' : 'deny');
      provider = await bench.open(log);
      expect(said.map(({ fields }) => fields['byHand'])).toEqual([
        'aws autoscaling update-auto-scaling-group --auto-scaling-group-name tl-spot --new-instances-protected-from-scale-in',
        'aws autoscaling suspend-processes --auto-scaling-group-name tl-spot --scaling-processes AZRebalance',
      ]);
      expect(await machines()).toEqual([]);
    });

    it.each(['Launch', 'Terminate', 'HealthCheck', 'ReplaceUnhealthy'])(
      'says what a suspended %s means',
      async (process) => {
        group().suspended.add(process);
        await bench.open(log);
        const byHand = expect.stringContaining(`--scaling-processes ${process}`) as string;
        expect(said).toEqual([
          expect.objectContaining({ fields: expect.objectContaining({ process, byHand }) as object }),
        ]);
      },
    );

    it('refuses a group that counts in weights', async () => {
      group().weight = '4';
      await expect(bench.open()).rejects.toMatchObject({
        code: 'scaling.weighted-group',
        message: expect.stringContaining('tl-spot counts in weights') as string,
      });
      group().weight = '1';
      await expect(bench.open()).resolves.toBeDefined();
    });
  });

  describe('an order', () => {
    beforeEach(async () => (provider = await bench.open(log)));

    it.each([1, 2])('that is throttled %i times goes through', async (times) => {
      let left = times;
      bench.served.decide = (action) => (action === 'SetDesiredCapacity' && left-- > 0 ? 'throttle' : 'pass');
      expect(await order(3)).toEqual({ kind: 'done' });
      expect(group().desired).toBe(3);
    });

    it('that is throttled longer is left to the next round, and the fleet as it is', async () => {
      bench.served.decide = (action) => (action === 'SetDesiredCapacity' ? 'throttle' : 'pass');
      expect(await order(3)).toMatchObject({
        kind: 'failed',
        isRetryable: true,
        why: expect.stringContaining(
          'autoscaling:SetDesiredCapacity on tl-spot failed (Throttling: Rate exceeded)',
        ) as string,
      });
      expect(callsOf('SetDesiredCapacity')).toBe(3);
      expect(group().desired).toBe(0);
      bench.served.decide = () => 'pass';
      expect(await order(3)).toEqual({ kind: 'done' });
    });

    it.each(['lose', 'unavailable', 'silence'] as const)(
      'whose answer is lost (%s) is given again',
      async (fate) => {
        provider = await bench.open(log, 500);
        let left = 1;
        bench.served.decide = (action) => (action === 'SetDesiredCapacity' && left-- > 0 ? fate : 'pass');
        expect(await order(3)).toEqual({ kind: 'done' });
        expect(callsOf('SetDesiredCapacity')).toBeGreaterThan(1);
        expect(group().desired).toBe(3);
      },
    );

    it('that is not allowed names the permission and the group, and is not worth a retry', async () => {
      bench.served.decide = (action) => (action === 'SetDesiredCapacity' ? 'deny' : 'pass');
      expect(await order(3)).toMatchObject({
        kind: 'failed',
        isRetryable: false,
        why: expect.stringMatching(
          /SetDesiredCapacity on tl-spot.*give the role of this process autoscaling:SetDesiredCapacity/,
        ) as string,
      });
      expect(callsOf('SetDesiredCapacity')).toBe(1);
      expect(group().desired).toBe(0);
    });

    it('goes up to MaxSize, and what is more has to come from another pool', async () => {
      expect(await order(20)).toEqual({ kind: 'done' });
      expect(await order(21)).toMatchObject({
        kind: 'no-capacity',
        pool: 'tl-spot',
        why: expect.stringContaining('its MaxSize is 20, and 21 were ordered') as string,
        untilMs: bench.simulator.nowMs + 180_000,
      });
      expect(group().desired).toBe(20);
      expect((await pool())?.unavailableUntilMs).toBe(bench.simulator.nowMs + 180_000);
      expect(await order(1, onDemand.name)).toEqual({ kind: 'done' });
    });

    it('of more than MaxSize fills what there is', async () => {
      expect(await order(25)).toMatchObject({ kind: 'no-capacity' });
      expect(group().desired).toBe(20);
    });

    it('for a pool that is not in the settings is refused', async () => {
      expect(await order(1, 'other')).toMatchObject({ kind: 'failed', isRetryable: false });
    });

    it('is not given when somebody has raised the group already', async () => {
      group().desired = 5;
      bench.simulator.advance(10_000);
      expect(await order(4)).toEqual({ kind: 'unchanged' });
      expect(group().desired).toBe(5);
    });

    it('ends at once when the round is over', async () => {
      const over = AbortSignal.abort(new Error('the round is over'));
      await expect(provider.apply({ kind: 'order', pool: spot.name, count: 1 }, over)).rejects.toThrow(
        'the round is over',
      );
      expect(group().desired).toBe(0);
    });
  });

  describe('a pool that has not enough', () => {
    beforeEach(async () => (provider = await bench.open(log)));

    it('is named with what EC2 says, is left alone for three minutes, and its order is taken back', async () => {
      bench.simulator.capacity.set('g5.xlarge', 2);
      expect(await order(5)).toEqual({ kind: 'done' });
      bench.simulator.advance(10_000);
      const seenAtMs = bench.simulator.nowMs;
      expect(await pool()).toMatchObject({ orderedCount: 2, unavailableUntilMs: seenAtMs + 180_000 });
      expect(said.at(-1)).toMatchObject({
        message: 'a pool has no machines to give now',
        fields: { pool: 'tl-spot', why: expect.stringContaining('sufficient g5.xlarge capacity') as string },
      });
      expect(await order(5)).toMatchObject({ kind: 'no-capacity', untilMs: seenAtMs + 180_000 });
      expect(await order(3, onDemand.name)).toEqual({ kind: 'done' });
      bench.simulator.advance(179_999);
      expect(await order(5)).toMatchObject({ kind: 'no-capacity' });
      bench.simulator.capacity.delete('g5.xlarge');
      bench.simulator.advance(1);
      expect(await order(5)).toEqual({ kind: 'done' });
      bench.simulator.advance(10_000);
      // What failed before does not count against the new order.
      expect((await pool())?.unavailableUntilMs).toBeLessThan(bench.simulator.nowMs);
      expect(group().instances).toHaveLength(5);
    });

    it('is seen when it does not even say so: nothing comes within half a boot', async () => {
      group().suspended.add('Launch');
      expect(await order(2)).toEqual({ kind: 'done' });
      bench.simulator.advance(bootMsP95 / 2);
      expect((await pool())?.unavailableUntilMs).toBe(0);
      bench.simulator.advance(1);
      expect(await pool()).toMatchObject({
        orderedCount: 0,
        unavailableUntilMs: bench.simulator.nowMs + 180_000,
      });
      expect(said.at(-1)?.fields['why']).toBe('0 of 2 machines are there 120 s after they were ordered');
    });

    it('is known to a provider that starts after it', async () => {
      bench.simulator.capacity.set('g5.xlarge', 0);
      await order(2);
      bench.simulator.advance(10_000);
      provider = await bench.open(log);
      expect((await pool())?.unavailableUntilMs).toBe(bench.simulator.nowMs + 180_000);
    });

    it('keeps its order when a machine at work could be ended for it', async () => {
      await orderAndBoot(1);
      bench.simulator.protect(
        spot.name,
        group().instances.map(({ id }) => id),
        false,
      );
      bench.simulator.capacity.set('g5.xlarge', 1);
      await order(3);
      bench.simulator.advance(10_000);
      expect(await pool()).toMatchObject({ orderedCount: 3 });
      expect(group().instances).toHaveLength(1);
    });

    it('is not lowered below its MinSize', async () => {
      Object.assign(group(), { minSize: 2, desired: 2 });
      bench.simulator.capacity.set('g5.xlarge', 0);
      bench.simulator.advance(10_000);
      expect(await pool()).toMatchObject({ orderedCount: 2 });
      expect(callsOf('SetDesiredCapacity')).toBe(0);
    });

    it('is no less available when taking back its order fails', async () => {
      bench.simulator.capacity.set('g5.xlarge', 0);
      await order(2);
      bench.simulator.advance(10_000);
      bench.served.decide = (action) => (action === 'SetDesiredCapacity' ? 'deny' : 'pass');
      expect(await pool()).toMatchObject({ orderedCount: 2 });
      expect(said.map(({ message }) => message)).toContain(
        'an order that a pool cannot fill could not be taken back',
      );
      expect(await order(2, onDemand.name)).toMatchObject({ kind: 'failed' });
      bench.served.decide = () => 'pass';
      expect(await order(2, onDemand.name)).toEqual({ kind: 'done' });
    });
  });

  describe('a machine that is let go', () => {
    beforeEach(async () => (provider = await bench.open(log)));

    it('has an order in the store, and is protected until the end', async () => {
      const [first = '', second = ''] = await orderAndBoot(2);
      const atMs = bench.simulator.nowMs;
      await apply({ kind: 'drain', instanceId: first });
      expect(bench.orders.given).toEqual(new Map([[first, atMs]]));
      bench.simulator.advance(600_000);
      expect(group().instances).toHaveLength(2);
      expect(await machines()).toMatchObject([
        { instanceId: first, drainOrderedAtMs: atMs, life: 'running' },
        { instanceId: second, drainOrderedAtMs: undefined, life: 'running' },
      ]);
      expect(group().desired).toBe(2);
    });

    it('is ended once when the answer is lost, and counted down once', async () => {
      const [first = ''] = await orderAndBoot(3);
      await drain(first);
      bench.served.decide = (action) => (action.startsWith('Terminate') ? 'lose' : 'pass');
      expect(await apply({ kind: 'terminate', instanceId: first })).toEqual({ kind: 'done' });
      expect(callsOf('TerminateInstanceInAutoScalingGroup')).toBe(1);
      expect(group().desired).toBe(2);
      bench.served.decide = () => 'pass';
      expect(await apply({ kind: 'terminate', instanceId: first })).toEqual({ kind: 'unchanged' });
      bench.simulator.advance(60_000);
      expect(group().instances).toHaveLength(2);
    });

    it.each(['throttle', 'unavailable', 'deny'] as const)(
      'stays when the call does not go through (%s), and goes in the next round',
      async (fate) => {
        const [first = ''] = await orderAndBoot(2);
        await drain(first);
        bench.served.decide = (action) => (action.startsWith('Terminate') ? fate : 'pass');
        expect(await apply({ kind: 'terminate', instanceId: first })).toMatchObject({
          kind: 'failed',
          isRetryable: fate !== 'deny',
          why: expect.stringContaining(
            `autoscaling:TerminateInstanceInAutoScalingGroup on ${first}`,
          ) as string,
        });
        expect(group().desired).toBe(2);
        bench.served.decide = () => 'pass';
        expect(await apply({ kind: 'terminate', instanceId: first })).toEqual({ kind: 'done' });
        expect(group().desired).toBe(1);
      },
    );

    it('is not ended without an order to drain: it may have been taken back a moment ago', async () => {
      const [first = ''] = await orderAndBoot(2);
      await drain(first);
      await apply({ kind: 'keep', instanceId: first });
      expect(await apply({ kind: 'terminate', instanceId: first })).toEqual({
        kind: 'failed',
        isRetryable: true,
        why: `${first} had no order to drain, and has one now: the next round ends it when it is still empty`,
      });
      expect(group().desired).toBe(2);
      expect(bench.orders.given.has(first)).toBe(true);
      expect(await apply({ kind: 'terminate', instanceId: first })).toEqual({ kind: 'done' });
    });

    it('is not drained for nothing: the group keeps its MinSize', async () => {
      const [first = '', second = '', third = ''] = await orderAndBoot(3);
      group().minSize = 2;
      bench.simulator.advance(10_000);
      expect(await apply({ kind: 'drain', instanceId: first })).toEqual({ kind: 'done' });
      const refusal = {
        kind: 'failed',
        isRetryable: false,
        why: 'the Auto Scaling group tl-spot keeps 2 machines (MinSize): lower it for the fleet to follow the load',
      };
      expect(await apply({ kind: 'drain', instanceId: second })).toEqual(refusal);
      expect(await apply({ kind: 'terminate', instanceId: first })).toEqual({ kind: 'done' });
      expect(await apply({ kind: 'terminate', instanceId: third })).toEqual(refusal);
      expect([...bench.orders.given.keys()]).toEqual([first]);
    });

    it('has died meanwhile: then there is nothing to do', async () => {
      const [first = ''] = await orderAndBoot(2);
      await drain(first);
      await provider.observe(never);
      bench.simulator.endFromOutside(first);
      bench.simulator.advance(4_000);
      group().instances = group().instances.filter(({ id }) => id !== first);
      expect(await apply({ kind: 'terminate', instanceId: first })).toEqual({ kind: 'unchanged' });
    });

    it('leaves no order behind, and orders of others are left alone', async () => {
      const [first = ''] = await orderAndBoot(2);
      bench.orders.given.set('i-of-somebody', 1);
      await apply({ kind: 'drain', instanceId: first });
      await apply({ kind: 'terminate', instanceId: first });
      await provider.observe(never);
      expect([...bench.orders.given.keys()]).toEqual(['i-of-somebody', first]);
      bench.simulator.advance(60_000);
      await provider.observe(never);
      expect([...bench.orders.given.keys()]).toEqual(['i-of-somebody']);
    });

    it('is told nothing when the store is away, and the next round tells it', async () => {
      const [first = ''] = await orderAndBoot(2);
      bench.orders.isAway = true;
      expect(await apply({ kind: 'drain', instanceId: first })).toMatchObject({
        kind: 'failed',
        isRetryable: true,
        why: 'the store is away',
      });
      expect(await machines()).toMatchObject([{ drainOrderedAtMs: undefined }, {}]);
      bench.orders.isAway = false;
      expect(await apply({ kind: 'drain', instanceId: first })).toEqual({ kind: 'done' });
    });
  });

  describe('what happens to machines', () => {
    beforeEach(async () => (provider = await bench.open(log)));

    it('is told as it is: on its way, at work, going', async () => {
      const hook = { heartbeatMs: 120_000, defaultResult: 'CONTINUE' } as const;
      Object.assign(group(), { hooks: { launch: hook, terminate: hook } });
      await order(1);
      const lives: (string | undefined)[] = [];
      const look = async (state: string): Promise<void> => {
        expect(group().instances[0]?.state).toBe(state);
        lives.push((await machines())[0]?.life);
      };
      bench.simulator.advance(5_000);
      await look('Pending');
      bench.simulator.advance(30_000);
      await look('Pending:Wait');
      const id = group().instances[0]?.id ?? '';
      bench.simulator.completeHook(id, 'CONTINUE');
      bench.simulator.advance(1_000);
      await look('InService');
      await drain(id);
      await apply({ kind: 'terminate', instanceId: id });
      await look('Terminating');
      bench.simulator.advance(21_000);
      await look('Terminating:Wait');
      bench.simulator.advance(120_000);
      lives.push((await machines())[0]?.life);
      expect(lives).toEqual(['pending', 'pending', 'running', 'ending', 'ending', undefined]);
    });

    it('a spot machine that is taken away is replaced by the group, with the count as it was', async () => {
      const [first = ''] = await orderAndBoot(2);
      bench.simulator.giveSpotNotice(first);
      bench.simulator.advance(119_000);
      expect((await machines()).map(({ life }) => life)).toEqual(['running', 'running']);
      bench.simulator.advance(60_000);
      const after = await machines();
      expect(after.map(({ instanceId }) => instanceId)).not.toContain(first);
      expect(after).toHaveLength(2);
      expect(await order(2)).toEqual({ kind: 'unchanged' });
    });

    it('a machine that does not work is going as soon as that is said', async () => {
      const [first = '', second = ''] = await orderAndBoot(2);
      const action = { kind: 'replace', instanceId: first, why: 'no beat' } as const;
      expect(await apply(action)).toEqual({ kind: 'done' });
      expect(await apply(action)).toEqual({ kind: 'unchanged' });
      expect((await machines()).map(({ instanceId, life }) => [instanceId, life])).toEqual([
        [first, 'ending'],
        [second, 'running'],
      ]);
    });

    it('a group that is deleted ends it all, with its name', async () => {
      bench.simulator.groups.delete(onDemand.name);
      await expect(provider.observe(never)).rejects.toMatchObject({
        code: 'scaling.missing-group',
        retryable: false,
        message: expect.stringContaining('tl-on-demand') as string,
      });
    });

    it.each(['throttle', 'deny'] as const)(
      'is seen though the log of the group cannot be read (%s), and dated when it can',
      async (fate) => {
        await order(2);
        bench.simulator.advance(60_000);
        bench.served.decide = (action) => (action === 'DescribeScalingActivities' ? fate : 'pass');
        expect((await machines()).map(({ life }) => life)).toEqual(['running', 'running']);
        bench.served.decide = () => 'pass';
        const launchedAtMs = group().instances[0]?.launchedAtMs;
        expect(await machines()).toMatchObject([{ launchedAtMs }, { launchedAtMs }]);
      },
    );

    it('cannot be seen without a permission, which may be given while it runs', async () => {
      bench.served.decide = () => 'deny';
      await expect(provider.observe(never)).rejects.toMatchObject({
        code: 'scaling.denied',
        retryable: true,
      });
      bench.served.decide = () => 'pass';
      expect(await machines()).toEqual([]);
    });
  });

  describe('after a restart', () => {
    it('knows since when machines are there, and since when they drain', async () => {
      provider = await bench.open(log);
      const [first = ''] = await orderAndBoot(2);
      await apply({ kind: 'drain', instanceId: first });
      const before = await provider.observe(never);
      bench.simulator.advance(300_000);
      provider = await bench.open(log);
      const after = await provider.observe(never);
      expect(after.machines).toEqual(before.machines);
      expect(await apply({ kind: 'drain', instanceId: first })).toEqual({ kind: 'unchanged' });
      expect(await apply({ kind: 'keep', instanceId: first })).toEqual({ kind: 'done' });
    });

    it('takes a machine that the log no longer tells of for as old as the log', async () => {
      provider = await bench.open(log);
      await orderAndBoot(1);
      const oldest = bench.simulator.nowMs + 1_000;
      for (let index = 0; index < 100; index += 1)
        bench.simulator.activities.push({
          id: `later-${index}`,
          group: spot.name,
          description: 'Terminating EC2 instance: i-0aaaaaaaaaaaaaaaa',
          startedAtMs: oldest + index * 1_000,
          status: 'InProgress',
          message: undefined,
        });
      bench.simulator.advance(300_000);
      provider = await bench.open(log);
      expect(await machines()).toMatchObject([{ launchedAtMs: oldest }]);
    });
  });
});
