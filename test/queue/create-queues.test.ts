import { randomUUID } from 'node:crypto';

import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';

import { systemClock } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { createQueues, requireSqs, type QueueReport } from '../../queue/create-queues.ts';
import { hasMoto } from '../support/moto.ts';
import { region, useSqs } from '../support/queue-sqs.ts';

const sqs = useSqs();

const create = async (
  prefix: string,
  options: { isDryRun?: boolean; kmsKeyId?: string } = {},
): Promise<QueueReport[]> =>
  await createQueues({
    region,
    prefix,
    kmsKeyId: options.kmsKeyId,
    isDryRun: options.isDryRun ?? false,
    clock: systemClock,
    random: systemRandom,
  });
const urlOf = async (name: string): Promise<string> => {
  const { QueueUrl = '' } = await sqs.client.send(new GetQueueUrlCommand({ QueueName: name }));
  return QueueUrl;
};
const attributesOf = async (name: string): Promise<Record<string, string>> => {
  const command = new GetQueueAttributesCommand({ QueueUrl: await urlOf(name), AttributeNames: ['All'] });
  return (await sqs.client.send(command)).Attributes ?? {};
};
const newPrefix = (): string => `t-${randomUUID().slice(0, 8)}`;

describe.skipIf(!hasMoto)(`queues on SQS${hasMoto ? '' : '; needs moto_server'}`, () => {
  const suffixes = ['dead', 'analyse', 'analyse-later', 'cut', 'cut-later', 'result', 'beat'];

  it('are made encrypted, with two weeks of retention and one dead-letter queue, and left alone the next time', async () => {
    const prefix = newPrefix();
    const made = await create(prefix);
    expect(made.map(({ name }) => name)).toEqual(suffixes.map((suffix) => `${prefix}-${suffix}`));
    expect(made.every(({ state }) => state === 'made')).toBe(true);
    const cut = await attributesOf(`${prefix}-cut`);
    expect(cut).toMatchObject({
      SqsManagedSseEnabled: 'true',
      MessageRetentionPeriod: '1209600',
      ReceiveMessageWaitTimeSeconds: '20',
    });
    expect(JSON.parse(cut['RedrivePolicy'] ?? '')).toEqual({
      deadLetterTargetArn: (await attributesOf(`${prefix}-dead`))['QueueArn'],
      maxReceiveCount: 10,
    });
    // How a worker was an hour ago interests nobody.
    expect(await attributesOf(`${prefix}-beat`)).toMatchObject({ MessageRetentionPeriod: '60' });
    const again = await create(prefix);
    expect(again.map(({ state }) => state)).toEqual(suffixes.map(() => 'as it should be'));
  });

  it('that differ are named with both values, and brought back; not by a dry run', async () => {
    const prefix = newPrefix();
    await create(prefix);
    await sqs.client.send(
      new SetQueueAttributesCommand({
        QueueUrl: await urlOf(`${prefix}-result`),
        Attributes: { MessageRetentionPeriod: '60', MaximumMessageSize: '262144' },
      }),
    );
    const expected = {
      name: `${prefix}-result`,
      state: 'changed',
      differences: [
        { attribute: 'MessageRetentionPeriod', is: '60', shouldBe: '1209600' },
        { attribute: 'MaximumMessageSize', is: '262144', shouldBe: '1048576' },
      ],
    };
    expect(await create(prefix, { isDryRun: true })).toContainEqual(expected);
    expect((await attributesOf(`${prefix}-result`))['MessageRetentionPeriod']).toBe('60');
    expect(await create(prefix)).toContainEqual(expected);
    expect((await attributesOf(`${prefix}-result`))['MessageRetentionPeriod']).toBe('1209600');
  });

  it('are only announced by a dry run', async () => {
    const prefix = newPrefix();
    const announced = await create(prefix, { isDryRun: true });
    expect(announced.map(({ state }) => state)).toEqual(suffixes.map(() => 'made'));
    await expect(urlOf(`${prefix}-dead`)).rejects.toThrow();
  });

  it('are encrypted with a key of KMS when one is named', async () => {
    const prefix = newPrefix();
    await create(prefix, { kmsKeyId: 'alias/touchline' });
    expect(await attributesOf(`${prefix}-analyse-later`)).toMatchObject({
      KmsMasterKeyId: 'alias/touchline',
      KmsDataKeyReusePeriodSeconds: '300',
    });
  });
});

describe('the queue setting of touchline aws queues', () => {
  it('has to name SQS', () => {
    expect(requireSqs({ engine: 'sqs', region, prefix: 'p' })).toMatchObject({ prefix: 'p' });
    expect(() => requireSqs({ engine: 'postgres' })).toThrow(
      /TOUCHLINE_QUEUE is postgres.*sqs:\/\/REGION\/PREFIX/s,
    );
  });
});
