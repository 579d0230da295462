import { describe, expect, it } from 'vitest';

import {
  deadlineMs,
  decideAction,
  type Circumstances,
  type Remedy,
} from '../../../ingest/medialive/decide-action.ts';
import { decideSweep } from '../../../ingest/medialive/decide-sweep.ts';
import type { DesiredChannel } from '../../../ingest/medialive/desired-channels.ts';
import type { ChannelState, GroupState, InputState } from '../../../ingest/medialive/medialive-port.ts';
import type {
  Observed,
  ObservedChannel,
  ObservedGroup,
  ObservedInput,
} from '../../../ingest/medialive/observed-channel.ts';
import { desiredChannel } from './reconciler-world.ts';

const nowMs = 1_800_000_000_000;
const minute = 60_000;
const limits = { leaseMs: 15 * minute, noInputMs: 30 * minute };

function channel(state: ChannelState, more: Partial<ObservedChannel> = {}): ObservedChannel {
  return {
    id: '1',
    arn: 'arn:channel:1',
    tags: {},
    name: '',
    state,
    isStandard: false,
    pipelinesRunning: 1,
    inputIds: ['2'],
    destinationUrls: [],
    generation: 1,
    spec: 'c',
    expiresAtMs: nowMs + limits.leaseMs,
    inStateMs: 0,
    runId: 'run_1',
    ...more,
  };
}
function input(state: InputState, more: Partial<ObservedInput> = {}): ObservedInput {
  return {
    id: '2',
    arn: 'arn:input:2',
    tags: {},
    state,
    isPush: true,
    groupIds: ['3'],
    endpointUrls: [],
    generation: 1,
    spec: 'i',
    expiresAtMs: nowMs + limits.leaseMs,
    inStateMs: 0,
    ...more,
  };
}
function group(state: GroupState, more: Partial<ObservedGroup> = {}): ObservedGroup {
  const marks = { generation: 1, spec: 'g', expiresAtMs: nowMs + limits.leaseMs, inStateMs: 0 };
  return { id: '3', arn: 'arn:group:3', tags: {}, state, ...marks, ...more };
}

interface Case {
  title: string;
  desired?: Partial<DesiredChannel>;
  observed: Partial<Observed>;
  circumstances?: Partial<Circumstances>;
  needsPassphrase?: boolean;
  needsGroup?: boolean;
  action: object;
}

function decide(one: Case) {
  return decideAction(
    {
      desired: desiredChannel('ch_a', one.desired),
      needsGroup: one.needsGroup ?? true,
      needsPassphrase: one.needsPassphrase ?? false,
      groupSpec: 'g',
      inputSpec: 'i',
      channelSpec: 'c',
    },
    { channels: [], inputs: [], groups: [], ...one.observed },
    {
      nowMs,
      remedies: new Set<Remedy>(),
      refusal: undefined,
      noInputMs: undefined,
      limits,
      ...one.circumstances,
    },
  );
}

const attached = { inputs: [input('ATTACHED')], groups: [group('IN_USE')] };
const idle = { desired: { wish: 'idle' } as const };
const absent = { desired: { wish: 'absent' } as const };

