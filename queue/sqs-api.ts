import {
  ChangeMessageVisibilityBatchCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SetQueueAttributesCommand,
  SQSClient,
  type BatchResultErrorEntry,
  type Message,
  type MessageAttributeValue,
  type QueueAttributeName,
} from '@aws-sdk/client-sqs';

import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { retryDelaysMs, type RetryPolicy } from '../core/retry.ts';

/** What goes out in one message. */
export interface Outgoing {
  body: string;
  attributes?: Record<string, MessageAttributeValue>;
  /** Those of one channel: a channel with much waiting does not delay the others (fair queues). */
  groupId?: string | undefined;
}

/** A try that has no answer after this is made again: SQS answers within 50 ms. */
const tryMsMax = 3_000;
const connectMsMax = 2_000;
/** All tries of one call together, with the waits between them. */
const callMsMax = 12_000;
const tryCountMax = 4;
/** Of a batch in which some were taken and some were not, for a reason that is not ours. */
const partialPolicy: RetryPolicy = { delaysMs: [100, 400, 1_600], jitter: 0.5 };

/**
 * The calls to SQS that we make, each with an end. The SDK makes failed ones again (lost answers, 5xx, throttling) with
 * growing waits and jitter; what fails in part is made again here.
 */
export class SqsApi {
  readonly #client: SQSClient;
  /** Long polls have connections of their own, with another patience. */
  readonly #poller: SQSClient;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #closed = new AbortController();

  constructor(options: { region: string; clock: Clock; random: Random }) {
    this.#clock = options.clock;
    this.#random = options.random;
    const client = (requestTimeout: number): SQSClient =>
      new SQSClient({
        region: options.region,
        maxAttempts: tryCountMax,
        // Through an endpoint that was given (a VPC's, or another service's) go all calls.
        useQueueUrlAsEndpoint: false,
        requestHandler: { requestTimeout, connectionTimeout: connectMsMax, throwOnRequestTimeout: true },
      });
    this.#client = client(tryMsMax);
    this.#poller = client(pollSecondsMax * 1000 + tryMsMax);
  }

  close(): void {
    this.#closed.abort(new Error('the queue was closed'));
    this.#client.destroy();
    this.#poller.destroy();
  }

