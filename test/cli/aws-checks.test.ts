import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readConfig } from '../../cli/config.ts';
import { checkAws, judge, type PermissionFinding } from '../../cli/doctor/aws-checks.ts';
import { systemClock as clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import { systemRandom as random } from '../../core/random.ts';
import { createQueues } from '../../queue/create-queues.ts';
import { SqsApi } from '../../queue/sqs-api.ts';
import { MediaLiveFake } from '../support/medialive-fake.ts';
import { serveMediaLiveFake } from '../support/medialive-fake-server.ts';
import { hasMoto, startMoto, type Moto } from '../support/moto.ts';
import { awsEnvironment, becomeAwsUser, makeBucket } from '../support/s3-bucket.ts';

describe.skipIf(!hasMoto)('the permissions that the settings need', { timeout: 60_000 }, () => {
  let moto: Moto;
  beforeAll(async () => {
    becomeAwsUser();
    moto = await startMoto();
    process.env['AWS_ENDPOINT_URL'] = moto.endpoint;
    await makeBucket(moto.endpoint, 'clips');
  });
  afterAll(async () => {
    delete process.env['AWS_ENDPOINT_URL'];
    await moto?.stop();
  });

  it('are tried on the bucket, and nothing is left in it', async () => {
    const findings = await ask({ TOUCHLINE_STORE: 's3://clips/cup' });
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
    expect(findings.map(({ action, level }) => [action, level])).toEqual([
      ['s3:PutObject', 'ok'],
      ['s3:GetObject', 'ok'],
      ['s3:ListBucket', 'ok'],
      ['s3:AbortMultipartUpload', 'ok'],
      ['s3:DeleteObject', 'ok'],
    ]);
    expect(findings[0]?.resource).toBe('arn:aws:s3:::clips/cup/*');
    // Deleting is allowed there alone (docs/s3.md).
    expect(findings.at(-1)?.resource).toBe('arn:aws:s3:::clips/cup/probes/*');
  });

  it('are tried on each queue, in which nothing is put and from which nothing is taken', async () => {
    await createQueues({
      region: 'eu-west-1',
      prefix: 'cup',
      kmsKeyId: undefined,
      isDryRun: false,
      clock,
      random,
    });
    const findings = await ask({ TOUCHLINE_QUEUE: 'sqs://eu-west-1/cup' });
    expect(findings.filter(({ level }) => level === 'bad')).toEqual([]);
    expect(new Set(findings.map(({ action }) => action))).toEqual(
      new Set([
        'sqs:GetQueueUrl',
        'sqs:GetQueueAttributes',
        'sqs:SendMessage',
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:ChangeMessageVisibility',
      ]),
    );
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
  });

  it('say of a queue that is not there what makes it', async () => {
    const findings = await ask({ TOUCHLINE_QUEUE: 'sqs://eu-west-1/other' });
    expect(findings[0]).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('touchline aws queues'),
    });
  });

  it('are none where no setting names AWS', async () => {
    await expect(ask({})).resolves.toEqual([]);
  });

  it('are tried on MediaLive, where nothing is started and nothing stays', async () => {
    const { findings, fake } = await askMediaLive(() => undefined);
    expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
    expect(
      findings.flatMap(({ action }) => action.split(', ')).map((name) => name.split(':').at(-1)),
    ).toEqual([
      'ListChannels',
      'ListInputs',
      'ListInputSecurityGroups',
      'ListServiceQuotas',
      'ListAlerts',
      'CreateInput',
      'CreateTags',
      'DeleteInput',
      'CreateInputSecurityGroup',
      'DeleteInputSecurityGroup',
      'CreateChannel',
      'UpdateChannel',
      'StartChannel',
      'StopChannel',
      'RestartChannelPipelines',
      'DeleteChannel',
      'CreateSecret',
      'TagResource',
      'DeleteSecret',
    ]);
    expect(fake.channels.size).toBe(0);
    for (const things of [fake.inputs, fake.groups]) {
      expect(things.size).toBe(1);
      expect([...things.values()].filter(({ state }) => !/DELET/.test(state))).toEqual([]);
    }
  });

  it("are tried on the queue of the bucket's events, which needs somewhere for what cannot be read", async () => {
    const api = new SqsApi({ region: 'eu-west-1', clock, random });
    const events = await api.create('bucket-events', {});
    const ofEvents = async (): Promise<[string, string][]> => {
      const { findings } = await askMediaLive(() => false, { TOUCHLINE_MEDIALIVE_EVENTS: events });
      const found = findings.filter(({ resource }) => resource.endsWith(':bucket-events'));
      return found.map(({ action, level }) => [action, level]);
    };
    expect(await ofEvents()).toEqual([
      ['sqs:GetQueueAttributes, and GetQueueUrl of its dead letters', 'warn'],
      ['sqs:ReceiveMessage', 'ok'],
      ['sqs:DeleteMessage', 'ok'],
      ['sqs:SendMessage to its dead letters', 'warn'],
    ]);
    const dead = await api.create('bucket-events-dead', {});
    const deadLetterTargetArn = (await api.attributesOf(dead, ['QueueArn']))['QueueArn'];
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 5 });
    await api.setAttributes(events, { RedrivePolicy });
    expect((await ofEvents()).map(([, level]) => level)).toEqual(['ok', 'ok', 'ok', 'ok']);
    api.close();
  });

  it('are said to be unclear, not missing, where a policy may allow them on what carries our tag alone', async () => {
    const onChannels = /^(Update|Start|Stop|Delete|Restart)Channel|^ListAlerts$/;
    const { findings } = await askMediaLive((operation) => onChannels.test(operation));
    const unclear = findings.filter(({ level }) => level === 'note');
    expect(unclear.map(({ action }) => action)).toEqual([
      'medialive:ListAlerts',
      'medialive:UpdateChannel',
      'medialive:StartChannel',
      'medialive:StopChannel',
      'medialive:RestartChannelPipelines',
      'medialive:DeleteChannel',
    ]);
    for (const { message } of unclear) {
      expect(message).toContain('cannot tell');
      expect(message).toContain('touchline:env=default');
    }
    expect(findings.filter(({ level }) => level !== 'ok' && level !== 'note')).toEqual([]);
  });

  it('are missing where what is tried carries our tag', async () => {
    const { findings } = await askMediaLive((operation) =>
      /^(CreateInputSecurityGroup|DeleteInput|CreateChannel)$/.test(operation),
    );
    const rest = findings.filter(({ level }) => level !== 'ok');
    expect(rest.map(({ action, level }) => [action, level])).toEqual([
      ['medialive:DeleteInput', 'bad'],
      ['medialive:CreateInputSecurityGroup', 'bad'],
      // There is none to try it on.
      ['medialive:DeleteInputSecurityGroup', 'warn'],
      ['medialive:CreateChannel', 'bad'],
    ]);
    expect(rest[0]).toMatchObject({
      resource: expect.stringMatching(/^arn:aws:medialive:eu-west-1:\*:input:\*$/),
      message: expect.stringContaining('missing: medialive:DeleteInput failed (403'),
    });
  });
});

