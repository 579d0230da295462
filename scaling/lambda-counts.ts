import { TouchlineError } from '../core/errors.ts';
import type { SqsApi } from '../queue/sqs-api.ts';
import type { QueueCounts } from './lambda-load.ts';

const names = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
] as const;
/** A round has ten seconds for all it does. */
const callMsMax = 5_000;

/** How much lies in all of these queues together. */
export function countQueues(api: SqsApi, queues: readonly string[]): () => Promise<QueueCounts> {
  const urls = new Map<string, string>();
  const attributesOf = async (queue: string): Promise<Record<string, string>> => {
    try {
      const url = urls.get(queue) ?? (await api.urlOf(queue));
      if (url === undefined)
        throw new TouchlineError({
          code: 'queue.missing',
          message: `there is no queue ${queue}: mend TOUCHLINE_QUEUE`,
          retryable: false,
          blame: 'environment',
        });
      urls.set(queue, url);
      return await api.attributesOf(url, names, callMsMax);
    } catch (thrown) {
      if (!(thrown instanceof TouchlineError) || thrown.code === 'queue.missing') throw thrown;
      const { code, message, retryable, blame } = thrown;
      const action = urls.has(queue) ? 'sqs:GetQueueAttributes' : 'sqs:GetQueueUrl';
      const said = `${action} on ${queue} failed (${message}); the fleet stays as it is`;
      throw new TouchlineError({ code, message: said, retryable, blame, cause: thrown.cause });
    }
  };
  return async () => {
    const all = await Promise.all(queues.map(attributesOf));
    const sum = (name: (typeof names)[number]): number =>
      all.reduce((total, attributes) => total + Number(attributes[name] ?? 0), 0);
    return { visibleCount: sum(names[0]), heldCount: sum(names[1]), delayedCount: sum(names[2]) };
  };
}
