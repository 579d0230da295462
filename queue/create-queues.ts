import type { QueueAttributeName } from '@aws-sdk/client-sqs';

import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { attemptsMax } from './queue.ts';
import { pollSecondsMax, SqsApi } from './sqs-api.ts';
import { layoutOf, queueNames } from './sqs-layout.ts';
import { messageBytesMax } from './sqs-message.ts';

export interface QueueReport {
  name: string;
  state: 'made' | 'changed' | 'as it should be';
  /** What was not as it should be. */
  differences: { attribute: string; is: string | undefined; shouldBe: string }[];
}

/**
 * Makes the queues that the SQS engine works on, or brings those that are there to what they should be. Doing it again changes
 * nothing. With `isDryRun` it only says what it would do.
 *
 * @throws TouchlineError `queue.denied`, `queue.unavailable`
 */
export async function createQueues(options: {
  region: string;
  prefix: string;
  /** A key of KMS, by id, ARN or alias; undefined = with keys that SQS manages. */
  kmsKeyId: string | undefined;
  isDryRun: boolean;
  clock: Clock;
  random: Random;
}): Promise<QueueReport[]> {
  const { prefix, isDryRun } = options;
  const api = new SqsApi(options);
  const layout = layoutOf(prefix);
  const sources = queueNames(layout).filter((name) => name !== layout.dead);
  try {
    // The dead-letter queue comes first: the others name it.
    const dead = await bringTo(api, layout.dead, wanted(options), isDryRun);
    const reports = [dead.report];
    for (const name of sources) {
      // In a dry run it may not be there yet, and so have no ARN.
      const redrive = dead.arn === undefined ? {} : { RedrivePolicy: redrivePolicy(dead.arn) };
      const attributes = {
        ...wanted(options),
        ...redrive,
        ...(layout.bands.beat.includes(name) ? shortLived : {}),
      };
      const { report } = await bringTo(api, name, attributes, isDryRun);
      reports.push(report);
    }
    return reports;
  } finally {
    api.close();
  }
}

/** How a worker was an hour ago interests nobody: what control did not read in time is gone. */
const shortLived = { MessageRetentionPeriod: '60' };

type Attributes = Partial<Record<QueueAttributeName, string>>;

async function bringTo(
  api: SqsApi,
  name: string,
  attributes: Attributes,
  isDryRun: boolean,
): Promise<{ report: QueueReport; arn: string | undefined }> {
  const url = await api.urlOf(name);
  const is = url === undefined ? {} : await api.attributesOf(url, ['All']);
  const differences = Object.entries(attributes)
    .map(([attribute, shouldBe]) => ({ attribute, is: is[attribute], shouldBe }))
    .filter(({ is: current, shouldBe }) => normal(current) !== normal(shouldBe));
  if (url === undefined) {
    const made = isDryRun ? undefined : await api.create(name, attributes);
    const arn = made === undefined ? undefined : (await api.attributesOf(made, ['QueueArn']))['QueueArn'];
    return { report: { name, state: 'made', differences: [] }, arn };
  }
  if (differences.length > 0 && !isDryRun) {
    await api.setAttributes(
      url,
      Object.fromEntries(differences.map(({ attribute, shouldBe }) => [attribute, shouldBe])),
    );
  }
  const state = differences.length > 0 ? 'changed' : 'as it should be';
  return { report: { name, state, differences }, arn: is['QueueArn'] };
}

function wanted(options: { kmsKeyId: string | undefined }): Attributes {
  const { kmsKeyId } = options;
  return {
    // 14 days, the longest: what waits may have to outlast a holiday.
    MessageRetentionPeriod: String(14 * 86_400),
    // What a message of ours may have; queues that are older than August 2025 take a quarter of it.
    MaximumMessageSize: String(messageBytesMax),
    // Each poll of ours says how long it waits and for how long it hides; these are for other tools.
    VisibilityTimeout: '30',
    ReceiveMessageWaitTimeSeconds: String(pollSecondsMax),
    ...(kmsKeyId === undefined
      ? { SqsManagedSseEnabled: 'true' }
      : { KmsMasterKeyId: kmsKeyId, KmsDataKeyReusePeriodSeconds: '300' }),
  };
}

/**
 * A safety net only: after `attemptsMax` our own consumers bury a job with its reason. This takes what none of them lives long
 * enough to bury.
 */
function redrivePolicy(deadLetterTargetArn: string): string {
  return JSON.stringify({ deadLetterTargetArn, maxReceiveCount: receivesMax });
}

/** Tries, the receipt that buries, and as many again for consumers that die before they can. */
const receivesMax = 2 * (attemptsMax + 1);

/** Policies are JSON, written in this order or that, and numbers in them as text at times. */
function normal(text: string | undefined): string | undefined {
  if (text === undefined || !text.startsWith('{')) return text;
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return entries
      .map(([key, value]) => `${key}=${String(value)}`)
      .toSorted((a, b) => a.localeCompare(b))
      .join();
  } catch {
    return text;
  }
}

/** @throws TouchlineError `config.invalid` when the setting names another engine */
export function requireSqs<S extends { engine: string }>(setting: S): Extract<S, { engine: 'sqs' }> {
  if (setting.engine === 'sqs') return setting as Extract<S, { engine: 'sqs' }>;
  throw new TouchlineError({
    code: 'config.invalid',
    message: `TOUCHLINE_QUEUE is ${setting.engine}, and only SQS has queues to be made: set it to sqs://REGION/PREFIX, such as sqs://eu-west-1/touchline`,
    retryable: false,
    blame: 'caller',
  });
}
