import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { ActionOutcome, FleetAction, FleetProvider, FleetView } from '../../scaling/fleet-provider.ts';

/** What a suite needs of a provider. */
export interface ProviderBench {
  /** With no machine, and able to have four in its first pool. */
  provider: FleetProvider;
  /** Lets some of the bench's time go by: a machine takes a few of these to come or to go, and no more than a thousand. */
  pass(): Promise<void>;
  /** Ends a machine behind the provider's back, where it can die. */
  kill?(instanceId: string): Promise<void>;
  done(): Promise<void>;
}

interface Offer {
  name: FleetProvider['name'];
  canKeep: boolean;
  /** What is drained stays until it is terminated; else it ends by itself. */
  staysDrained: boolean;
  /** There is something behind its machines that may end by itself. */
  canDie: boolean;
}

/** What every provider of `scaling/fleet-provider.ts` promises. With `missing`, its tests are skipped, and say what is missing. */
export function providerContract(offer: Offer, open: () => Promise<ProviderBench>, missing?: string): void {
  const needs = missing === undefined ? '' : `; needs ${missing}`;
  const { name, canKeep, staysDrained, canDie } = offer;
  describe.skipIf(missing !== undefined)(`a fleet (${name}${needs})`, { timeout: 60_000 }, () => {
    let bench: ProviderBench;
    let pool: string;
    const never = new AbortController().signal;

    beforeEach(async () => {
      bench = await open();
      pool = (await bench.provider.observe(never)).pools[0]?.name ?? 'none';
    });
    afterEach(async () => {
      await bench.provider.close();
      await bench.done();
    });

    const apply = async (action: FleetAction): Promise<ActionOutcome> =>
      await bench.provider.apply(action, never);
    const order = async (count: number): Promise<ActionOutcome> =>
      await apply({ kind: 'order', pool, count });
    const until = async (holds: (view: FleetView) => boolean): Promise<FleetView> => {
      for (let passes = 0; passes < passesMax; passes += 1) {
        const view = await bench.provider.observe(never);
        if (holds(view)) return view;
        await bench.pass();
      }
      throw new Error(`it did not come to hold: ${JSON.stringify(await bench.provider.observe(never))}`);
    };
    const untilThereAre = async (count: number): Promise<string[]> =>
      here(await until((view) => here(view).length === count));
    const orderAndSee = async (count: number): Promise<string[]> => {
      expect(await order(count)).toEqual({ kind: 'done' });
      return await untilThereAre(count);
    };
    /** As `scaling/decide.ts` does it: what is drained is terminated, where it does not end by itself. */
    const letGo = async (instanceId: string): Promise<void> => {
      await apply({ kind: 'drain', instanceId });
      if (staysDrained) expect(await apply({ kind: 'terminate', instanceId })).toEqual({ kind: 'done' });
      await until((view) => !here(view).includes(instanceId));
    };

    it('says what it is, and of what pools, with nothing in them', async () => {
      expect(bench.provider).toMatchObject({ name, capabilities: { canKeep } });
      const { machines, pools } = await bench.provider.observe(never);
      expect(machines).toEqual([]);
      expect(pools.length).toBeGreaterThan(0);
      expect(new Set(pools.map((one) => one.name)).size).toBe(pools.length);
      for (const one of pools) {
        expect(one.power).toBeGreaterThan(0);
        expect(one.dollarsPerHour).toBeGreaterThanOrEqual(0);
        expect(one.orderedCount).toBe(0);
      }
    });

    it('has as many machines as were ordered, each with its own id, its pool and the time of its launch', async () => {
      await orderAndSee(3);
      const { machines, pools } = await bench.provider.observe(never);
      expect(new Set(machines.map(({ instanceId }) => instanceId)).size).toBe(3);
      for (const machine of machines) {
        expect(machine.pool).toBe(pool);
        expect(machine.drainOrderedAtMs).toBeUndefined();
        expect(machine.launchedAtMs).toBeGreaterThan(1_000_000_000_000);
      }
      expect(pools[0]?.orderedCount).toBe(3);
    });

    it('takes an order as the whole, not as more: repeated, it changes nothing', async () => {
      const first = await orderAndSee(2);
      expect(await order(2)).toEqual({ kind: 'unchanged' });
      const more = await orderAndSee(3);
      expect(more).toEqual(expect.arrayContaining(first));
    });

    it('lets no machine go for an order of fewer', async () => {
      const first = await orderAndSee(2);
      expect(await order(1)).toEqual({ kind: 'unchanged' });
      expect(await order(0)).toEqual({ kind: 'unchanged' });
      expect(here(await bench.provider.observe(never))).toEqual(first);
    });

    it('lets go of the one that was drained, puts none in its place, and leaves the others alone', async () => {
      const [first = '', second] = await orderAndSee(2);
      await letGo(first);
      expect(await untilThereAre(1)).toEqual([second]);
      expect(await order(1)).toEqual({ kind: 'unchanged' });
      const { pools } = await bench.provider.observe(never);
      expect(pools[0]?.orderedCount).toBe(1);
    });

    it('grows again after it has shrunk', async () => {
      const [first = ''] = await orderAndSee(2);
      await letGo(first);
      const again = await orderAndSee(3);
      expect(again).not.toContain(first);
    });

    it('drains once, however often it is told, and says since when', async () => {
      const [first = '', second = ''] = await orderAndSee(2);
      expect(await apply({ kind: 'drain', instanceId: first })).toEqual({ kind: 'done' });
      expect(await apply({ kind: 'drain', instanceId: first })).toEqual({ kind: 'unchanged' });
      const { machines } = await bench.provider.observe(never);
      const since = new Map(machines.map((machine) => [machine.instanceId, machine.drainOrderedAtMs]));
      expect(since.get(second)).toBeUndefined();
      if (staysDrained || since.has(first)) expect(since.get(first)).toBeGreaterThan(1_000_000_000_000);
    });

    it(canKeep ? 'takes a drain back' : 'says that it cannot take a drain back', async () => {
      const [first = ''] = await orderAndSee(2);
      await apply({ kind: 'drain', instanceId: first });
      const outcome = await apply({ kind: 'keep', instanceId: first });
      if (!canKeep) {
        // It may be gone already, and then there is nothing to keep.
        expect(outcome.kind === 'unchanged' || (outcome.kind === 'failed' && !outcome.isRetryable)).toBe(
          true,
        );
        return;
      }
      expect(outcome).toEqual({ kind: 'done' });
      expect(await apply({ kind: 'keep', instanceId: first })).toEqual({ kind: 'unchanged' });
      const { machines } = await bench.provider.observe(never);
      expect(machines.map(({ drainOrderedAtMs }) => drainOrderedAtMs)).toEqual([undefined, undefined]);
    });

    it('terminates once, however often it is told', async () => {
      const [first = '', second = ''] = await orderAndSee(2);
      await letGo(first);
      expect(await apply({ kind: 'terminate', instanceId: first })).toEqual({ kind: 'unchanged' });
      expect(await apply({ kind: 'terminate', instanceId: first })).toEqual({ kind: 'unchanged' });
      expect(await untilThereAre(1)).toEqual([second]);
      expect((await bench.provider.observe(never)).pools[0]?.orderedCount).toBe(1);
    });

    it('ends the one that does not work, and has another in its place when it is asked for the same number', async () => {
      const [first = '', second = ''] = await orderAndSee(2);
      const outcome = await apply({ kind: 'replace', instanceId: first, why: 'it does not answer' });
      expect(outcome).toEqual({ kind: 'done' });
      await until((view) => !here(view).includes(first));
      await untilOrdered(2);
      const after = await untilThereAre(2);
      expect(after).toContain(second);
      expect(after).not.toContain(first);
    });

    const itWhereTheyDie = canDie ? it : () => undefined;
    itWhereTheyDie(
      'has another in the place of one that died, when it is asked for the same number',
      async () => {
        const [first = '', second = ''] = await orderAndSee(2);
        await bench.kill?.(first);
        await until((view) => !here(view).includes(first));
        await untilOrdered(2);
        const after = await untilThereAre(2);
        expect(after).toContain(second);
        expect(after).not.toContain(first);
      },
    );

    it.each(['drain', 'keep', 'terminate'] as const)('%ss nothing that it does not have', async (kind) => {
      const [first] = await orderAndSee(1);
      expect(await apply({ kind, instanceId: 'i-0123456789abcdef0' })).toEqual({ kind: 'unchanged' });
      expect(await untilThereAre(1)).toEqual([first]);
    });

    it('replaces nothing that it does not have', async () => {
      const gone = { kind: 'replace', instanceId: 'i-0123456789abcdef0', why: 'it is not there' } as const;
      expect(await apply(gone)).toEqual({ kind: 'unchanged' });
    });

    /** Again and again, as every round does: a provider may hold back for a while after a machine has died. */
    async function untilOrdered(count: number): Promise<void> {
      let outcome = await order(count);
      for (let passes = 0; outcome.kind === 'no-capacity' && passes < passesMax; passes += 1) {
        await bench.pass();
        outcome = await order(count);
      }
      expect(['done', 'unchanged']).toContain(outcome.kind);
    }
  });
}

const passesMax = 1_000;

function here({ machines }: FleetView): string[] {
  return machines.filter(({ life }) => life !== 'ending').map(({ instanceId }) => instanceId);
}