const building: Case[] = [
  { title: 'the security group comes first', observed: {}, action: { kind: 'create-group' } },
  {
    title: 'without a door to lock, the input comes first',
    needsGroup: false,
    observed: {},
    action: { kind: 'create-input', groupId: undefined },
  },
  {
    title: 'a passphrase comes before its input',
    needsPassphrase: true,
    observed: { groups: [group('IDLE')] },
    action: { kind: 'create-passphrase' },
  },
  {
    title: 'then the input',
    observed: { groups: [group('IDLE')] },
    action: { kind: 'create-input', groupId: '3' },
  },
  {
    title: 'a group with other ranges is not used, and goes',
    observed: { groups: [group('IDLE', { spec: 'old' })] },
    action: { kind: 'delete-group', groupId: '3' },
  },
  {
    title: 'an input that is being made is waited for',
    observed: { inputs: [input('CREATING')] },
    action: { kind: 'wait' },
  },
  {
    title: 'then the channel',
    observed: { inputs: [input('DETACHED')], groups: [group('IN_USE')] },
    action: { kind: 'create-channel', inputId: '2' },
  },
  {
    title: 'an input attached to a channel that the list does not show yet: asking again adopts it',
    observed: attached,
    action: { kind: 'create-channel', inputId: '2' },
  },
  {
    title: 'a channel that was deleted by hand is made under a new RequestId',
    observed: { channels: [channel('DELETED')], inputs: [input('DETACHED')] },
    action: { kind: 'new-generation', of: 'channel' },
  },
  {
    title: 'an input that was deleted by hand takes a new channel with it',
    observed: { inputs: [input('DELETED')] },
    action: { kind: 'new-generation', of: 'input' },
  },
  {
    title: 'nothing is made when the quota is full',
    observed: { groups: [group('IDLE')] },
    circumstances: { refusal: 'full' },
    action: { kind: 'fail', reason: 'full' },
  },
  {
    title: 'a channel of an older generation has to go first',
    desired: { channelGeneration: 2 },
    observed: { channels: [channel('IDLE')], ...attached },
    action: { kind: 'delete-channel', channelId: '1' },
  },
  {
    title: 'and is waited for while it goes',
    desired: { channelGeneration: 2 },
    observed: { channels: [channel('DELETING')], ...attached },
    action: { kind: 'wait' },
  },
];

const running: Case[] = [
  {
    title: 'a channel that stands ready is started',
    observed: { channels: [channel('IDLE')], ...attached },
    action: { kind: 'start', channelId: '1' },
  },
  {
    title: 'a new run is a new folder, before the start',
    desired: { runId: 'run_2' },
    observed: { channels: [channel('IDLE')], ...attached },
    action: { kind: 'update-channel', channelId: '1', inputId: '2' },
  },
  {
    title: 'other settings too',
    observed: { channels: [channel('IDLE', { spec: 'old' })], ...attached },
    action: { kind: 'update-channel' },
  },
  {
    title: 'another input takes everything anew',
    observed: { channels: [channel('IDLE')], inputs: [input('ATTACHED', { spec: 'old' })] },
    action: { kind: 'new-generation', of: 'input' },
  },
  {
    title: 'a start above the cost limit is refused',
    observed: { channels: [channel('IDLE')], ...attached },
    circumstances: { refusal: 'too dear' },
    action: { kind: 'fail', reason: 'too dear' },
  },
  {
    title: 'a lease that has run down is renewed before the start',
    observed: { channels: [channel('IDLE', { expiresAtMs: nowMs })], ...attached },
    action: { kind: 'renew', arn: 'arn:channel:1' },
  },
  {
    title: 'what runs is left alone',
    observed: { channels: [channel('RUNNING')], ...attached },
    action: { kind: 'rest' },
  },
  {
    title: 'an input that was left over beside it goes',
    observed: { channels: [channel('RUNNING')], inputs: [input('ATTACHED'), input('DETACHED', { id: '8' })] },
    action: { kind: 'delete-input', inputId: '8' },
  },
  {
    title: 'but never its own, whatever a list that lags says of it',
    observed: { channels: [channel('RUNNING')], inputs: [input('DETACHED')] },
    action: { kind: 'rest' },
  },
  {
    title: 'a second security group goes',
    observed: {
      channels: [channel('RUNNING')],
      inputs: [input('ATTACHED')],
      groups: [group('IN_USE'), group('IDLE', { id: '7' })],
    },
    action: { kind: 'delete-group', groupId: '7' },
  },
  {
    title: 'half of the lease is left: nothing yet',
    observed: { channels: [channel('RUNNING', { expiresAtMs: nowMs + limits.leaseMs / 2 })], ...attached },
    action: { kind: 'rest' },
  },
  {
    title: 'less than half: renewed',
    observed: {
      channels: [channel('RUNNING', { expiresAtMs: nowMs + limits.leaseMs / 2 - 1 })],
      ...attached,
    },
    action: { kind: 'renew' },
  },
  {
    title: 'it runs for another run: it has to stop for the new one',
    desired: { runId: 'run_2' },
    observed: { channels: [channel('RUNNING')], ...attached },
    action: { kind: 'stop', channelId: '1' },
  },
  {
    title: 'almost the whole time without a picture',
    observed: { channels: [channel('RUNNING')], ...attached },
    circumstances: { noInputMs: limits.noInputMs - 1 },
    action: { kind: 'rest' },
  },
  {
    title: 'the whole time without a picture',
    observed: { channels: [channel('RUNNING')], ...attached },
    circumstances: { noInputMs: limits.noInputMs },
    action: { kind: 'fail' },
  },
  {
    title: 'STOPPING is waited for, never followed by a call',
    observed: { channels: [channel('STOPPING')], ...attached },
    action: { kind: 'wait' },
  },
  {
    title: 'CREATE_FAILED is made anew once',
    observed: { channels: [channel('CREATE_FAILED')], ...attached },
    action: { kind: 'new-generation', of: 'channel', remedy: 'recreate' },
  },
  {
    title: 'and then given up',
    observed: { channels: [channel('CREATE_FAILED')], ...attached },
    circumstances: { remedies: new Set<Remedy>(['recreate']) },
    action: { kind: 'fail' },
  },
  {
    title: 'what failed is stopped and not started again',
    desired: { failure: 'no picture' },
    observed: { channels: [channel('RUNNING')], ...attached },
    action: { kind: 'stop' },
  },
  {
    title: 'of two for one key the one that runs is kept',
    observed: { channels: [channel('IDLE'), channel('RUNNING', { id: '9' })], ...attached },
    action: { kind: 'delete-channel', channelId: '1' },
  },
  {
    title: 'of two that run, the older',
    observed: { channels: [channel('RUNNING', { id: '9' }), channel('RUNNING')], ...attached },
    action: { kind: 'stop', channelId: '9' },
  },
];

