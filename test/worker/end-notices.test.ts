import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { systemClock, type Clock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { untilEndNotice } from '../../worker/end-notices.ts';
import { InstanceMetadata } from '../../worker/instance-metadata.ts';
import { startImdsFake, type ImdsFake } from '../support/imds-fake.ts';

let imds: ImdsFake;
let metadata: InstanceMetadata;
beforeEach(async () => {
  imds = await startImdsFake();
  metadata = new InstanceMetadata(imds.endpoint);
});
afterEach(async () => await imds.stop());

/** Five seconds pass in five ms. */
const quick: Clock = {
  ...systemClock,
  sleep: async (ms, signal) => await systemClock.sleep(ms / 1000, signal),
};
const forEver = new AbortController().signal;

async function polls(count: number): Promise<void> {
  const wanted = imds.asked.length + count;
  while (imds.asked.length < wanted) await systemClock.sleep(1);
}

describe('what an instance is told of itself', () => {
  it('is read with a token, and with a new one when that has run out', async () => {
    imds.values.set('instance-id', 'i-0abc');
    expect(await metadata.instanceId()).toBe('i-0abc');
    imds.forgetTokens();
    expect(await metadata.instanceId()).toBe('i-0abc');
    expect(await metadata.read('spot/instance-action')).toBeUndefined();
  });

  it('is an error that says what to do where there is no such service', async () => {
    imds.brokenWith = 403;
    await expect(metadata.instanceId()).rejects.toMatchObject({
      code: 'worker.no-metadata',
      message: expect.stringMatching(/answered 403: TOUCHLINE_INSTANCE_ID=ec2 is for EC2/) as string,
    });
    await imds.stop();
    await expect(new InstanceMetadata(imds.endpoint).instanceId()).rejects.toThrow(/does not answer/);
    imds = await startImdsFake();
  });
});

describe('the notice of an end', () => {
  it.each([
    {
      path: 'spot/instance-action',
      value: '{"action": "terminate", "time": "2026-11-23T12:00:00Z"}',
      notice: { kind: 'spot', text: 'terminate at 2026-11-23T12:00:00Z' },
    },
    { path: 'spot/instance-action', value: 'soon', notice: { kind: 'spot', text: 'soon' } },
    {
      path: 'autoscaling/target-lifecycle-state',
      value: 'Terminated',
      notice: { kind: 'lifecycle', text: 'Terminated' },
    },
  ])('is heard: $path $value', async ({ path, value, notice }) => {
    imds.values.set('autoscaling/target-lifecycle-state', 'InService');
    const heard = untilEndNotice(metadata, { clock: quick, log: silentLog }, forEver);
    await polls(4);
    imds.values.set(path, value);
    expect(await heard).toEqual(notice);
  });

  it('is heard after the service was away', async () => {
    const heard = untilEndNotice(metadata, { clock: quick, log: silentLog }, forEver);
    await polls(2);
    imds.brokenWith = 500;
    await systemClock.sleep(30);
    imds.values.set('autoscaling/target-lifecycle-state', 'Terminated');
    imds.brokenWith = undefined;
    expect(await heard).toMatchObject({ kind: 'lifecycle' });
  });

  it('is not waited for any longer than asked', async () => {
    const stopping = new AbortController();
    const heard = untilEndNotice(metadata, { clock: quick, log: silentLog }, stopping.signal);
    await polls(2);
    stopping.abort();
    expect(await heard).toBeUndefined();
  });
});
