import { systemClock, type Clock } from '../core/clock.ts';
import { readEnvironment, silenceSdkNodeWarning } from '../core/env.ts';
import { createLog, type Log } from '../core/log.ts';
import { systemRandom, type Random } from '../core/random.ts';
import { readSettings } from '../core/settings.ts';
import { layoutOf } from '../queue/sqs-layout.ts';
import { SqsApi } from '../queue/sqs-api.ts';
import { drainOrdersIn } from '../scaling/drain-orders.ts';
import { countQueues } from '../scaling/lambda-counts.ts';
import { lambdaSettings } from '../scaling/lambda-settings.ts';
import { StandIn } from '../scaling/lambda.ts';
import { AsgApi } from '../scaling/providers/asg-api.ts';
import { AsgProvider } from '../scaling/providers/asg.ts';
import { openS3Store } from '../store/s3-store.ts';
import { storeSettings } from '../store/store-settings.ts';

/** What AWS Lambda hands in. */
interface Context {
  getRemainingTimeInMillis(): number;
}

let standIn: StandIn | undefined;

/** The entry of the bundle. What it knows lives as long as the process: from one minute to the next, as a rule. */
export async function handler(_event: unknown, context: Context): Promise<void> {
  const parts = { clock: systemClock, random: systemRandom, log: createLog({ level: 'info', fd: 1 }) };
  silenceSdkNodeWarning();
  standIn ??= openStandIn(readEnvironment(), parts);
  await standIn.run(context.getRemainingTimeInMillis());
}

/**
 * Nothing is asked of anybody yet.
 *
 * @throws TouchlineError `config.invalid` naming every problem at once
 */
export function openStandIn(
  env: Readonly<Record<string, string | undefined>>,
  parts: { clock: Clock; random: Random; log: Log },
): StandIn {
  const { clock, random, log } = parts;
  const { storeKmsKey, storeTags, s3Endpoint } = storeSettings;
  const settings = { ...lambdaSettings, storeKmsKey, storeTags, s3Endpoint };
  const { values } = readSettings(settings, { env, cwd: '/' });
  const { queue, scalingPools: pools, scalingRegion, policy, serviceSeconds, store } = values;
  const region = scalingRegion ?? queue.region;
  const objects = openS3Store({
    ...store,
    endpoint: values.s3Endpoint,
    kmsKey: values.storeKmsKey,
    tags: values.storeTags,
    ...parts,
  });
  const api = new AsgApi({ region, clock, random });
  const names = pools.map(({ name }) => name);
  const bootMsP95 = (): number => policy.bootSecondsPrior * 1000;
  const { analyse, cut } = layoutOf(queue.prefix).bands;
  const counts = countQueues(new SqsApi({ region: queue.region, clock, random }), [...analyse, ...cut]);
  return new StandIn({
    decidedAtMs: async (signal) => {
      const groups = [...(await api.allGroups(names, signal)).values()];
      const signs = groups.flatMap(({ decidedAtMs }) => decidedAtMs ?? []);
      return signs.length === 0 ? undefined : Math.max(...signs);
    },
    counts,
    orders: drainOrdersIn(objects),
    openProvider: async (orders, signal) => {
      // Closed with its provider, and opened anew at the next absence of the servers.
      const own = new AsgApi({ region, clock, random });
      const options = { api: own, pools, orders, bootMsP95, clock, log };
      return await AsgProvider.open(options, signal).catch((thrown: unknown) => {
        own.close();
        throw thrown;
      });
    },
    policy,
    serviceSeconds,
    clock,
    random,
    log,
  });
}
