import { expect, it } from 'vitest';

import type { DeskEvent } from '../../../control/match-desk.ts';
import { bodyOf } from '../../../control/webhooks/event-types.ts';

const event: DeskEvent = {
  id: 7,
  atMs: 1_700_000_000_123,
  kind: 'channel.changed',
  channelId: 'ch_1',
  runId: 'run_1',
  subjectId: 'clp_1',
  data: {},
  by: { kind: 'user', id: 'usr_ana', name: 'Ana' },
};

it.each([
  ['waiting', 'live', 'channel.live'],
  ['degraded', 'live', 'channel.live'],
  ['live', 'degraded', 'channel.degraded'],
  ['live', 'waiting', 'channel.offline'],
  ['degraded', 'stopping', 'channel.offline'],
  ['starting', 'failed', 'channel.offline'],
  ['starting', 'waiting', undefined],
  ['stopping', 'idle', undefined],
])('a channel that goes from %s to %s: %s', (from, to, type) => {
  expect(bodyOf({ ...event, data: { from, to, reason: 'no sound' } })?.type).toBe(type);
});

it('a key that was issued is nobody’s business', () => {
  expect(bodyOf({ ...event, data: { what: 'key issued' } })).toBeUndefined();
});

it('a clip is told of with its address and without what it was made of', () => {
  const data = {
    momentId: 'mom_1',
    revision: 'fast',
    made: {},
    proven: true,
    presets: ['wide'],
    sidecarKey: 'clips/...',
  };
  const told = bodyOf({ ...event, kind: 'clip.visible', data });
  expect(JSON.parse(told?.body ?? '')).toEqual({
    type: 'clip.ready',
    timestamp: '2023-11-14T22:13:20.123Z',
    data: {
      version: 1,
      eventId: 7,
      channelId: 'ch_1',
      runId: 'run_1',
      clipId: 'clp_1',
      momentId: 'mom_1',
      revision: 'fast',
      proven: true,
      presets: ['wide'],
      api: '/api/v1/clips/clp_1',
    },
  });
});
