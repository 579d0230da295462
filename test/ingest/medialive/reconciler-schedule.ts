import { tagNames } from '../../../ingest/medialive/channel-settings.ts';
import type { InputWish } from '../../../ingest/medialive/input-wish.ts';
import type { MediaLiveApi } from '../../../ingest/medialive/medialive-port.ts';
import type { Reconciler } from '../../../ingest/medialive/reconciler.ts';
import { apiOnFake } from '../../support/medialive-fake-api.ts';
import { MediaLiveFake, type Fault, type FakeChannel, type Json } from '../../support/medialive-fake.ts';
import { DesiredInMemory, desiredChannel, reconcilerOn, rtmpPush } from './reconciler-world.ts';

export interface Played {
  problems: string[];
  actions: Set<string>;
  callCount: number;
  faultCount: number;
}

const inputs: InputWish[] = [
  rtmpPush,
  { type: 'srt-listener', cidrs: ['203.0.113.0/24'], isStandard: true, latencyMs: 2000 },
  { type: 'url-pull', urls: ['https://example.org/live.m3u8'] },
  { type: 'mp4-file', urls: ['s3://footage/match.mp4'] },
];

/**
 * One seed: half an hour to two hours in which people start, stop and delete channels, by the desk and by hand, one or two reconcilers come and
 * go, and AWS is slow, throttled, forgetful, stuck and out of date; then a quiet hour, after which everything must be as it
 * was last wanted.
 */
