import type { Clock } from '../../core/clock.ts';
import { asTouchlineError } from '../../core/errors.ts';
import { silentLog } from '../../core/log.ts';
import type { Random } from '../../core/random.ts';
import {
  channelRequest,
  inputRequest,
  tagNames,
  type ChannelPlan,
} from '../../ingest/medialive/channel-settings.ts';
import type { MediaLiveApi } from '../../ingest/medialive/medialive-port.ts';
import { SqsApi } from '../../queue/sqs-api.ts';
import { layoutOf, queueNames } from '../../queue/sqs-layout.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { openStore } from '../../store/open-store.ts';
import type { Config } from '../config.ts';
import { openAws } from '../wire-medialive.ts';

/** One permission, tried by using it where that changes nothing. */
export interface PermissionFinding {
  action: string;
  resource: string;
  /** `warn`: it could not be tried. */
  level: 'ok' | 'warn' | 'bad';
  message: string;
}

interface Attempt {
  action: string;
  resource: string;
  run(): Promise<unknown>;
}

/**
 * Tries what these credentials have to be allowed for the settings as they are, and names what is missing. Objects are
 * written, read and removed; of queues and channels the calls are ones that AWS has to let in and then to refuse for what they
 * ask (a receipt that is none, a channel that is not there), so that nothing is sent, taken or started.
 */
export async function checkAws(
  config: Config,
  { clock, random }: { clock: Clock; random: Random },
): Promise<PermissionFinding[]> {
  const findings: PermissionFinding[] = [];
  if (config.store.kind === 's3') {
    const store = await openStore(config, { clock, random, log: silentLog });
    const place = [config.store.bucket, config.store.prefix].filter((part) => part !== '').join('/');
    findings.push(...(await tryAll(storeAttempts(store, place, random))));
  }
  if (config.queue.engine === 'sqs') {
    const api = new SqsApi({ region: config.queue.region, clock, random });
    try {
      findings.push(...(await tryAll(await queueAttempts(api, config.queue))));
    } finally {
      api.close();
    }
  }
  if (config.mediaLiveRole !== undefined) {
    const { api, close } = openAws(config, { clock, random });
    try {
      findings.push(...(await tryAll(mediaLiveAttempts(api, config, { clock, random }))));
    } finally {
      close();
    }
  }
  return findings;
}

function storeAttempts(store: ObjectStore, place: string, random: Random): Attempt[] {
  const key = `doctor/${drawn(random)}.txt`;
  const object = `arn:aws:s3:::${place}/*`;
  const bytes = Buffer.from('touchline doctor');
  return [
    {
      action: 's3:PutObject',
      resource: object,
      run: async () => await store.put(key, bytes, { contentType: 'text/plain', ifNoneMatch: true }),
    },
    { action: 's3:GetObject', resource: object, run: async () => await store.get(key) },
    {
      action: 's3:ListBucket',
      resource: `arn:aws:s3:::${place.split('/')[0]}`,
      run: async () => await store.list('doctor/', { limit: 1 }),
    },
    { action: 's3:DeleteObject', resource: object, run: async () => await store.remove(key) },
  ];
}

/** No queue gave out this receipt. */
const noReceipt = 'touchline-doctor';

