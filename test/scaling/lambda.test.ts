import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import {
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { openStandIn } from '../../cli/lambda.ts';
import { systemClock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { startChild } from '../../core/process.ts';
import { systemRandom } from '../../core/random.ts';
import { createQueues } from '../../queue/create-queues.ts';
import { layoutOf } from '../../queue/sqs-layout.ts';
import { openAsgBench, spot, type AsgBench } from '../support/asg-bench.ts';
import { hasMoto, startMoto, type Moto } from '../support/moto.ts';

// The file that goes to AWS, against SQS and S3 of moto and the simulator of Auto Scaling, in the simulator's time.

const region = 'eu-west-1';
const minuteMs = 60_000;
const never = new AbortController().signal;
const names = ['ENDPOINT_URL_SQS', 'ENDPOINT_URL_S3', 'ENDPOINT_URL_AUTO_SCALING'].map(
  (name) => `AWS_${name}`,
);

interface Bundle {
  openStandIn: typeof openStandIn;
}

let folder: string;
let file: string;
let bundle: Bundle;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'touchline-lambda-'));
  const script = fileURLToPath(new URL('../../scripts/bundle-lambda.mjs', import.meta.url));
  const child = await startChild({
    command: process.execPath,
    args: [script, folder],
    env: process.env,
    wallMsMax: 60_000,
  });
  expect((await child.exit).exitCode).toBe(0);
  file = join(folder, 'index.cjs');
  bundle = createRequire(import.meta.url)(file) as Bundle;
}, 90_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!hasMoto)('the bundled Lambda (needs moto_server)', () => {
  let moto: Moto;
  let sqs: SQSClient;
  let s3: S3Client;
  let bench: AsgBench;
  let env: Record<string, string>;
  let queueUrl: (name: string) => string;
  let lines: { level: string; message: string; fields: unknown }[];
  let count = 0;
  const before = new Map<string, string | undefined>();

  beforeAll(async () => {
    moto = await startMoto();
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const there = { region, endpoint: moto.endpoint, credentials };
    sqs = new SQSClient({ ...there, useQueueUrlAsEndpoint: false });
    s3 = new S3Client({ ...there, forcePathStyle: true });
    for (const name of names) before.set(name, process.env[name]);
    process.env['AWS_ENDPOINT_URL_SQS'] = moto.endpoint;
  });
  afterAll(async () => {
    sqs?.destroy();
    s3?.destroy();
    await moto?.stop();
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  beforeEach(async () => {
    count += 1;
    lines = [];
    bench = await openAsgBench([spot]);
    bench.simulator.nowMs = systemClock.nowMs();
    process.env['AWS_ENDPOINT_URL_AUTO_SCALING'] = bench.served.endpoint;
    const prefix = `lambda-${count}`;
    await createQueues({
      region,
      prefix,
      kmsKeyId: undefined,
      isDryRun: false,
      clock: systemClock,
      random: systemRandom,
    });
    const { analyse, cut } = layoutOf(prefix).bands;
    const queues: Record<string, string | undefined> = {
      analyse: analyse[0],
      'analyse-later': analyse[1],
      cut: cut[0],
      'cut-later': cut[1],
    };
    queueUrl = (name) => `${moto.endpoint}/123456789012/${queues[name]}`;
    await s3.send(
      new CreateBucketCommand({ Bucket: prefix, CreateBucketConfiguration: { LocationConstraint: region } }),
    );
    env = {
      TOUCHLINE_QUEUE: `sqs://${region}/${prefix}`,
      TOUCHLINE_STORE: `s3://${prefix}/media`,
      TOUCHLINE_SCALING_POOLS: `${spot.name} power=1 usd=0.37`,
      TOUCHLINE_SCALING_POLICY: '{"countMax": 10}',
      AWS_ENDPOINT_URL_S3: moto.endpoint,
    };
    process.env['AWS_REGION'] = region;
  });
  afterEach(async () => await bench?.close());

  const write =
    (level: string) =>
    (message: string, fields: unknown): void =>
      void lines.push({ level, message, fields });
  const open = (): ReturnType<typeof openStandIn> => {
    const log = {
      debug: () => {},
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: () => log,
    } as Log;
    const random = { unit: () => 0.5, bytes: (size: number) => new Uint8Array(size) };
    return bundle.openStandIn(env, { clock: bench.clock, random, log });
  };
  /** As EventBridge does: an invocation at each full minute. */
  const minutes = async (standIn: { run(ms: number): Promise<void> }, howMany: number): Promise<void> => {
    for (let minute = 0; minute < howMany; minute += 1) {
      const startMs = bench.simulator.nowMs;
      await standIn.run(minuteMs);
      expect(bench.simulator.nowMs - startMs).toBeLessThan(minuteMs);
      bench.simulator.advance(startMs + minuteMs - bench.simulator.nowMs);
    }
  };
  const sign = (ageMs: number): void => {
    const at = new Date(bench.simulator.nowMs - ageMs).toISOString();
    bench.simulator.group(spot.name).tags.set('touchline:decided-at', at);
  };
  const put = async (name: string, howMany: number): Promise<void> => {
    for (let left = howMany; left > 0; left -= 10) {
      const Entries = Array.from({ length: Math.min(10, left) }, (_, index) => ({
        Id: String(index),
        MessageBody: '{}',
      }));
      await sqs.send(new SendMessageBatchCommand({ QueueUrl: queueUrl(name), Entries }));
    }
  };
  const take = async (name: string, howMany: number): Promise<void> => {
    for (let left = howMany; left > 0; left -= 10)
      await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl(name),
          MaxNumberOfMessages: Math.min(10, left),
          VisibilityTimeout: 3600,
        }),
      );
  };
  const acts = (): string[] => bench.served.calls.filter((action) => !action.startsWith('Describe'));
  const desired = (): number => bench.simulator.group(spot.name).desired;
  const orders = async (): Promise<string[]> => {
    const Bucket = env['TOUCHLINE_STORE']?.split('/')[2];
    const { Contents = [] } = await s3.send(
      new ListObjectsV2Command({ Bucket, Prefix: 'media/fleet/orders/' }),
    );
    return Contents.map(({ Key = '' }) => Key);
  };

  it('does nothing while a server decides, acts when it falls silent, and does nothing again when it is back', async () => {
    await put('analyse', 60);
    // Through the server's own provider: both ends of the sign are the real ones.
    const server = await bench.open(undefined, undefined, true);
    await server.observe(never);
    bench.served.calls.length = 0;
    const standIn = open();
    await minutes(standIn, 1);
    expect(acts()).toEqual([]);
    expect(bench.served.calls).toHaveLength(4);

    await minutes(standIn, 1);
    expect(acts()).toContain('SetDesiredCapacity');
    const ordered = desired();
    expect(ordered).toBeGreaterThan(0);

    await server.observe(never);
    bench.served.calls.length = 0;
    await put('cut', 200);
    await minutes(standIn, 1);
    expect(acts()).toEqual([]);
    expect(desired()).toBe(ordered);
    expect(lines.filter(({ message }) => message.startsWith('a server decides'))).toHaveLength(2);
  });

  it.each([
    { ageMs: 89_000, isActing: false },
    { ageMs: 90_000, isActing: true },
  ])('takes over from a sign of 90 s: $ageMs ms -> $isActing', async ({ ageMs, isActing }) => {
    await put('analyse', 20);
    // The first round begins one second after the invocation.
    sign(ageMs - 1000);
    await open().run(6_000);
    expect(acts().includes('SetDesiredCapacity')).toBe(isActing);
  });

  it('does nothing, and says what is missing, where no server has ever left a sign', async () => {
    await put('analyse', 20);
    await minutes(open(), 3);
    expect(acts()).toEqual([]);
    expect(lines.map(({ message }) => message)).toEqual([
      expect.stringContaining('autoscaling:CreateOrUpdateTags'),
    ]);
  });

  it('names a group that is not there', async () => {
    bench.simulator.groups.clear();
    await open().run(6_000);
    expect(acts()).toEqual([]);
    expect(lines.map((one) => said(one))).toContainEqual(
      expect.stringMatching(/there is no Auto Scaling group .*TOUCHLINE_SCALING_POOLS/),
    );
  });

  it('takes a sign from a clock that is ahead for as old as it has been there', async () => {
    await put('analyse', 20);
    sign(-3_600_000);
    const standIn = open();
    await minutes(standIn, 1);
    expect(acts()).toEqual([]);
    await minutes(standIn, 1);
    expect(acts()).toContain('SetDesiredCapacity');
  });

  it('counts all bands of analyse and cut, and holds the fleet that is busy', async () => {
    for (const name of ['analyse', 'analyse-later', 'cut', 'cut-later']) {
      await put(name, 2);
      await take(name, 2);
    }
    sign(600_000);
    await minutes(open(), 1);
    // Eight busy slots, and the reserve on top.
    expect(desired()).toBe(9);
  });

  it('begins no round that its timeout would cut off', async () => {
    sign(0);
    const startMs = bench.simulator.nowMs;
    await open().run(30_000);
    expect(bench.served.calls).toHaveLength(2);
    expect(bench.simulator.nowMs - startMs).toBeLessThan(30_000);
  });

  it('lets machines go only after a minute in which nobody held anything, and the last of them', async () => {
    const group = bench.simulator.group(spot.name);
    bench.simulator.setDesired(spot.name, 3);
    bench.simulator.advance(2 * minuteMs);
    await put('analyse', 1);
    await take('analyse', 1);
    sign(600_000);
    const standIn = open();
    // A whole window without a memory: nobody is told to drain.
    await minutes(standIn, 5);
    expect(await orders()).toEqual([]);
    await minutes(standIn, 3);
    const told = await orders();
    expect(told.length).toBeGreaterThan(0);
    // Somebody still holds a message, and it may be who was told to drain.
    await minutes(standIn, 5);
    expect(acts()).not.toContain('TerminateInstanceInAutoScalingGroup');
    expect(group.instances).toHaveLength(3);

    await sqs.send(new PurgeQueueCommand({ QueueUrl: queueUrl('analyse') }));
    await minutes(standIn, 1);
    expect(acts()).not.toContain('TerminateInstanceInAutoScalingGroup');
    await minutes(standIn, 2);
    expect(acts()).toContain('TerminateInstanceInAutoScalingGroup');
    expect(desired()).toBe(3 - told.length);
  });

  it('lets a machine go 15 min after it was told to, whatever the queues say', async () => {
    bench.simulator.setDesired(spot.name, 3);
    bench.simulator.advance(2 * minuteMs);
    await put('analyse', 1);
    await take('analyse', 1);
    sign(600_000);
    const standIn = open();
    await minutes(standIn, 5);
    expect(await orders()).toEqual([]);
    await minutes(standIn, 2);
    expect(await orders()).toHaveLength(1);
    await minutes(standIn, 13);
    expect(acts()).not.toContain('TerminateInstanceInAutoScalingGroup');
    await minutes(standIn, 3);
    expect(acts()).toContain('TerminateInstanceInAutoScalingGroup');
  });

  it.each([
    ['throttle', 'DescribeAutoScalingGroups', /autoscaling:DescribeAutoScalingGroups/],
    [
      'deny',
      'DescribeAutoScalingGroups',
      /give the role of this process autoscaling:DescribeAutoScalingGroups/,
    ],
    ['deny', 'SetDesiredCapacity', /give the role of this process autoscaling:SetDesiredCapacity/],
  ] as const)('names the action in one line (%s %s)', async (fate, action, line) => {
    await put('analyse', 20);
    sign(600_000);
    bench.served.decide = (called) => (called === action ? fate : 'pass');
    await open().run(6_000);
    expect(desired()).toBe(0);
    const loud = lines.filter(({ level }) => level !== 'info').map((one) => said(one));
    expect(loud.filter((text) => line.test(text))).toHaveLength(1);
  });

  it('leaves the fleet as it is, and names queue and action, while SQS cannot be read', async () => {
    bench.simulator.setDesired(spot.name, 2);
    bench.simulator.advance(2 * minuteMs);
    sign(600_000);
    env['TOUCHLINE_QUEUE'] = `sqs://${region}/nobodys`;
    await open().run(6_000);
    expect(desired()).toBe(2);
    expect(acts()).toEqual([]);
    expect(lines.filter(({ level }) => level === 'error').map((one) => said(one))).toEqual([
      expect.stringMatching(/there is no queue nobodys-/),
    ]);
  });

  it('runs as AWS runs it: the handler of the file, with nothing but its environment', async () => {
    await put('analyse', 20);
    sign(600_000);
    const code = `require(${JSON.stringify(file)}).handler({}, { getRemainingTimeInMillis: () => 12_000 })`;
    const child = await startChild({
      command: process.execPath,
      args: ['-e', code],
      env: {
        ...env,
        PATH: process.env['PATH'],
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        AWS_ENDPOINT_URL_SQS: moto.endpoint,
        AWS_ENDPOINT_URL_AUTO_SCALING: bench.served.endpoint,
      },
      wallMsMax: 20_000,
    });
    expect((await child.exit).exitCode).toBe(0);
    expect(acts()).toContain('SetDesiredCapacity');
  });
});

