import { randomUUID } from 'node:crypto';

import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll } from 'vitest';

import { systemClock } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { createQueues } from '../../queue/create-queues.ts';
import { hasMoto, startMoto, type Moto } from './moto.ts';
import { startServiceProxy, type ServiceProxy } from './queue-proxy.ts';

export const region = 'eu-west-1';

export interface TestSqs {
  proxy: ServiceProxy;
  /** Past the proxy. */
  client: SQSClient;
  /** All that the engine needs, and the prefix of it. */
  newQueues(): Promise<string>;
}

/** A service of one's own for the tests of one file, with the engine's calls going through a proxy. */
export function useSqs(): TestSqs {
  let moto: Moto | undefined;
  const sqs: Partial<TestSqs> = {};
  beforeAll(async () => {
    if (!hasMoto) return;
    moto = await startMoto();
    sqs.proxy = await startServiceProxy(moto.endpoint);
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    sqs.client = new SQSClient({
      region,
      endpoint: moto.endpoint,
      credentials,
      useQueueUrlAsEndpoint: false,
    });
    process.env['AWS_ENDPOINT_URL_SQS'] = sqs.proxy.endpoint;
    process.env['AWS_ACCESS_KEY_ID'] = 'test';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  });
  afterAll(async () => {
    sqs.client?.destroy();
    await sqs.proxy?.close();
    await moto?.stop();
  });
  sqs.newQueues = async () => {
    const prefix = `t-${randomUUID().slice(0, 8)}`;
    const tools = { clock: systemClock, random: systemRandom };
    await createQueues({ region, prefix, kmsKeyId: undefined, isDryRun: false, ...tools });
    return prefix;
  };
  return sqs as TestSqs;
}
