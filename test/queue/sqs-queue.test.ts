import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll } from 'vitest';

import { systemClock } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { createQueues } from '../../queue/create-queues.ts';
import { hasMoto, startMoto, type Moto } from '../support/moto.ts';
import { takeAndDie } from '../support/queue-die.ts';
import { openTestQueue } from '../support/queue-open.ts';
import { queueContract } from './queue-contract.ts';

const region = 'eu-west-1';
const leaseMs = 2_000;
let moto: Moto;

beforeAll(async () => {
  if (!hasMoto) return;
  moto = await startMoto();
  process.env['AWS_ENDPOINT_URL_SQS'] = moto.endpoint;
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
});
afterAll(async () => await moto?.stop());

async function newQueues(): Promise<string> {
  const prefix = `t-${randomUUID().slice(0, 8)}`;
  await createQueues({
    region,
    prefix,
    kmsKeyId: undefined,
    isDryRun: false,
    clock: systemClock,
    random: systemRandom,
  });
  return `sqs://${region}/${prefix}`;
}

queueContract(
  { engine: 'sqs', ordersByDeadline: false, dedupesWaiting: false, countsReleases: true },
  async () => {
    const at = await newQueues();
    return {
      connect: async () => await openTestQueue({ at, leaseMs }),
      takeAndDie: async (count) => await takeAndDie({ at, leaseMs, count }),
      done: async () => {},
    };
  },
  hasMoto ? undefined : 'moto_server',
);
