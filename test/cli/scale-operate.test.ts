import { Command } from 'commander';
import { describe, expect, it } from 'vitest';

import { explainLines, register, statusLines } from '../../cli/commands/scale-operate.ts';
import { decide } from '../../scaling/decide.ts';
import { scalingPolicy } from '../../scaling/policy.ts';
import { noOverrides, type Snapshot } from '../../scaling/snapshot.ts';
import { memoryIo } from './memory-io.ts';

const atMs = Date.UTC(2026, 10, 28, 14, 55);
const backlog = {
  waitingCount: 12,
  waitingWorkSeconds: 30,
  oldestWaitMs: 4_000,
  inFlightCount: 2,
  inFlightWorkSeconds: 1,
  arrivedWorkPerSecond: 0.5,
  meanServiceSeconds: 2,
};
const snapshot: Snapshot = {
  atMs,
  measuredAtMs: atMs - 500,
  channels: [
    { channelId: 'ch_1', name: 'pitch', isLive: true, workPerMediaSecond: 0.25 },
    {
      channelId: 'fix_1',
      name: 'Final',
      isLive: false,
      startsAtMs: atMs + 120_000,
      workPerMediaSecond: 0.2,
    },
  ],
  backlog,
  machines: [{ id: 'i-1', pool: 'spot', state: 'ready', launchedAtMs: 0, jobsInHand: 1 }],
  pools: [
    { name: 'spot', power: 1, dollarsPerHour: 0.4, unavailableUntilMs: atMs + 60_000 },
    { name: 'on-demand', power: 1, dollarsPerHour: 1.2 },
  ],
  bootMsP95: 240_000,
  history: [],
  overrides: noOverrides,
};

describe('a decision, explained', () => {
  const decision = decide(snapshot, scalingPolicy.parse({}));
  const lines = explainLines({
    id: 1,
    atMs,
    provider: 'asg',
    neededCount: decision.neededCount,
    desiredCount: decision.desiredCount,
    reason: decision.reason,
    decision,
    outcomes: decision.actions.map((action) => ({ action, outcome: { kind: 'done' } })),
    snapshot,
  });

  it('names what was decided, every input and what came of it', () => {
    expect(lines[0]).toBe(
      `2026-11-28T14:55:00Z  asg: needed ${decision.neededCount}, wanted ${decision.desiredCount}`,
    );
    expect(lines[1]).toBe(`  ${decision.reason}`);
    expect(lines).toEqual(
      expect.arrayContaining([
        '  figures     0.5 s old; boot 240 s, p95',
        '  channel     pitch: live, in no fixture list, 0.25 work s per s',
        '  channel     Final: expected, kick-off in 120 s, 0.20 work s per s',
        '  waiting     12 jobs, 30.0 work s, the oldest for 4.0 s',
        '  machines    1 ready',
        '  pool        spot: power 1, $0.4/h, has none to give until 2026-11-28T14:56:00Z',
        `  order       on-demand: ${decision.desiredCount - 1} in all: done`,
      ]),
    );
  });

  it('names what held it back in words', () => {
    const held = { ...decision, brakes: ['cost'] };
    const stored = { id: 1, atMs, provider: 'asg', neededCount: 3, desiredCount: 1, reason: '' };
    expect(explainLines({ ...stored, decision: held, outcomes: [], snapshot })).toContain(
      '  held by     more would cost more than the policy allows',
    );
  });

  it('says of one that changed nothing where its inputs are', () => {
    const quiet = explainLines({
      id: 2,
      atMs,
      provider: 'local',
      neededCount: 1,
      desiredCount: 1,
      reason: 'Stays at 1.',
      decision: { ...decision, brakes: [] },
      outcomes: [],
      snapshot: null,
    });
    expect(quiet).toContain('  inputs      as at the change before');
  });
});

describe('how it stands', () => {
  it('says so where nothing is known yet, and where an operator has spoken', () => {
    const lines = statusLines({
      workers: [],
      instances: [{ instanceId: 'i-1', workerCount: 2, inFlightCount: 3, load: 0.456 }],
      backlog,
      overrides: { pin: { count: 3, untilMs: atMs }, isInPaused: true, isOutPaused: true },
      bootMsP95: null,
      last: null,
      fixedWorkerCount: 1,
    });
    expect(lines.join('\n')).toMatch(
      /none has been heard of.*i-1: 2 workers, 3 jobs in hand, 46 % busy.*not measured yet.*pinned {6}3 until 2026-11-28T14:55:00Z.*let go.*ordered.*fixed {7}the server keeps to 1 worker \(TOUCHLINE_WORKERS.*nothing yet/s,
    );
  });
});

describe('the machines', () => {
  it('are those that the last decision saw, with its time', () => {
    const last = {
      id: 1,
      atMs,
      provider: 'asg',
      neededCount: 1,
      desiredCount: 1,
      reason: 'Stays at 1.',
      decision: { machineCounts: { ready: 2, pending: 1 } },
      outcomes: [],
      snapshot: null,
    };
    const status = { workers: [], instances: [], backlog, bootMsP95: null, last, fixedWorkerCount: null };
    const overrides = { isInPaused: false, isOutPaused: false };
    expect(statusLines({ ...status, overrides })).toContain(
      'machines    2 ready, 1 pending, as seen at 2026-11-28T14:55:00Z',
    );
  });
});

describe('a word that makes no sense', () => {
  it.each([
    [['pin', '-1'], /unknown option|whole number/],
    [['pin', '99999'], /whole number from 0 to 10000/],
    [['pin', '3', '--for', '8d'], /duration of at most 7 days/],
    [['pause', 'up'], /in \(letting go\) or out \(ordering\)/],
    [['explain', '--last', 'x'], /whole number/],
    [['explain', '--last', '0'], /from 1 to 200/],
    [['explain', '--last', '201'], /from 1 to 200/],
    [['explain', '--at', '15:00'], /a time with its zone/],
  ])('is refused before anybody is asked: %j', async (args, message) => {
    const { io } = memoryIo();
    const said: string[] = [];
    const scale = new Command('scale')
      .exitOverride()
      .configureOutput({ writeErr: (text) => said.push(text) });
    register(scale, io);
    for (const command of scale.commands)
      command.exitOverride().configureOutput({ writeErr: (text) => said.push(text) });
    await expect(scale.parseAsync(args, { from: 'user' })).rejects.toThrow(message);
    expect(said.join('')).toMatch(message);
  });
});