  /** Undefined when there is no such queue. */
  async urlOf(name: string): Promise<string | undefined> {
    try {
      const answer = await this.#call((abortSignal) =>
        this.#client.send(new GetQueueUrlCommand({ QueueName: name }), { abortSignal }),
      );
      return answer.QueueUrl;
    } catch (thrown) {
      if (thrown instanceof TouchlineError && thrown.code === 'queue.missing') return undefined;
      throw thrown;
    }
  }

  async attributesOf(
    url: string,
    names: readonly QueueAttributeName[],
    msMax = callMsMax,
  ): Promise<Record<string, string>> {
    const input = { QueueUrl: url, AttributeNames: [...names] };
    const answer = await this.#call(
      (abortSignal) => this.#client.send(new GetQueueAttributesCommand(input), { abortSignal }),
      { msMax },
    );
    return answer.Attributes ?? {};
  }

  async create(name: string, attributes: Record<string, string>): Promise<string> {
    const input = { QueueName: name, Attributes: attributes, tags: { 'touchline:component': 'queue' } };
    const answer = await this.#call((abortSignal) =>
      this.#client.send(new CreateQueueCommand(input), { abortSignal }),
    );
    return answer.QueueUrl ?? '';
  }

  async setAttributes(url: string, attributes: Record<string, string>): Promise<void> {
    const input = { QueueUrl: url, Attributes: attributes };
    await this.#call((abortSignal) =>
      this.#client.send(new SetQueueAttributesCommand(input), { abortSignal }),
    );
  }

  /** At most `countMax` (10 at the most), as soon as there is one, or none after `waitSeconds` (20 at the most). */
  async receive(options: {
    url: string;
    countMax: number;
    waitSeconds: number;
    visibilitySeconds: number;
    signal: AbortSignal | undefined;
  }): Promise<Message[]> {
    const { url, countMax, waitSeconds, signal } = options;
    const input = {
      QueueUrl: url,
      MaxNumberOfMessages: Math.min(countMax, batchCountMax),
      WaitTimeSeconds: waitSeconds,
      VisibilityTimeout: options.visibilitySeconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount' as const],
      MessageAttributeNames: ['All'],
    };
    const answer = await this.#call(
      (abortSignal) => this.#poller.send(new ReceiveMessageCommand(input), { abortSignal }),
      { msMax: waitSeconds * 1000 + callMsMax, signal },
    );
    return answer.Messages ?? [];
  }

  /** At most ten, together at most 1 MiB. Resolves when all were taken. */
  async send(url: string, messages: readonly Outgoing[]): Promise<void> {
    const errors = await this.#batch(messages, async (entries) => {
      const input = {
        QueueUrl: url,
        Entries: entries.map(([id, { body, attributes, groupId }]) => ({
          Id: id,
          MessageBody: body,
          ...(attributes ? { MessageAttributes: attributes } : {}),
          ...(groupId === undefined ? {} : { MessageGroupId: groupId }),
        })),
      };
      const answer = await this.#call((abortSignal) =>
        this.#client.send(new SendMessageBatchCommand(input), { abortSignal }),
      );
      return answer.Failed;
    });
    const first = errors.find((error) => error !== undefined);
    if (first) throw first;
  }

  /** An empty batch: SQS looks who asks, and then refuses it. For the doctor, who must not leave a job behind. */
  async sendNothing(url: string): Promise<void> {
    await this.#call((abortSignal) =>
      this.#client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: [] }), { abortSignal }),
    );
  }

  /** As `sendNothing`: nobody may ask for no message, and none is taken from whoever should have it. */
  async receiveNothing(url: string): Promise<void> {
    await this.#call((abortSignal) =>
      this.#client.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 0 }), {
        abortSignal,
      }),
    );
  }

  /** One answer for each, in order. */
  async remove(url: string, receipts: readonly string[]): Promise<(Error | undefined)[]> {
    return await this.#batch(receipts, async (entries) => {
      const input = { QueueUrl: url, Entries: entries.map(([Id, ReceiptHandle]) => ({ Id, ReceiptHandle })) };
      const answer = await this.#call((abortSignal) =>
        this.#client.send(new DeleteMessageBatchCommand(input), { abortSignal }),
      );
      return answer.Failed;
    });
  }

  /** For how long from now each is hidden from others. One answer for each, in order. */
  async hide(
    url: string,
    messages: readonly { receipt: string; seconds: number }[],
  ): Promise<(Error | undefined)[]> {
    return await this.#batch(messages, async (entries) => {
      const input = {
        QueueUrl: url,
        Entries: entries.map(([Id, { receipt, seconds }]) => ({
          Id,
          ReceiptHandle: receipt,
          VisibilityTimeout: seconds,
        })),
      };
      const answer = await this.#call((abortSignal) =>
        this.#client.send(new ChangeMessageVisibilityBatchCommand(input), { abortSignal }),
      );
      return answer.Failed;
    });
  }

  async #batch<E>(
    entries: readonly E[],
    call: (entries: readonly [id: string, entry: E][]) => Promise<BatchResultErrorEntry[] | undefined>,
  ): Promise<(Error | undefined)[]> {
    const errors: (Error | undefined)[] = entries.map(() => undefined);
    let left = entries.map((entry, index): [string, E] => [String(index), entry]);
    for (const delayMs of [...retryDelaysMs(partialPolicy, this.#random), undefined]) {
      const failed = new Map((await call(left))?.map((one) => [one.Id ?? '', one]));
      for (const [id] of left) {
        const failure = failed.get(id);
        errors[Number(id)] = failure ? refused(failure) : undefined;
      }
      left = left.filter(([id]) => failed.get(id)?.SenderFault === false);
      if (left.length === 0 || delayMs === undefined) break;
      await this.#clock.sleep(delayMs, this.#closed.signal).catch(() => undefined);
    }
    return errors;
  }

  async #call<T>(
    send: (signal: AbortSignal) => Promise<T>,
    options: { msMax?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const { msMax = callMsMax } = options;
    // Not AbortSignal.any: on a signal that lives as long as the process it leaves something behind with every call.
    const ended = new AbortController();
    const end = (): void => ended.abort();
    const timer = setTimeout(() => ended.abort(new Error(`no answer within ${msMax} ms`)), msMax);
    const enders = [this.#closed.signal, options.signal];
    for (const signal of enders) signal?.addEventListener('abort', end, { once: true });
    if (enders.some((signal) => signal?.aborted)) end();
    try {
      return await send(ended.signal);
    } catch (thrown) {
      if (this.#closed.signal.aborted) throw asQueueError(this.#closed.signal.reason);
      throw asQueueError(ended.signal.aborted ? ended.signal.reason : thrown);
    } finally {
      clearTimeout(timer);
      for (const signal of enders) signal?.removeEventListener('abort', end);
    }
  }
}

/** SQS takes no more in one call. */
export const batchCountMax = 10;
export const pollSecondsMax = 20;

/** Not for its rights, but for what it is: the lease was lost, or what was sent is not allowed. */
function refused(failure: BatchResultErrorEntry): TouchlineError {
  return new TouchlineError({
    code: failure.SenderFault === false ? 'queue.unavailable' : 'queue.refused',
    message: `SQS did not take it (${failure.Code ?? 'no code'}: ${failure.Message ?? 'no reason'})`,
    retryable: failure.SenderFault === false,
    blame: failure.SenderFault === false ? 'environment' : 'touchline',
  });
}

function asQueueError(thrown: unknown): TouchlineError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (/NonExistentQueue|QueueDoesNotExist/.test(error.name)) {
    return new TouchlineError({
      code: 'queue.missing',
      message: `there is no such queue (${error.message}): make the queues with "touchline aws queues", or mend TOUCHLINE_QUEUE.`,
      retryable: false,
      blame: 'environment',
      cause: thrown,
    });
  }
  if (/AccessDenied|UnrecognizedClient|InvalidClientTokenId|CredentialsProvider|Kms/.test(error.name)) {
    return new TouchlineError({
      code: 'queue.denied',
      message: `SQS does not let us in (${error.name}: ${error.message}): check the credentials and the policy of this role.`,
      retryable: false,
      blame: 'environment',
      cause: thrown,
    });
  }
  return new TouchlineError({
    code: 'queue.unavailable',
    message: `SQS does not answer (${error.message || error.name}): check the network and TOUCHLINE_QUEUE.`,
    retryable: true,
    blame: 'environment',
    cause: thrown,
  });
}