describe('an answer of AWS', () => {
  it.each([
    ['AccessDenied', wrapped('queue.unavailable', sdkError(403)), 'bad'],
    ['no credentials', wrapped('store.bad-credentials'), 'bad'],
    ['forbidden', wrapped('store.forbidden'), 'bad'],
    ['a receipt that is none', wrapped('queue.unavailable', sdkError(400)), 'ok'],
    ['a channel that is not there', wrapped('medialive.not-found', sdkError(404)), 'ok'],
    ['throttling', wrapped('medialive.throttled', sdkError(429)), 'warn'],
    ['a fault of AWS', wrapped('queue.unavailable', sdkError(503)), 'warn'],
    ['no answer', wrapped('queue.unavailable', new Error('timeout')), 'warn'],
  ])('%s', (_, thrown, level) => {
    expect(judge(thrown).level).toBe(level);
  });

  it('that refuses who asked is what the attempt says that it is there', () => {
    expect(judge(wrapped('medialive.refused', sdkError(403)), 'cannot tell')).toEqual({
      level: 'note',
      message: 'cannot tell (said)',
    });
    expect(judge(wrapped('medialive.throttled', sdkError(429)), 'cannot tell').level).toBe('warn');
    expect(judge(wrapped('medialive.not-found', sdkError(404)), 'cannot tell').level).toBe('ok');
  });
});

/** As a role that is refused the operations that `isDenied` names. */
async function askMediaLive(
  isDenied: (operation: string) => boolean | undefined,
  env: Record<string, string> = {},
): Promise<{ findings: PermissionFinding[]; fake: MediaLiveFake }> {
  const fake = new MediaLiveFake({
    nowMs: () => clock.nowMs(),
    faultOf: ({ operation }) => (isDenied(operation) === true ? { kind: 'refuse', status: 403 } : undefined),
  });
  const server = await serveMediaLiveFake(fake);
  process.env['AWS_ENDPOINT_URL_MEDIALIVE'] = server.url;
  process.env['AWS_ENDPOINT_URL_SERVICE_QUOTAS'] = server.url;
  try {
    const role = 'arn:aws:iam::123456789012:role/medialive';
    return { findings: await ask({ TOUCHLINE_MEDIALIVE_ROLE: role, ...env }), fake };
  } finally {
    delete process.env['AWS_ENDPOINT_URL_MEDIALIVE'];
    delete process.env['AWS_ENDPOINT_URL_SERVICE_QUOTAS'];
    await server.close();
  }
}

async function ask(env: Record<string, string>): Promise<PermissionFinding[]> {
  const endpoint = process.env['AWS_ENDPOINT_URL'] ?? '';
  const config = readConfig({ ...awsEnvironment, AWS_ENDPOINT_URL: endpoint, ...env }, '/nowhere');
  return await checkAws(config, { clock, random });
}

function sdkError(status: number): Error {
  return Object.assign(new Error('said'), { $metadata: { httpStatusCode: status } });
}

function wrapped(code: string, cause?: unknown): TouchlineError {
  return new TouchlineError({ code, message: 'said', retryable: false, blame: 'environment', cause });
}