it.each([
  { absentMs: 60_000, isKnown: true },
  { absentMs: 61_000, isKnown: false },
])('a server away for $absentMs ms reads the orders anew: $isKnown', async ({ absentMs, isKnown }) => {
  const bench = await openAsgBench([spot]);
  try {
    bench.simulator.setDesired(spot.name, 1);
    bench.simulator.advance(minuteMs);
    const server = await bench.open();
    const [machine] = (await server.observe(never)).machines;
    const instanceId = machine?.instanceId ?? '';
    await server.apply({ kind: 'drain', instanceId }, never);
    // Taken back by the Lambda, meanwhile.
    bench.orders.given.clear();
    bench.simulator.advance(absentMs);
    const { machines } = await server.observe(never);
    expect(machines[0]?.drainOrderedAtMs !== undefined).toBe(isKnown);
  } finally {
    await bench.close();
  }
});

it('names all that is wrong with its environment at once', () => {
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} } as unknown as Log;
  const env = {
    TOUCHLINE_QUEUE: 'redis://there',
    TOUCHLINE_SCALING_POLICY: '{"countMin": 9, "countMax": 2}',
    TOUCHLINE_SCALING_SERVICE_SECONDS: '0',
  };
  const open = (): unknown => bundle.openStandIn(env, { clock: systemClock, random: systemRandom, log });
  for (const named of [
    /TOUCHLINE_QUEUE must be sqs/,
    /TOUCHLINE_STORE/,
    /TOUCHLINE_SCALING_POOLS must name/,
    /countMin is 9/,
    /TOUCHLINE_SCALING_SERVICE_SECONDS must be seconds/,
  ])
    expect(open).toThrow(named);
});

function said({ message, fields }: { message: string; fields: unknown }): string {
  const { error, outcome } = (fields ?? {}) as { error?: Error; outcome?: { why?: string } };
  return [message, error?.message, outcome?.why].join(' ');
}
