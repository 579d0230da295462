import { randomUUID } from 'node:crypto';

import {
  CreateQueueCommand,
  GetQueueUrlCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';

import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import { openInbox } from '../../queue/sqs-inbox.ts';
import { SqsApi } from '../../queue/sqs-api.ts';
import { Grave } from '../../queue/sqs-grave.ts';
import type { DeadJob } from '../../queue/queue.ts';
import { TroubleLog } from '../../queue/trouble-log.ts';
import { hasMoto } from '../support/moto.ts';
import { region, useSqs } from '../support/queue-sqs.ts';
import { Collected } from './queue-contract.ts';

const sqs = useSqs();
const tools = { clock: systemClock, random: systemRandom };

const newQueue = async (): Promise<string> => {
  const { QueueUrl = '' } = await sqs.client.send(
    new CreateQueueCommand({ QueueName: `events-${randomUUID().slice(0, 8)}` }),
  );
  return QueueUrl;
};

const withDead = async (): Promise<{ url: string; deadUrl: string }> => {
  const [url, deadUrl] = [await newQueue(), await newQueue()];
  const name = deadUrl.split('/').at(-1);
  const RedrivePolicy = JSON.stringify({
    deadLetterTargetArn: `arn:aws:sqs:${region}:123456789012:${name}`,
    maxReceiveCount: 5,
  });
  await sqs.client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { RedrivePolicy } }));
  return { url, deadUrl };
};

describe.skipIf(!hasMoto)(`an inbox on SQS${hasMoto ? '' : '; needs moto_server'}`, () => {
  it('hands out what others sent, forgets what is acknowledged, and puts the rest aside with the reason', async () => {
    const { url, deadUrl } = await withDead();
    const inbox = await openInbox({ url, region, ...tools });
    const bodies = ['{"a":1}', 'no json \u00e9', '{"b":2}'];
    for (const MessageBody of bodies)
      await sqs.client.send(new SendMessageCommand({ QueueUrl: url, MessageBody }));
    const seen: string[] = [];
    while (seen.length < 3) {
      for (const message of await inbox.receive(new AbortController().signal)) {
        seen.push(message.body);
        if (message.body.startsWith('{')) await message.acknowledge();
        else await message.reject('it is no event: \u0000\u0007 at 0');
      }
    }
    expect(seen.toSorted()).toEqual(bodies.toSorted());

    const api = new SqsApi({ region, ...tools });
    const dead = new Collected<DeadJob>();
    const stop = new AbortController();
    const emptying = new Grave({ api, url: deadUrl }).empty(
      { signal: stop.signal, handle: async (one) => dead.add(one) },
      { clock: systemClock, log: silentLog, trouble: new TroubleLog({ log: silentLog, clock: systemClock }) },
    );
    expect(await dead.reach(1)).toMatchObject([
      { job: undefined, reason: 'it is no event: \ufffd\ufffd at 0' },
    ]);
    stop.abort();
    await emptying;
    api.close();
    inbox.close();
  });

  it('stops waiting when it is told to', async () => {
    const { url } = await withDead();
    const inbox = await openInbox({ url, region, ...tools });
    const stop = new AbortController();
    const receiving = inbox.receive(stop.signal);
    stop.abort();
    await expect(receiving).rejects.toMatchObject({ code: 'queue.unavailable' });
    inbox.close();
  });

  it('is refused where nothing can be put aside, or there is no queue', async () => {
    const url = await newQueue();
    await expect(openInbox({ url, region, ...tools })).rejects.toMatchObject({
      code: 'queue.no-dead-letters',
      message: expect.stringMatching(/redrive policy/) as string,
    });
    await expect(openInbox({ url: `${url}-not`, region, ...tools })).rejects.toMatchObject({
      code: 'queue.missing',
    });
    await expect(sqs.client.send(new GetQueueUrlCommand({ QueueName: 'nothing' }))).rejects.toThrow();
  });
});
