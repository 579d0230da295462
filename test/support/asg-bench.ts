import type { Clock } from '../../core/clock.ts';
import { silentLog, type Log } from '../../core/log.ts';
import type { DrainOrders } from '../../scaling/drain-orders.ts';
import { AsgApi } from '../../scaling/providers/asg-api.ts';
import { AsgProvider } from '../../scaling/providers/asg.ts';
import type { PoolSetting } from '../../scaling/scaling-settings.ts';
import { AsgSimulator } from './asg-simulator.ts';
import { serveSimulator, type ServedSimulator } from './asg-simulator-http.ts';

export const spot: PoolSetting = { name: 'tl-spot', power: 1, dollarsPerHour: 0.37 };
export const onDemand: PoolSetting = { name: 'tl-on-demand', power: 1, dollarsPerHour: 1.21 };
const region = 'eu-west-1';

/** The provider before the simulator, through the real SDK client, with the simulator's clock: who waits moves it on. */
export interface AsgBench {
  simulator: AsgSimulator;
  served: ServedSimulator;
  clock: Clock;
  orders: OrdersInMemory;
  /** Another one, as after a restart. */
  open(log?: Log, tryMs?: number, leavesSign?: boolean): Promise<AsgProvider>;
  close(): Promise<void>;
}

export async function openAsgBench(pools: readonly PoolSetting[] = [spot, onDemand]): Promise<AsgBench> {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  const simulator = new AsgSimulator();
  simulator.addGroup(spot.name);
  simulator.addGroup(onDemand.name, { machineType: 'g6.xlarge' });
  const served = await serveSimulator(simulator);
  const clock: Clock = {
    nowMs: () => simulator.nowMs,
    monotonicMs: () => simulator.nowMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      simulator.advance(ms);
    },
  };
  const orders = ordersInMemory(clock);
  const apis: AsgApi[] = [];
  return {
    simulator,
    served,
    clock,
    orders,
    open: async (log = silentLog, tryMs = 3_000, leavesSign = false) => {
      const random = { unit: () => 0.5, bytes: (count: number) => new Uint8Array(count) };
      const api = new AsgApi({ region, clock, random, endpoint: served.endpoint, tryMs });
      apis.push(api);
      const signal = new AbortController().signal;
      return await AsgProvider.open(
        { api, pools, orders, bootMsP95: () => 240_000, leavesSign, clock, log },
        signal,
      );
    },
    close: async () => {
      for (const api of apis) api.close();
      await served.close();
    },
  };
}

export interface OrdersInMemory extends DrainOrders {
  given: Map<string, number>;
  isAway: boolean;
}

export function ordersInMemory(clock: Clock): OrdersInMemory {
  const given = new Map<string, number>();
  const orders: OrdersInMemory = {
    given,
    isAway: false,
    order: async (instanceId, isDraining) => {
      if (orders.isAway) throw new Error('the store is away');
      if (isDraining) given.set(instanceId, clock.nowMs());
      else given.delete(instanceId);
    },
    read: async () => new Map(given),
  };
  return orders;
}