const ending: Case[] = [
  {
    title: 'a channel that is not wanted is stopped',
    ...idle,
    observed: { channels: [channel('RUNNING')], ...attached },
    action: { kind: 'stop' },
  },
  {
    title: 'also one that is only starting: it would cost as well',
    ...idle,
    observed: { channels: [channel('STARTING')], ...attached },
    action: { kind: 'stop' },
  },
  {
    title: 'and kept, with its input: the address to push to stays',
    ...idle,
    observed: { channels: [channel('IDLE')], ...attached },
    action: { kind: 'rest' },
  },
  {
    title: 'what idles is renewed a few times a day',
    ...idle,
    observed: {
      channels: [channel('IDLE')],
      inputs: [input('ATTACHED', { expiresAtMs: nowMs - 6 * 60 * minute - 1 })],
    },
    action: { kind: 'renew', arn: 'arn:input:2' },
  },
  {
    title: 'nothing is made for what is not wanted',
    ...idle,
    observed: {},
    action: { kind: 'rest' },
  },
  {
    title: 'absent: stop',
    ...absent,
    observed: { channels: [channel('RUNNING')], ...attached },
    action: { kind: 'stop' },
  },
  {
    title: 'absent: delete the channel',
    ...absent,
    observed: { channels: [channel('IDLE')], ...attached },
    action: { kind: 'delete-channel' },
  },
  {
    title: 'absent: the input not before it is detached',
    ...absent,
    observed: { channels: [channel('DELETED')], ...attached },
    action: { kind: 'wait' },
  },
  {
    title: 'absent: then the input',
    ...absent,
    observed: { inputs: [input('DETACHED')], groups: [group('IN_USE')] },
    action: { kind: 'delete-input', inputId: '2' },
  },
  {
    title: 'absent: then the security group',
    ...absent,
    observed: { inputs: [input('DELETED')], groups: [group('IDLE')] },
    action: { kind: 'delete-group', groupId: '3' },
  },
  {
    title: 'absent: then the passphrase',
    desired: { wish: 'absent', passphraseArn: 'arn:secret' },
    observed: { groups: [group('DELETED')] },
    action: { kind: 'delete-passphrase' },
  },
  {
    title: 'absent: the record stays until the last run was told whole',
    desired: { wish: 'absent', openRunIds: ['run_1'] },
    observed: {},
    action: { kind: 'wait' },
  },
  { title: 'absent: and nothing is left', ...absent, observed: {}, action: { kind: 'forget' } },
];

