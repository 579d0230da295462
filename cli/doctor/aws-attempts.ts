import { AbortMultipartUploadCommand } from '@aws-sdk/client-s3';

import type { Clock } from '../../core/clock.ts';
import { asTouchlineError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import {
  channelRequest,
  channelUpdate,
  groupRequest,
  inputRequest,
  tagNames,
  type ChannelPlan,
} from '../../ingest/medialive/channel-settings.ts';
import type { InputWish } from '../../ingest/medialive/input-wish.ts';
import type { ListedGroup, ListedInput, MediaLiveApi } from '../../ingest/medialive/medialive-port.ts';
import type { PassphraseVault } from '../../ingest/medialive/reconciler.ts';
import type { SqsApi } from '../../queue/sqs-api.ts';
import { deadLettersOf } from '../../queue/sqs-inbox.ts';
import { layoutOf, queueNames } from '../../queue/sqs-layout.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { S3Bucket } from '../../store/s3-bucket.ts';
import { s3Limits } from '../../store/s3-limits.ts';
import type { Config } from '../config.ts';

/** One use of a permission, where that changes nothing. */
export interface Attempt {
  action: string;
  resource: string;
  run(): Promise<unknown>;
  /** What a refusal says here, where it does not say that the permission is missing. */
  ifDenied?: string;
}

interface Parts {
  clock: Clock;
  random: Random;
}

export function storeAttempts(
  store: ObjectStore,
  place: { bucket: string; prefix: string; endpoint: string | undefined },
  { clock, random }: Parts,
): Attempt[] {
  // Where the store's own check leaves what it could not remove: a lifecycle rule clears it, and deleting is allowed there.
  const key = `probes/doctor-${drawn(random)}.txt`;
  const bytes = Buffer.from('touchline doctor');
  const { bucket, prefix } = place;
  const under = prefix === '' ? '' : `${prefix}/`;
  const objects = `arn:aws:s3:::${bucket}/${under}*`;
  const abort = async (): Promise<void> => {
    const s3 = new S3Bucket({ ...place, clock, random, limits: s3Limits });
    const about = { action: 's3:AbortMultipartUpload', name: under + key };
    const upload = { Bucket: bucket, Key: under + key, UploadId: noUpload };
    try {
      await s3.call(
        about,
        async (client, abortSignal) =>
          await client.send(new AbortMultipartUploadCommand(upload), { abortSignal }),
      );
    } catch (thrown) {
      if (asTouchlineError(thrown).code !== 'store.not-found') throw thrown;
    } finally {
      s3.client.destroy();
    }
  };
  return [
    {
      action: 's3:PutObject',
      resource: objects,
      run: async () => await store.put(key, bytes, { contentType: 'text/plain', ifNoneMatch: true }),
    },
    { action: 's3:GetObject', resource: objects, run: async () => await store.get(key) },
    {
      action: 's3:ListBucket',
      resource: `arn:aws:s3:::${bucket}`,
      run: async () => await store.list('probes/', { limit: 1 }),
    },
    { action: 's3:AbortMultipartUpload', resource: objects, run: abort },
    {
      action: 's3:DeleteObject',
      resource: `arn:aws:s3:::${bucket}/${under}probes/*`,
      run: async () => await store.remove(key),
    },
  ];
}

/** Nobody began this upload. */
const noUpload = 'touchline-doctor';
/** No queue gave out this receipt. */
const noReceipt = 'touchline-doctor';

export function queueAttempts(
  api: SqsApi,
  { region, prefix }: { region: string; prefix: string },
): Attempt[] {
  const attempts: Attempt[] = [];
  for (const name of queueNames(layoutOf(prefix))) {
    const resource = `arn:aws:sqs:${region}:*:${name}`;
    let url: string | undefined;
    attempts.push({
      action: 'sqs:GetQueueUrl',
      resource,
      run: async () => {
        url = await api.urlOf(name);
        if (url === undefined) throw new Error('there is no such queue: make it with "touchline aws queues"');
      },
    });
    const onQueue = (action: string, run: (url: string) => Promise<unknown>): void => {
      attempts.push({ action, resource, run: async () => await run(needed(url, 'the queue was not found')) });
    };
    onQueue('sqs:GetQueueAttributes', async (at) => await api.attributesOf(at, ['QueueArn']));
    // An empty batch, and a count of none: AWS refuses both, after it has looked who asks.
    onQueue('sqs:SendMessage', async (at) => await api.sendNothing(at));
    onQueue('sqs:ReceiveMessage', async (at) => await api.receiveNothing(at));
    onQueue('sqs:DeleteMessage', async (at) => await api.remove(at, [noReceipt]));
    onQueue(
      'sqs:ChangeMessageVisibility',
      async (at) => await api.hide(at, [{ receipt: noReceipt, seconds: 0 }]),
    );
  }
  return attempts;
}

/** The queue of the bucket's events, and where those of them go that cannot be read. */
export function eventAttempts(api: SqsApi, url: string, region: string): Attempt[] {
  const resource = `arn:aws:sqs:${region}:*:${url.split('/').at(-1)}`;
  let dead: string | undefined;
  const onQueue = (action: string, run: () => Promise<unknown>): Attempt => ({ action, resource, run });
  return [
    onQueue('sqs:GetQueueAttributes, and GetQueueUrl of its dead letters', async () => {
      dead = await deadLettersOf(api, url);
    }),
    onQueue('sqs:ReceiveMessage', async () => await api.receiveNothing(url)),
    onQueue('sqs:DeleteMessage', async () => await api.remove(url, [noReceipt])),
    onQueue(
      'sqs:SendMessage to its dead letters',
      async () => await api.sendNothing(needed(dead, 'they were not found')),
    ),
  ];
}

/** MediaLive counts its ids from 1. */
const nobody = '0';

/**
 * An input and a security group cost nothing, so they are really made, with our tags, and taken away again. A channel is neither
 * free nor quick: what is done to channels is asked of one that is not there, and that carries no tag.
 */
export function mediaLiveAttempts(
  { api, passphrases }: { api: MediaLiveApi; passphrases: PassphraseVault },
  config: Config,
  { clock, random }: Parts,
): Attempt[] {
  const region = config.mediaLiveRegion ?? config.given.env['AWS_REGION']?.reveal() ?? '*';
  const arn = (kind: string): string => `arn:aws:medialive:${region}:*:${kind}:*`;
  const plan = probePlan(config, { clock, random });
  const medialive = (action: string, kind: string, run: () => Promise<unknown>): Attempt => ({
    action: `medialive:${action}`,
    resource: arn(kind),
    run,
  });
  const onNobody = (action: string, run: () => Promise<unknown>): Attempt => ({
    ...medialive(action, 'channel', run),
    ifDenied:
      `cannot tell: refused on a channel that is not there, which is also what a policy does that allows it only on what ` +
      `carries the tag ${tagNames.env}=${plan.env}. Without such a condition it is missing`,
  });
  let input: ListedInput | undefined;
  let group: ListedGroup | undefined;
  let secret: string | undefined;
  const notMade = 'none was made to try it on';
  const secrets = (action: string, run: () => Promise<unknown>): Attempt => ({
    action: `secretsmanager:${action}`,
    resource: `arn:aws:secretsmanager:${region}:*:secret:touchline/srt/${plan.env}/*`,
    run,
    ifDenied: 'missing, and needed for srt-listener inputs without a passphrase of yours alone',
  });
  return [
    {
      action: 'medialive:ListChannels, ListInputs, ListInputSecurityGroups',
      resource: '*',
      run: async () => await api.list(),
    },
    { action: 'servicequotas:ListServiceQuotas', resource: '*', run: async () => await api.quotas() },
    onNobody('ListAlerts', async () => await api.inputLostSinceMs(nobody, 1)),
    medialive('CreateInput', 'input', async () => {
      await api.createInput(inputRequest(plan, undefined));
      input = await untilDetached(api, plan.channelId, clock);
    }),
    medialive('CreateTags', 'input', async () => {
      const made = needed(input, notMade);
      await api.tag(made.arn, { [tagNames.expires]: new Date(plan.expiresAtMs).toISOString() });
    }),
    medialive('DeleteInput', 'input', async () => await api.deleteInput(needed(input, notMade).id)),
    medialive('CreateInputSecurityGroup', 'inputSecurityGroup', async () => {
      await api.createGroup(groupRequest({ ...plan, input: pushWish }));
      group = (await api.list()).groups.find(({ tags }) => tags[tagNames.channel] === plan.channelId);
    }),
    medialive(
      'DeleteInputSecurityGroup',
      'inputSecurityGroup',
      async () => await api.deleteGroup(needed(group, notMade).id),
    ),
    // It is refused for its input, in the dry run that comes before every creation.
    medialive('CreateChannel', 'channel', async () => await api.createChannel(channelRequest(plan, nobody))),
    onNobody('UpdateChannel', async () => await api.updateChannel(nobody, channelUpdate(plan, nobody))),
    onNobody('StartChannel', async () => await api.startChannel(nobody)),
    onNobody('StopChannel', async () => await api.stopChannel(nobody)),
    onNobody('RestartChannelPipelines', async () => await api.restartPipelines(nobody, 1)),
    onNobody('DeleteChannel', async () => await api.deleteChannel(nobody)),
    secrets('CreateSecret, TagResource', async () => {
      secret = await passphrases.create(plan.channelId);
    }),
    secrets('DeleteSecret', async () => await passphrases.remove(needed(secret, notMade))),
  ];
}

/** Addresses for documentation (RFC 5737): nobody pushes from there. */
const pushWish: InputWish = { type: 'rtmp-push', cidrs: ['192.0.2.0/32'], isStandard: false };

/** An input is CREATING for a second, in which it cannot be deleted. A sweep takes away what is later than this. */
const detachedMsMax = 30_000;

async function untilDetached(
  api: MediaLiveApi,
  channelId: string,
  clock: Clock,
): Promise<ListedInput | undefined> {
  const deadlineMs = clock.monotonicMs() + detachedMsMax;
  for (;;) {
    const { inputs } = await api.list();
    const made = inputs.find(({ tags }) => tags[tagNames.channel] === channelId);
    if (made?.state === 'DETACHED' || clock.monotonicMs() > deadlineMs) return made;
    await clock.sleep(500);
  }
}

function probePlan(config: Config, { clock, random }: Parts): ChannelPlan {
  return {
    env: config.env,
    channelId: `doctor_${drawn(random)}`,
    input: { type: 'url-pull', urls: ['https://example.com/touchline-doctor.m3u8'] },
    segmentMs: 4000,
    runId: 'run_doctor',
    roleArn: config.mediaLiveRole ?? '',
    bucket: config.store.kind === 's3' ? config.store.bucket : 'none',
    prefix: 'doctor',
    maxBitrateBps: 1_000_000,
    channelGeneration: 1,
    inputGeneration: 1,
    passphraseArn: undefined,
    streamKey: nobody,
    // Should it be left over, a sweep takes it away, a day from now.
    expiresAtMs: clock.nowMs(),
  };
}

function needed<T>(thing: T | undefined, problem: string): T {
  if (thing === undefined) throw new Error(problem);
  return thing;
}

function drawn(random: Random): string {
  return Buffer.from(random.bytes(8)).toString('hex');
}