async function queueAttempts(
  api: SqsApi,
  { region, prefix }: { region: string; prefix: string },
): Promise<Attempt[]> {
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
      attempts.push({
        action,
        resource,
        run: async () => {
          if (url === undefined) throw new Error('the queue was not found');
          await run(url);
        },
      });
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

/** MediaLive counts its ids from 1. */
const nobody = '0';

function mediaLiveAttempts(
  api: MediaLiveApi,
  config: Config,
  { clock, random }: { clock: Clock; random: Random },
): Attempt[] {
  const region = config.mediaLiveRegion ?? config.given.env['AWS_REGION']?.reveal() ?? '*';
  const arn = (kind: string): string => `arn:aws:medialive:${region}:*:${kind}:*`;
  const plan = probePlan(config, random);
  const channel = (action: string, run: () => Promise<unknown>): Attempt => ({
    action: `medialive:${action}`,
    resource: arn('channel'),
    run,
  });
  return [
    {
      action: 'medialive:ListChannels, ListInputs, ListInputSecurityGroups',
      resource: '*',
      run: async () => await api.list(),
    },
    { action: 'servicequotas:ListServiceQuotas', resource: '*', run: async () => await api.quotas() },
    channel('ListAlerts', async () => await api.inputLostSinceMs(nobody, 1)),
    // A pull input that is attached to nothing costs nothing; it is taken away again at once.
    {
      action: 'medialive:CreateInput, CreateTags, DeleteInput',
      resource: arn('input'),
      run: async () => {
        await api.createInput(inputRequest(plan, undefined));
        const made = await untilDetached(api, plan.channelId, clock);
        if (made) await api.deleteInput(made.id);
      },
    },
    channel('CreateChannel', async () => await api.createChannel(channelRequest(plan, nobody))),
    channel('StartChannel', async () => await api.startChannel(nobody)),
    channel('StopChannel', async () => await api.stopChannel(nobody)),
    channel('RestartChannelPipelines', async () => await api.restartPipelines(nobody, 1)),
    channel('DeleteChannel', async () => await api.deleteChannel(nobody)),
  ];
}

/** It is CREATING for a second, in which it cannot be deleted. A sweep takes away what is later than this. */
const detachedMsMax = 30_000;

async function untilDetached(
  api: MediaLiveApi,
  channelId: string,
  clock: Clock,
): Promise<{ id: string } | undefined> {
  const deadlineMs = clock.monotonicMs() + detachedMsMax;
  for (;;) {
    const { inputs } = await api.list();
    const made = inputs.find(({ tags }) => tags[tagNames.channel] === channelId);
    if (made?.state === 'DETACHED' || clock.monotonicMs() > deadlineMs) return made;
    await clock.sleep(500);
  }
}

function probePlan(config: Config, random: Random): ChannelPlan {
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
    // Should it be left over, a sweep takes it away.
    expiresAtMs: 0,
  };
}

function drawn(random: Random): string {
  return Buffer.from(random.bytes(8)).toString('hex');
}

async function tryAll(attempts: readonly Attempt[]): Promise<PermissionFinding[]> {
  const findings: PermissionFinding[] = [];
  for (const attempt of attempts) {
    const { action, resource } = attempt;
    try {
      await attempt.run();
      findings.push({ action, resource, level: 'ok', message: 'allowed' });
    } catch (thrown) {
      findings.push({ action, resource, ...judge(thrown) });
    }
  }
  return findings;
}

/** Let in and refused for what was asked is allowed; anything but that and a refusal of who asked says nothing. */
export function judge(thrown: unknown): Pick<PermissionFinding, 'level' | 'message'> {
  const error = asTouchlineError(thrown);
  const status = statusOf(error);
  const isDenied =
    status === 401 ||
    status === 403 ||
    /\.(denied|forbidden|bad-credentials|no-credentials)$/.test(error.code);
  if (isDenied) return { level: 'bad', message: `missing: ${error.message}` };
  const isLetIn = status !== undefined && status >= 400 && status < 500 && status !== 429;
  if (isLetIn) return { level: 'ok', message: 'allowed' };
  return { level: 'warn', message: `could not be tried: ${error.message}` };
}

/** Of the answer, wherever in the chain of causes the SDK's own error stands. */
function statusOf(thrown: unknown): number | undefined {
  let error = thrown;
  for (let depth = 0; depth < 4 && error instanceof Error; depth += 1) {
    const { $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    if ($metadata?.httpStatusCode !== undefined) return $metadata.httpStatusCode;
    error = error.cause;
  }
  return undefined;
}