describe('decideAction', () => {
  it.each([...building, ...running, ...ending])('$title', (one) => {
    expect(decide(one)).toMatchObject(one.action);
  });

  it.each([
    ['CREATING', [], { kind: 'fail' }],
    ['UPDATING', [], { kind: 'fail' }],
    ['STOPPING', [], { kind: 'fail' }],
    ['DELETING', [], { kind: 'fail' }],
    ['STARTING', [], { kind: 'stop', remedy: 'stop-and-start' }],
    ['STARTING', ['stop-and-start'], { kind: 'fail' }],
    ['RECOVERING', [], { kind: 'restart-pipelines', remedy: 'restart-pipelines' }],
    ['RECOVERING', ['restart-pipelines'], { kind: 'stop', remedy: 'stop-and-start' }],
    ['RECOVERING', ['restart-pipelines', 'stop-and-start'], { kind: 'fail' }],
  ] as const)('%s for too long, after %j, is %j, and before that it waits', (state, tried, action) => {
    const at = (inStateMs: number) =>
      decide({
        title: '',
        observed: { channels: [channel(state, { inStateMs })], ...attached },
        circumstances: { remedies: new Set<Remedy>(tried) },
        action,
      });
    const limitMs = deadlineMs[state] ?? 0;
    expect(at(limitMs - 1)).toMatchObject({ kind: 'wait' });
    expect(at(limitMs)).toMatchObject(action);
  });
});

describe('decideSweep', () => {
  const sweep = (observed: Partial<Observed>, noInputMs?: number) =>
    decideSweep(
      { channels: [], inputs: [], groups: [], ...observed },
      { nowMs, limits, noInputMs: () => noInputMs },
    );
  const day = 24 * 60 * minute;

  it.each([
    ['a lease that ends now', { channels: [channel('RUNNING', { expiresAtMs: nowMs })] }, { kind: 'rest' }],
    ['one that has ended', { channels: [channel('RUNNING', { expiresAtMs: nowMs - 1 })] }, { kind: 'stop' }],
    ['one that starts', { channels: [channel('STARTING', { expiresAtMs: 0 })] }, { kind: 'stop' }],
    ['what idles for a day', { channels: [channel('IDLE', { expiresAtMs: nowMs - day })] }, { kind: 'rest' }],
    [
      'and longer',
      { channels: [channel('IDLE', { expiresAtMs: nowMs - day - 1 })] },
      { kind: 'delete-channel' },
    ],
    ['an input of it', { inputs: [input('DETACHED', { expiresAtMs: 0 })] }, { kind: 'delete-input' }],
    ['an attached one', { inputs: [input('ATTACHED', { expiresAtMs: 0 })] }, { kind: 'rest' }],
    ['a group', { groups: [group('IDLE', { expiresAtMs: 0 })] }, { kind: 'delete-group' }],
    ['a group in use', { groups: [group('IN_USE', { expiresAtMs: 0 })] }, { kind: 'rest' }],
  ])('%s', (_title, observed, action) => {
    expect(sweep(observed)).toMatchObject(action);
  });

  it('stops what has had no picture for too long, lease or not', () => {
    expect(sweep({ channels: [channel('RUNNING')] }, limits.noInputMs - 1)).toEqual({ kind: 'rest' });
    expect(sweep({ channels: [channel('RUNNING')] }, limits.noInputMs)).toMatchObject({ kind: 'stop' });
  });
});
