import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readConfig } from '../../cli/config.ts';
import { checkAws, judge, type PermissionFinding } from '../../cli/doctor/aws-checks.ts';
import { systemClock as clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import { systemRandom as random } from '../../core/random.ts';
import { createQueues } from '../../queue/create-queues.ts';
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
      ['s3:DeleteObject', 'ok'],
    ]);
    expect(findings[0]?.resource).toBe('arn:aws:s3:::clips/cup/*');
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
    const fake = new MediaLiveFake({ nowMs: () => clock.nowMs() });
    const server = await serveMediaLiveFake(fake);
    process.env['AWS_ENDPOINT_URL_MEDIALIVE'] = server.url;
    process.env['AWS_ENDPOINT_URL_SERVICE_QUOTAS'] = server.url;
    try {
      const findings = await ask({
        TOUCHLINE_MEDIALIVE_ROLE: 'arn:aws:iam::123456789012:role/medialive',
      });
      expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
      expect(findings.map(({ action }) => action)).toContain('medialive:StartChannel');
      expect(fake.channels.size).toBe(0);
      expect([...fake.inputs.values()].filter(({ state }) => !/DELET/.test(state))).toEqual([]);
    } finally {
      delete process.env['AWS_ENDPOINT_URL_MEDIALIVE'];
      delete process.env['AWS_ENDPOINT_URL_SERVICE_QUOTAS'];
      await server.close();
    }
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
});

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
