import type { FleetDesk } from '../control/open-fleet-desk.ts';
import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import { nothingKnown } from '../core/load.ts';
import type { Log } from '../core/log.ts';
import { siblingModule, startModule } from '../core/process.ts';
import type { Random } from '../core/random.ts';
import { readEnvironment } from '../core/env.ts';
import { Controller, type ControllerLease, type DecisionRecords } from '../scaling/controller.ts';
import { drainOrdersIn } from '../scaling/drain-orders.ts';
import type { FleetProvider } from '../scaling/fleet-provider.ts';
import { scalingPolicy, type ScalingPolicy } from '../scaling/policy.ts';
import { LocalProvider } from '../scaling/providers/local.ts';
import { noOverrides, type PastDecision } from '../scaling/snapshot.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { environmentOf, type Config } from './config.ts';
import { exitCodes } from './exit-codes.ts';
import { heartbeat } from './worker-heartbeat.ts';

/** Which workers this server sees to. */
export type Workforce =
  /** So many on this machine, always. */
  | { kind: 'fixed'; count: number }
  /** As many on this machine as there is work for. */
  | { kind: 'scaled'; policy: ScalingPolicy }
  /** Machines elsewhere, and so many on this one. */
  | { kind: 'elsewhere'; provider: 'asg' | 'dry-run'; policy: ScalingPolicy; count: number };

interface FleetOptions {
  config: Config;
  workforce: Workforce;
  desk: FleetDesk;
  store: ObjectStore;
  clock: Clock;
  random: Random;
  log: Log;
}

/** A worker on this machine is there in a second: a decision may be made as often as figures change. */
const localIntervalMs = 5_000;
const fixedIntervalMs = 30_000;
/** `facts` of EC2 Auto Scaling: more often is throttled when several fleets share an account. */
const elsewhereIntervalMs = 10_000;
const retryMs = 60_000;

/** Sees to the workers until `signal` aborts, and returns when those on this machine have ended. */
export async function runFleet(options: FleetOptions, signal: AbortSignal): Promise<void> {
  const { workforce } = options;
  switch (workforce.kind) {
    case 'fixed':
      return await runFixed(options, workforce.count, signal);
    case 'scaled':
      return await runScaled(options, workforce.policy, signal);
    case 'elsewhere': {
      const both = [runElsewhere(options, workforce, signal)];
      if (workforce.count > 0) both.push(runFixed(options, workforce.count, signal));
      await Promise.all(both);
    }
  }
}

/** The number is what it is: no figures, no memory, nobody to share it with. */
async function runFixed(options: FleetOptions, count: number, signal: AbortSignal): Promise<void> {
  if (count === 0) return;
  const { clock } = options;
  const policy = scalingPolicy.parse({ countMin: count, countMax: count, stepCountMax: count });
  await runOnThisMachine(
    options,
    {
      policy,
      load: async () => ({ ...nothingKnown, measuredAtMs: clock.nowMs() }),
      records: noRecords,
      lease: ours,
      isHealing: false,
      intervalMs: fixedIntervalMs,
    },
    signal,
  );
}

async function runScaled(options: FleetOptions, policy: ScalingPolicy, signal: AbortSignal): Promise<void> {
  const shared = sharedParts(options.desk, options.random);
  await runOnThisMachine(
    options,
    { policy, ...shared, isHealing: true, intervalMs: localIntervalMs },
    signal,
  );
}

type Rules = Pick<
  ConstructorParameters<typeof Controller>[0],
  'policy' | 'load' | 'records' | 'lease' | 'isHealing' | 'intervalMs'
>;

async function runOnThisMachine(options: FleetOptions, rules: Rules, signal: AbortSignal): Promise<void> {
  const { config, clock, random, log } = options;
  const env = { ...surroundings(), ...environmentOf(config) };
  const provider = new LocalProvider({
    start: async (instanceId) =>
      await startModule({
        url: siblingModule(import.meta.url, 'main'),
        args: ['worker', '--supervised'],
        // What a Node process needs of its surroundings, and our own settings over it.
        env: { ...env, TOUCHLINE_INSTANCE_ID: instanceId },
        stderr: 'inherit',
      }),
    host: config.instanceId,
    heartbeat,
    hopelessBy,
    clock,
    log,
  });
  const controller = new Controller({ ...rules, provider, clock, random, log });
  provider.onChange(() => controller.wake());
  try {
    await controller.run(signal);
  } finally {
    await provider.close();
  }
}

