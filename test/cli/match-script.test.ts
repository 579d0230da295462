import { describe, expect, it } from 'vitest';

import { scoreAt, shotAt, writeScript } from '../../cli/demo/match-script.ts';

describe('the script of the synthetic match', () => {
  it('has three goals with other events between them in three minutes', () => {
    const { events } = writeScript({ durationMs: 180_000, seed: 1 });
    expect(events.map(({ kind }) => kind)).toEqual(['kick-off', 'goal', 'near-miss', 'goal', 'foul', 'goal']);
  });

  it('is the same for the same seed, and another for another', () => {
    const one = writeScript({ durationMs: 120_000, seed: 7 });
    expect(writeScript({ durationMs: 120_000, seed: 7 })).toEqual(one);
    expect(writeScript({ durationMs: 120_000, seed: 8 })).not.toEqual(one);
  });

  it.each(Array.from({ length: 20 }, (_, seed) => seed))('keeps its promises with seed %i', (seed) => {
    const script = writeScript({ durationMs: 180_000, seed });
    const goals = script.events.filter(({ kind }) => kind === 'goal');
    for (const goal of goals) {
      const change = script.scores.find(({ atMs }) => atMs > goal.atMs);
      const lateMs = (change?.atMs ?? 0) - goal.atMs;
      expect(lateMs).toBeGreaterThanOrEqual(5_000);
      expect(lateMs).toBeLessThanOrEqual(8_000);
      // The viewer sees the goal in the wide shot, the new score before the replay, and no bug in the replay.
      expect(shotAt(script, goal.atMs).kind).toBe('wide');
      expect(shotAt(script, (change?.atMs ?? 0) + 1).hasBug).toBe(true);
      expect(shotAt(script, goal.atMs + 12_000)).toMatchObject({ kind: 'replay', hasBug: false });
      // What follows a goal is over before the match is.
      expect(goal.atMs + 20_000).toBeLessThanOrEqual(script.durationMs);
    }
    const final = scoreAt(script, script.durationMs);
    expect(final.home + final.away).toBe(goals.length);
    // Shots follow each other without hole or overlap.
    let endMs = 0;
    for (const shot of script.shots) {
      expect(shot.startMs).toBe(endMs);
      endMs = shot.endMs;
    }
    expect(endMs).toBe(script.durationMs);
  });

  it('puts one goal into a match of 40 s, and none into one that is too short for what follows a goal', () => {
    expect(goalCount(40_000)).toBe(1);
    expect(goalCount(30_000)).toBe(0);
  });
});

function goalCount(durationMs: number): number {
  return writeScript({ durationMs, seed: 1 }).events.filter(({ kind }) => kind === 'goal').length;
}
