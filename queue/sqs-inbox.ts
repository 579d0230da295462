import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { Batcher } from './batcher.ts';
import { batchCountMax, pollSecondsMax, SqsApi } from './sqs-api.ts';
import { Grave } from './sqs-grave.ts';

/** A queue that others fill: the events of a bucket. */
export interface Inbox {
  /** What has come, at most ten; none after 20 s of waiting. What is neither acknowledged nor rejected comes again. */
  receive(signal: AbortSignal): Promise<InboxMessage[]>;
  close(): void;
}

interface InboxMessage {
  body: string;
  acknowledge(): Promise<void>;
  /** Moves it to the queue's dead-letter queue, with the reason. */
  reject(reason: string): Promise<void>;
}

/** Looking at a message is quick; a listing that it leads to may take a while. */
const visibilitySeconds = 60;

/**
 * Opens the queue at `url`, which must have a dead-letter queue: a message that cannot be read would else be lost or come for
 * ever.
 *
 * @throws TouchlineError `queue.missing`, `queue.no-dead-letters`, `queue.denied`, `queue.unavailable`
 */
export async function openInbox(options: {
  url: string;
  region: string;
  clock: Clock;
  random: Random;
}): Promise<Inbox> {
  const { url } = options;
  const api = new SqsApi(options);
  try {
    const deadUrl = await deadLettersOf(api, url);
    const grave = new Grave({ api, url: deadUrl });
    const removals = new Batcher<string>({
      countMax: batchCountMax,
      send: async (receipts) => await api.remove(url, receipts),
    });
    return {
      receive: async (signal) => {
        const messages = await api.receive({
          url,
          countMax: batchCountMax,
          waitSeconds: pollSecondsMax,
          visibilitySeconds,
          signal,
        });
        return messages.map(({ Body: body = '', ReceiptHandle: receipt = '' }) => ({
          body,
          acknowledge: async () => await removals.add(receipt),
          reject: async (reason) => {
            await grave.bury({ body, reason, attempts: 1, kind: 'event' });
            await removals.add(receipt);
          },
        }));
      },
      close: () => api.close(),
    };
  } catch (error) {
    api.close();
    throw error;
  }
}

/** The address of its dead-letter queue. @throws TouchlineError as `openInbox` */
export async function deadLettersOf(api: SqsApi, url: string): Promise<string> {
  const { RedrivePolicy = '' } = await api.attributesOf(url, ['RedrivePolicy']);
  const name = /"deadLetterTargetArn"\s*:\s*"arn:[^"]+:([^":]+)"/.exec(RedrivePolicy)?.[1];
  const deadUrl = name === undefined ? undefined : await api.urlOf(name);
  if (deadUrl === undefined) throw noDeadLetters(url);
  return deadUrl;
}

function noDeadLetters(url: string): TouchlineError {
  return new TouchlineError({
    code: 'queue.no-dead-letters',
    message: `the queue ${url} has no dead-letter queue that can be found, and what cannot be read has to go somewhere: give it a redrive policy.`,
    retryable: false,
    blame: 'environment',
  });
}
