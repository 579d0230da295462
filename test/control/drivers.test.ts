import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { DriverRecords } from '../../control/driver-records.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { ChannelDriver, ChannelHealth, ChannelSpec, ChannelState } from '../../ingest/channel.ts';
import { openDeskRig, untilEvent, type DeskRig } from '../support/desk.ts';
import { usePostgres } from '../support/postgres.ts';

/** One that takes its time: what it says of a channel is the test's to change. */
class SlowDriver implements ChannelDriver {
  readonly states = new Map<string, ChannelState>();
  readonly calls: string[] = [];
  readonly specs: ChannelSpec[] = [];

  async run(signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }
  async start(channel: ChannelSpec): Promise<void> {
    this.specs.push(channel);
    this.states.set(channel.channelId, 'starting');
  }
  async stop(channelId: string): Promise<void> {
    this.calls.push('stop');
    this.states.set(channelId, 'stopping');
  }
  async remove(): Promise<void> {
    this.calls.push('remove');
  }
  health(channelId: string): ChannelHealth | undefined {
    const state = this.states.get(channelId);
    if (!state) return undefined;
    const numbers = { bitrateBps: 0, framesPerSecond: 0, keyframeIntervalMs: 0, width: 0, height: 0 };
    const counts = { droppedFrameCount: 0, discontinuityCount: 0, hasAudio: false };
    const advice = state === 'failed' ? ['no role'] : [];
    const ids = { channelId, runId: undefined, sessionId: undefined, protocol: undefined };
    return { ...ids, ...numbers, ...counts, state, advice };
  }
  checkInput(input: unknown): void {
    if ((input as { type?: string } | undefined)?.type === 'push') return;
    throw new TouchlineError({
      code: 'channel.invalid',
      message: 'input.type',
      retryable: false,
      blame: 'caller',
    });
  }
  endpoints(): { label: string; url: string }[] {
    return [{ label: 'push to', url: 'far://away' }];
  }
}

const postgres = usePostgres();

describe('channels of another driver', () => {
  let rig: DeskRig;
  const slow = new SlowDriver();

  beforeAll(async () => {
    rig = await openDeskRig(await postgres.migratedDatabase(), undefined, { drivers: { slow } });
  });
  afterAll(async () => {
    await rig?.stop();
  });
  const tell = async (channelId: string, state: ChannelState): Promise<void> => {
    slow.states.set(channelId, state);
    const health = slow.health(channelId);
    if (health) rig.ingest.events.onHealth(health);
    await untilEvent(rig.desk, ({ kind, data }) => kind === 'channel.health' && data['state'] === state);
  };
  const make = async (name: string) =>
    (await rig.desk.createChannel({ name, driver: 'slow', input: { type: 'push' } })).channel;

  it('are starting until the driver says more, and show where to push to', async () => {
    const channel = await make('one');
    expect(channel).toMatchObject({
      state: 'starting',
      driver: 'slow',
      input: { type: 'push' },
      endpoints: [{ label: 'push to', url: 'far://away' }],
    });
    expect(slow.specs.at(-1)).toMatchObject({
      channelId: channel.id,
      input: { type: 'push' },
      isResumed: false,
    });
    await tell(channel.id, 'live');
    expect(await rig.desk.getChannel('one')).toMatchObject({ state: 'live' });
  });

  it('are stopping until the driver says that they idle', async () => {
    const { id } = await make('two');
    expect(await rig.desk.stopChannel(id)).toMatchObject({ state: 'stopping' });
    await tell(id, 'idle');
    expect(await rig.desk.getChannel(id)).toMatchObject({ state: 'idle' });
  });

  it('can be deleted while they stop: the driver gives back what it holds', async () => {
    const { id } = await make('three');
    slow.calls.length = 0;
    await rig.desk.deleteChannel(id);
    expect(slow.calls).toEqual(['stop', 'remove']);
    await expect(rig.desk.getChannel(id)).rejects.toMatchObject({ code: 'channel.not-found' });
  });

  it('fail with the reason that the driver gives, and can be started again', async () => {
    const { id } = await make('four');
    await tell(id, 'failed');
    expect(await rig.desk.getChannel(id)).toMatchObject({ state: 'failed', stateReason: 'no role' });
    expect(await rig.desk.startChannel(id)).toMatchObject({ state: 'starting' });
  });

  it.each([
    [{ driver: 'other' }, /no driver "other" here, only local, slow$/],
    [
      { driver: 'medialive' },
      /only local, slow: it is there while a server runs .* TOUCHLINE_MEDIALIVE_ROLE$/,
    ],
    [{ driver: 'slow' }, /input\.type/],
    [{ input: { type: 'push' } }, /driver local takes no input/],
  ])('are refused as %j', async (wish, message) => {
    await expect(rig.desk.createChannel({ name: 'five', ...wish })).rejects.toThrow(message);
    await expect(rig.desk.getChannel('five')).rejects.toMatchObject({ code: 'channel.not-found' });
  });

  it('have records of which the second of two writers hears that it was late', async () => {
    const records = new DriverRecords({ db: rig.catalogue.db, driver: 'slow' });
    expect(await records.save('ch_a', { wish: 'one' }, 0)).toBe(true);
    expect(await records.save('ch_a', { wish: 'again' }, 0)).toBe(false);
    expect(await records.save('ch_a', { wish: 'two' }, 1)).toBe(true);
    expect(await records.save('ch_a', { wish: 'late' }, 1)).toBe(false);
    expect(await records.list()).toEqual([{ channelId: 'ch_a', record: { wish: 'two' }, version: 2 }]);
    const others = new DriverRecords({ db: rig.catalogue.db, driver: 'other' });
    expect(await others.list()).toEqual([]);
    expect(await records.remove('ch_a', 1)).toBe(false);
    expect(await records.remove('ch_a', 2)).toBe(true);
  });
});

it('a publisher who comes while the channels are being opened again waits, and so does who makes one', async () => {
  const databaseUrl = await postgres.migratedDatabase();
  const first = await openDeskRig(databaseUrl, undefined, { drivers: { slow: new SlowDriver() } });
  const { channel, key } = await first.desk.createChannel({
    name: 'one',
    driver: 'slow',
    input: { type: 'push' },
  });
  await first.stop();

  let open: () => void = doNothing;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const slow = new SlowDriver();
  const started: string[] = [];
  slow.start = async ({ channelId }) => {
    started.push(channelId);
    await opened;
    slow.states.set(channelId, 'waiting');
  };
  const rig = await openDeskRig(databaseUrl, undefined, { drivers: { slow } });
  try {
    const ingest = async () => (await rig.desk.readiness()).find(({ name }) => name === 'ingest');
    const making = rig.desk.createChannel({ name: 'two', driver: 'slow', input: { type: 'push' } });
    const asked = rig.ingest.host
      .authenticate(key.key, { address: '127.0.0.1' })
      .then((channelId) => ({ channelId, statesThen: [...slow.states.values()] }));
    expect(await ingest()).toMatchObject({ isOk: false, message: expect.stringContaining('opened again') });
    open();
    expect(await asked).toEqual({ channelId: channel.id, statesThen: ['waiting'] });
    expect(await ingest()).toMatchObject({ isOk: true });
    expect(started).toEqual([channel.id, (await making).channel.id]);
  } finally {
    open();
    await rig.stop();
  }
});

function doNothing(): void {}