/** What ends it for good at the start is a setting, and ends the server; what comes later must not take the feeds with it. */
async function runElsewhere(
  options: FleetOptions,
  { provider: kind, policy }: Extract<Workforce, { kind: 'elsewhere' }>,
  signal: AbortSignal,
): Promise<void> {
  const { desk, clock, random, log } = options;
  let wasOpen = false;
  while (!signal.aborted) {
    const boot = { msP95: policy.bootSecondsPrior * 1000 };
    try {
      const provider = await openElsewhere(options, kind, () => boot.msP95, signal);
      wasOpen = true;
      const shared = sharedParts(desk, random);
      const records: DecisionRecords = {
        ...shared.records,
        bootMsP95: async () => {
          const measured = await shared.records.bootMsP95();
          boot.msP95 = measured ?? boot.msP95;
          return measured;
        },
      };
      const rules = {
        ...shared,
        records,
        policy,
        isHealing: kind === 'asg',
        intervalMs: elsewhereIntervalMs,
      };
      const controller = new Controller({ ...rules, provider, clock, random, log });
      try {
        await controller.run(signal);
      } finally {
        await provider.close();
      }
    } catch (thrown) {
      const error = asTouchlineError(thrown);
      if (signal.aborted) return;
      if (!wasOpen && !error.retryable) throw error;
      log.error('scaling stands still and is tried again in a minute', { error });
      await clock.sleep(retryMs, signal).catch(() => undefined);
    }
  }
}

async function openElsewhere(
  { config, store, clock, random, log }: FleetOptions,
  kind: 'asg' | 'dry-run',
  bootMsP95: () => number,
  signal: AbortSignal,
): Promise<FleetProvider> {
  const { scalingPools: pools, scalingRegion: region } = config;
  if (kind === 'dry-run') {
    const { DryRunProvider } = await import('../scaling/providers/dry-run.ts');
    return new DryRunProvider({ pools, bootMsP95, clock, log });
  }
  const { AsgApi } = await import('../scaling/providers/asg-api.ts');
  const { AsgProvider } = await import('../scaling/providers/asg.ts');
  const api = new AsgApi({ region, clock, random });
  const orders = drainOrdersIn(store);
  return await AsgProvider.open({ api, pools, orders, bootMsP95, leavesSign: true, clock, log }, signal);
}

function sharedParts(desk: FleetDesk, random: Random): Pick<Rules, 'load' | 'records' | 'lease'> {
  const { registry, load, records } = desk;
  const holder = newId('ins', random);
  return {
    load: async () => await load.read(),
    records: {
      recent: async (sinceMs) => await records.recent(sinceMs),
      overrides: async () => await records.overrides(),
      bootMsP95: async () => await registry.bootMsP95(),
      noteMachines: async (machines) => await registry.noteMachines(machines),
      add: async ({ decision, provider, outcomes, snapshot }) => {
        const { atMs, neededCount, desiredCount, reason } = decision;
        await records.add({
          atMs,
          provider,
          neededCount,
          desiredCount,
          reason,
          decision,
          outcomes,
          // The history is what stands before it.
          snapshot: snapshot && { ...snapshot, history: undefined },
        });
      },
    },
    lease: {
      hold: async (forMs) => await records.hold(holder, forMs),
      release: async () => await records.release(holder),
    },
  };
}

const noRecords: DecisionRecords = {
  recent: async (): Promise<PastDecision[]> => [],
  overrides: async () => noOverrides,
  bootMsP95: async () => undefined,
  noteMachines: async () => {},
  add: async () => {},
};

const ours: ControllerLease = { hold: async () => true, release: async () => {} };

/** A setting, a model or a missing program: the next worker would say the same. */
function hopelessBy(exitCode: number): TouchlineError | undefined {
  if (exitCode !== exitCodes.badConfig && exitCode !== exitCodes.dependencyMissing) return undefined;
  return new TouchlineError({
    code: exitCode === exitCodes.badConfig ? 'config.invalid' : 'process.missing',
    message: `a worker process cannot work here (exit code ${exitCode}): what it said stands above`,
    retryable: false,
    blame: 'environment',
  });
}

function surroundings(): Record<string, string> {
  const all = readEnvironment();
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_OPTIONS', 'LD_LIBRARY_PATH'];
  return Object.fromEntries(kept.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])));
}
