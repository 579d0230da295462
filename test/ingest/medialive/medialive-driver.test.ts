import { describe, expect, it } from 'vitest';

import { silentLog } from '../../../core/log.ts';
import { systemRandom } from '../../../core/random.ts';
import type { ChannelHealth, RunEnd } from '../../../ingest/channel.ts';
import { MediaLiveDriver } from '../../../ingest/medialive/medialive-driver.ts';
import type { RunWatcher } from '../../../ingest/medialive/run-watcher.ts';
import { sweep } from '../../../ingest/medialive/sweep.ts';
import type { WatchedRun } from '../../../ingest/medialive/watch-journal.ts';
import type { WatchFigures } from '../../../ingest/medialive/watch-run.ts';
import { apiOnFake } from '../../support/medialive-fake-api.ts';
import { MediaLiveFake, type FakeOptions } from '../../support/medialive-fake.ts';
import { HandClock } from '../hand-clock.ts';
import { DesiredInMemory, place, rtmpPush } from './reconciler-world.ts';

/** Remembers what it was told; its figures are the test's. */
class SpokenWatcher implements RunWatcher {
  readonly said: string[] = [];
  readonly watched = new Map<string, WatchedRun>();
  idleMs = 0;

  async run(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  async watchRun(run: WatchedRun): Promise<void> {
    if (this.watched.has(run.runId)) return;
    this.watched.set(run.runId, run);
    this.said.push(`watch ${run.channelId} ${run.segmentMs} ${run.pipelineCount}`);
  }

  async endRun(runId: string, why: RunEnd): Promise<void> {
    if (this.watched.delete(runId)) this.said.push(`end ${why}`);
  }

  figures(runId: string): WatchFigures | undefined {
    if (!this.watched.has(runId)) return undefined;
    return {
      channelId: 'ch_a',
      runId,
      segmentCount: 1,
      pipeline: 0,
      last: { bytes: 1_000_000, duration90k: 4 * 90_000 } as WatchFigures['last'],
      idleMs: this.idleMs,
      failoverCount: 0,
      gapCount: 0,
      gapMs: 0,
      lateCount: 0,
      refusedCount: 0,
      lastProblem: undefined,
    };
  }
}

async function started(
  options: Partial<FakeOptions> & { desired?: DesiredInMemory; fake?: MediaLiveFake; clock?: HandClock } = {},
) {
  const clock = options.clock ?? new HandClock();
  const fake = options.fake ?? new MediaLiveFake({ nowMs: () => clock.nowMs(), ...options });
  const desired = options.desired ?? new DesiredInMemory();
  const watcher = new SpokenWatcher();
  const healths: ChannelHealth[] = [];
  const driver = new MediaLiveDriver({
    api: apiOnFake(fake),
    desired,
    passphrases: {
      create: async () => 'arn:aws:secretsmanager:us-east-1:1:secret:a',
      remove: async () => {},
    },
    place,
    watcher,
    events: { onHealth: (health) => void healths.push(health) },
    clock,
    random: systemRandom,
    log: silentLog,
  });
  const stopping = new AbortController();
  const running = driver.run(stopping.signal);
  return {
    clock,
    fake,
    desired,
    watcher,
    driver,
    healths,
    state: () => driver.health('ch_a')?.state,
    /** Lets the driver tick until it holds, five seconds at a time. */
    until: async (condition: () => boolean, tickMax = 400) => {
      for (let tick = 0; tick < tickMax && !condition(); tick += 1) {
        clock.advance(5000);
        for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      }
      if (!condition()) throw new Error(`it never came to hold:\n${fake.calls.join('\n')}`);
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

const channel = { channelId: 'ch_a', segmentMs: 4000, resumeWindowMs: 30_000, input: rtmpPush };

describe('the MediaLive driver', () => {
  it('starts, tells where to push to, is live while segments come, and ends the run when it was stopped', async () => {
    const { driver, watcher, state, until, stop, healths, clock } = await started();
    await driver.start(channel);
    expect(state()).toBe('starting');
    await until(() => state() === 'live');
    expect(watcher.said).toEqual(['watch ch_a 4000 1']);
    expect(driver.endpoints('ch_a')).toEqual([
      { label: 'push RTMP to', url: expect.stringMatching(/^rtmp:\/\/[\d.]+:1935\/ch_a\/[0-9a-f]{32}-a$/) },
    ]);
    expect(driver.health('ch_a')).toMatchObject({ bitrateBps: 2_000_000, advice: [] });
    watcher.idleMs = 60_000;
    expect(state()).toBe('waiting');
    await driver.stop('ch_a');
    expect(state()).toBe('stopping');
    await until(() => state() === 'idle');
    expect(watcher.said).toEqual(['watch ch_a 4000 1', 'end stopped']);
    const states = healths.map((health) => health.state).filter((one, index, all) => one !== all[index - 1]);
    expect(states).toEqual(['starting', 'live', 'stopping', 'idle']);
    expect(clock.monotonicMs(), 'a start of 90 s and a stop of 30 s').toBeLessThan(300_000);
    await stop();
  });

  it('goes on where it was after a restart: same run, no call that changes anything', async () => {
    const first = await started();
    await first.driver.start(channel);
    await first.until(() => first.state() === 'live');
    const [runId] = first.watcher.watched.keys();
    await first.stop();
    expect(first.watcher.said, 'the run stays open').toEqual(['watch ch_a 4000 1']);
    const before = first.fake.calls.filter((call) => !call.startsWith('GET')).length;
    const second = await started(first);
    await second.driver.start({ ...channel, isResumed: true });
    expect(second.driver.keepsRun(runId ?? '')).toBe(true);
    await second.until(() => second.state() === 'live');
    expect([...second.watcher.watched.keys()]).toEqual([runId]);
    const changes = first.fake.calls.filter((call) => !call.startsWith('GET')).slice(before);
    expect(changes.filter((call) => !call.includes('/tags/'))).toEqual([]);
    await second.stop();
  });

  it('tells the run before whole before the next one is watched', async () => {
    const { driver, watcher, state, until, stop, desired } = await started();
    await driver.start(channel);
    await until(() => state() === 'live');
    await driver.stop('ch_a');
    await driver.start(channel);
    await until(() => watcher.said.length === 3 && state() === 'live');
    expect(watcher.said).toEqual(['watch ch_a 4000 1', 'end stopped', 'watch ch_a 4000 1']);
    expect(desired.records.get('ch_a')?.desired.openRunIds).toHaveLength(1);
    await stop();
  });

  it('gives everything back when the channel is removed, also while it is stopping', async () => {
    const { driver, fake, desired, state, until, stop } = await started();
    await driver.start(channel);
    await until(() => state() === 'live');
    await driver.stop('ch_a');
    await driver.remove('ch_a');
    await expect(driver.start(channel)).rejects.toMatchObject({ code: 'channel.conflict' });
    await until(() => desired.records.size === 0);
    const left = [...fake.channels.values(), ...fake.inputs.values(), ...fake.groups.values()];
    expect(left.map((one) => one.state)).toEqual(['DELETED', 'DELETED', 'DELETED']);
    await stop();
  });

  it('fails with the reason, does not try again by itself or after a restart, and does when it is asked to', async () => {
    let isRefused = true;
    const rig = await started({
      faultOf: ({ operation }) =>
        isRefused && operation === 'CreateInput' ? { kind: 'refuse', status: 403 } : undefined,
    });
    await rig.driver.start(channel);
    await rig.until(() => rig.state() === 'failed');
    expect(rig.driver.health('ch_a')?.advice[0]).toMatch(/^403/);
    isRefused = false;
    await rig.driver.start({ ...channel, isResumed: true });
    for (let tick = 0; tick < 10; tick += 1) await rig.until(() => rig.state() === 'failed');
    expect(rig.fake.inputs.size).toBe(0);
    await rig.driver.start(channel);
    await rig.until(() => rig.state() === 'live');
    await rig.stop();
  });

  it('says that AWS is away, and changes nothing', async () => {
    let isAway = false;
    const rig = await started({ faultOf: () => (isAway ? { kind: 'refuse', status: 500 } : undefined) });
    await rig.driver.start(channel);
    await rig.until(() => rig.state() === 'live');
    isAway = true;
    await rig.until(
      () => rig.driver.health('ch_a')?.advice[0]?.startsWith('listing channels failed') === true,
    );
    expect(rig.state()).toBe('live');
    expect(rig.watcher.said).toEqual(['watch ch_a 4000 1']);
    isAway = false;
    await rig.driver.stop('ch_a');
    await rig.until(() => rig.state() === 'idle');
    await rig.stop();
  });

  it.each([
    [{ type: 'rtmp-push' }, /input\.cidrs/],
    [{ type: 'rtmp-push', cidrs: ['203.0.113.300/32'] }, /range of IPv4 addresses/],
    [{ type: 'url-pull', urls: ['file:///etc/passwd'] }, /begins with https:/],
    [{ type: 'url-pull', urls: ['https://me:secret@example.org/a.m3u8'] }, /holds no password/],
    [{ type: 'url-pull', urls: ['https://:secret@example.org/a.m3u8'] }, /holds no password/],
    [
      { type: 'url-pull', urls: ['http://169.254.169.254/latest/meta-data/'] },
      /not one of the machine itself/,
    ],
    [{ type: 'url-pull', urls: ['http://2852039166/'] }, /not one of the machine itself/],
    [{ type: 'url-pull', urls: ['http://[::ffff:169.254.169.254]/'] }, /not one of the machine itself/],
    [{ type: 'url-pull', urls: ['http://[fd00:ec2::254]/'] }, /not one of the machine itself/],
    [{ type: 'mp4-file', urls: ['https://localhost/a.mp4'] }, /not one of the machine itself/],
    [{ type: 'srt-caller', callers: [{ host: '0x7f.1', port: 9000 }] }, /must not be the machine that pulls/],
    [
      { type: 'srt-caller', callers: [{ host: 'x.localhost.', port: 9000 }] },
      /must not be the machine that pulls/,
    ],
    [{ type: 'srt-listener', cidrs: ['0.0.0.0/0'], latencyMs: 119 }, /input\.latencyMs/],
    [{ type: 'telepathy' }, /input\.type/],
    [undefined, /input\.type/],
  ])('refuses %j', async (input, message) => {
    const { driver, stop } = await started();
    expect(() => driver.checkInput(input)).toThrow(message);
    await stop();
  });
});

describe('sweep', () => {
  it('stops what the server that is gone has left running, an hour later takes it away, and says so', async () => {
    const rig = await started();
    await rig.driver.start(channel);
    await rig.until(() => rig.state() === 'live');
    await rig.stop();
    const options = { api: apiOnFake(rig.fake), env: 'test', limits: place.limits };
    const swept = async (isDryRun = false) =>
      (await sweep({ ...options, nowMs: rig.clock.nowMs(), isDryRun })).map(({ action }) => action);
    expect(await swept(), 'its lease has not run out').toEqual([]);
    rig.clock.advance(place.limits.leaseMs + 1);
    expect(await swept(true)).toEqual(['stop']);
    expect(await sweep({ ...options, env: 'other', nowMs: rig.clock.nowMs(), isDryRun: false })).toEqual([]);
    expect(await swept()).toEqual(['stop']);
    rig.clock.advance(60_000);
    expect(await swept(), 'it idles').toEqual([]);
    rig.clock.advance(25 * 3_600_000);
    const steps: string[][] = [];
    for (let round = 0; round < 4; round += 1) {
      steps.push(await swept());
      rig.clock.advance(60_000);
    }
    expect(steps).toEqual([['delete-channel'], ['delete-input'], ['delete-group'], []]);
  });
});