export async function playSchedule(seed: number): Promise<Played> {
  const unit = seeded(seed);
  const chance = (share: number): boolean => unit() < share;
  const pick = <T>(from: readonly T[]): T => from[Math.floor(unit() * from.length)] as T;
  let nowMs = 1_800_000_000_000;
  let isQuiet = false;
  let faultCount = 0;
  const troubled = 0.02 + unit() * 0.25;
  const lagMs = chance(0.5) ? 0 : unit() * 30_000;
  const fake = new MediaLiveFake({
    nowMs: () => nowMs,
    listsTombstones: chance(0.3),
    pageSize: pick([2, 100]),
    listLagMs: () => (isQuiet ? 0 : unit() * lagMs),
    delayMs: (what) =>
      ({ starting: 90_000, stopping: 60_000, deleting: 20_000, recovering: 90_000 })[what as string] ??
      4000 * unit(),
    createOutcome: () => (!isQuiet && chance(0.1) ? 'CREATE_FAILED' : 'IDLE'),
    faultOf: () => {
      if (isQuiet || !chance(troubled)) return undefined;
      faultCount += 1;
      return chance(0.4)
        ? { kind: 'lose-answer' }
        : ({ kind: 'refuse', status: pick([429, 429, 500, 502, 504]) } satisfies Fault);
    },
  });
  const actions = new Set<string>();
  const problems: string[] = [];
  const strangers = strange(fake);
  const desired = new DesiredInMemory();
  const newReconciler = (): Reconciler =>
    reconcilerOn({
      api: neverTouching(apiOnFake(fake), strangers, (what) => problems.push(what)),
      desired,
      nowMs: () => nowMs,
      unit,
      onLook: ({ action }) => actions.add(action.kind),
    });
  const channelIds = ['ch_a', 'ch_b', 'ch_c'].slice(0, 1 + Math.floor(unit() * 3));
  for (const channelId of channelIds)
    await desired.save(desiredChannel(channelId, { input: pick(inputs) }), 0);
  let reconcilers = [newReconciler(), ...(chance(0.4) ? [newReconciler()] : [])];
  let runCount = 1;
  const dropped = new Set<string>();
  /** Made by hand with our tags: the only way to a second one. */
  const copies = new Set<string>();

  const disturb = (): void => {
    const channelId = pick(channelIds);
    const alive = [...fake.channels.values()].filter(
      ({ state, id }) => state !== 'DELETED' && !strangers.has(id),
    );
    const channel = alive.length > 0 ? pick(alive) : undefined;
    const things = [...alive, ...fake.inputs.values(), ...fake.groups.values()].filter(
      ({ id }) => !strangers.has(id),
    );
    switch (Math.floor(unit() * 14)) {
      case 0:
      case 1:
      case 2: {
        runCount += 1;
        const runId = `run_${runCount}`;
        const wish = desired.records.get(channelId)?.desired.wish;
        if (wish !== 'absent') desired.change(channelId, { wish: 'running', runId, failure: undefined });
        return;
      }
      case 3:
      case 4:
        if (desired.records.get(channelId)?.desired.wish === 'running')
          desired.change(channelId, { wish: 'idle' });
        return;
      case 5:
        if (chance(0.4)) desired.change(channelId, { wish: 'absent' });
        return;
      case 6:
        reconcilers = chance(0.5) ? [newReconciler()] : [newReconciler(), newReconciler()];
        return;
      case 7:
        if (channel) fake.byHand('POST', `/prod/channels/${channel.id}/${pick(['start', 'stop'])}`);
        return;
      case 8:
        if (channel) fake.byHand('DELETE', `/prod/channels/${channel.id}`);
        return;
      case 9:
        if (things.length > 0) fake.stick(pick(things).id);
        return;
      case 10:
        for (const thing of things) if (thing.isStuck && chance(0.5)) fake.stick(thing.id, false);
        return;
      case 11:
        if (channel) fake.recover(channel.id);
        return;
      case 12:
        if (channel) fake.loseInput(channel.id, chance(0.5));
        return;
      default:
        if (channel && chance(0.2)) copy(fake, channel, copies);
        // A catalogue restored from an old backup knows less than AWS has.
        else if (chance(0.1)) {
          desired.records.delete(channelId);
          dropped.add(channelId);
        }
    }
  };
  const tick = async (): Promise<void> => {
    nowMs += isQuiet ? 5000 : 5000 + unit() * 10_000;
    // One after the other or at once: two reconcilers then decide on the same listing.
    await Promise.all(reconcilers.map(async (one) => await one.tick().catch(() => undefined)));
    fake.settle();
    const ofKey = new Map<string, number>();
    for (const one of fake.channels.values()) {
      if (one.state === 'DELETED' || copies.has(one.id) || strangers.has(one.id)) continue;
      const key = String((one.body['tags'] as Json)[tagNames.channel]);
      ofKey.set(key, (ofKey.get(key) ?? 0) + 1);
    }
    for (const [key, count] of ofKey) if (count > 1) problems.push(`${count} channels for ${key}`);
  };

  for (let step = 0; step < 150; step += 1) {
    if (chance(0.12)) disturb();
    // Now and then nobody looks for a while.
    if (chance(0.02)) nowMs += unit() * 20 * 60_000;
    await tick();
  }
  isQuiet = true;
  for (const things of [fake.channels, fake.inputs, fake.groups]) {
    for (const { id } of things.values()) fake.stick(id, false);
  }
  for (const { id } of fake.channels.values()) fake.loseInput(id, false);
  for (let step = 0; step < 100; step += 1) {
    nowMs += step > 60 ? 60_000 : 5000;
    await tick();
  }
  problems.push(...unsettled(fake, desired, strangers));
  return { problems: [...new Set(problems)], actions, callCount: fake.callCount, faultCount };
}

/** What is not as it was last wanted. */
function unsettled(fake: MediaLiveFake, desired: DesiredInMemory, strangers: ReadonlySet<string>): string[] {
  const problems: string[] = [];
  const left = (things: ReadonlyMap<string, { id: string; state: string; body: Json }>, channelId?: string) =>
    [...things.values()].filter(
      ({ id, state, body }) =>
        state !== 'DELETED' &&
        !strangers.has(id) &&
        (channelId === undefined || (body['tags'] as Json)[tagNames.channel] === channelId),
    );
  for (const { desired: one } of desired.records.values()) {
    const { channelId, failure } = one;
    const wish = one.wish === 'running' && failure !== undefined ? 'idle' : one.wish;
    const channels = left(fake.channels, channelId);
    const states = channels.map(({ state }) => state).join(' ');
    if (wish === 'absent') problems.push(`${channelId} is absent and still on record (${states})`);
    if (wish === 'running' && states !== 'RUNNING') problems.push(`${channelId} is "${states}", not RUNNING`);
    if (wish === 'running') {
      const url = JSON.stringify(channels[0]?.body['destinations']);
      if (!url.includes(`/${one.runId}/`)) problems.push(`${channelId} writes ${url}, not ${one.runId}`);
      if (left(fake.inputs, channelId).length !== 1) problems.push(`${channelId} has not one input`);
    }
    if (wish === 'idle' && states !== 'IDLE' && states !== '')
      problems.push(`${channelId} is "${states}", not IDLE`);
  }
  const known = new Set(desired.records.keys());
  for (const { id, state, body } of left(fake.channels)) {
    const channelId = String((body['tags'] as Json)[tagNames.channel]);
    if (!known.has(channelId) && !/IDLE|FAILED/.test(state))
      problems.push(`orphan ${id} of ${channelId} is ${state}`);
  }
  for (const id of strangers) {
    const stranger = fake.channels.get(id);
    if (stranger && stranger.state !== 'RUNNING') problems.push(`a stranger's channel is ${stranger.state}`);
  }
  return problems;
}

/** A channel and an input of somebody else in the account: one without tags, one of another environment. */
function strange(fake: MediaLiveFake): Set<string> {
  const ids = new Set<string>();
  for (const tags of [{}, { [tagNames.env]: 'production', [tagNames.channel]: 'ch_a' }]) {
    const input = fake.byHand('POST', '/prod/inputs', {
      type: 'URL_PULL',
      sources: [{ url: 'https://example.org/a.m3u8' }],
      requestId: JSON.stringify(tags),
      tags,
    });
    if (input === 'lost' || input.status !== 201) throw new Error('the stranger has no input');
    const inputId = String((input.body['input'] as Json)['id']);
    const channel = fake.byHand('POST', '/prod/channels', {
      name: 'news',
      roleArn: 'arn:aws:iam::1:role/r',
      channelClass: 'SINGLE_PIPELINE',
      requestId: JSON.stringify(tags),
      tags,
      inputAttachments: [{ inputId }],
      destinations: [{ id: 'd', settings: [{ url: 's3ssl://other/news/v' }] }],
      encoderSettings: {
        audioDescriptions: [{}],
        videoDescriptions: [{}],
        timecodeConfig: {},
        outputGroups: [
          {
            outputGroupSettings: { hlsGroupSettings: { destination: { destinationRefId: 'd' } } },
            outputs: [{ outputSettings: { hlsOutputSettings: {} } }],
          },
        ],
      },
    });
    if (channel === 'lost' || channel.status !== 201)
      throw new Error(`the stranger has no channel: ${JSON.stringify(channel)}`);
    const id = String((channel.body['channel'] as Json)['id']);
    const made = fake.channels.get(id);
    if (made) Object.assign(made, { state: 'RUNNING', due: undefined, history: [] });
    ids.add(inputId).add(id);
  }
  return ids;
}

/** Somebody clones a channel in the console, tags and all, onto an input of its own. */
function copy(fake: MediaLiveFake, channel: FakeChannel, copies: Set<string>): void {
  const input = fake.byHand('POST', '/prod/inputs', {
    type: 'URL_PULL',
    sources: [{ url: 'https://example.org/b.m3u8' }, { url: 'https://example.org/c.m3u8' }],
    requestId: `copy ${channel.id} ${copies.size}`,
    tags: {},
  });
  if (input === 'lost' || input.status !== 201) return;
  const inputId = String((input.body['input'] as Json)['id']);
  const made = fake.byHand('POST', '/prod/channels', {
    ...channel.body,
    requestId: `copy ${channel.id} ${copies.size}`,
    inputAttachments: [{ inputId }],
  });
  if (made !== 'lost' && made.status === 201) copies.add(String((made.body['channel'] as Json)['id']));
}

/** Fails the schedule when a call is about something that is not ours. */
function neverTouching(
  api: MediaLiveApi,
  strangers: ReadonlySet<string>,
  tell: (problem: string) => void,
): MediaLiveApi {
  return new Proxy(api, {
    get: (target, name: keyof MediaLiveApi) => {
      const call = target[name] as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        const id = String(args[0]).split(':').at(-1) ?? '';
        if (strangers.has(id)) tell(`${name} was called on ${id}, which is not ours`);
        return call(...args);
      };
    },
  });
}

/** mulberry32. */
function seeded(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
