import { describe, expect, it } from 'vitest';

import { analyseJobFor } from '../../control/ledger.ts';
import { makeAnalysis } from '../support/queue-jobs.ts';

const nowMs = 1_800_000_000_000;

function dueInMs(startsInMs: number, pass: 'coarse' | 'fine' = 'coarse'): number {
  const segment = {
    ...makeAnalysis('any').segment,
    startWallMs: nowMs + startsInMs,
    duration90k: 4 * 90_000,
  };
  return analyseJobFor(segment, { pass, sport: 'soccer', retryCount: 0, nowMs }).deadlineAtMs - nowMs;
}

describe('when a segment is to be looked at', () => {
  it('is ten seconds after it came, and a second look twenty', () => {
    expect(dueInMs(-4_000)).toBe(10_000);
    expect(dueInMs(-4_000, 'fine')).toBe(20_000);
    // One that was held up on its way is not due before it was known.
    expect(dueInMs(-3_600_000)).toBe(10_000);
  });

  it('is as if it were live for a file that comes in faster than it was played', () => {
    expect(dueInMs(0)).toBe(14_000);
    expect(dueInMs(3_600_000)).toBe(3_614_000);
    expect(dueInMs(3_600_000, 'fine')).toBe(3_624_000);
  });

  it('is a turn later for each job of the same run that waits', () => {
    const { segment } = makeAnalysis('any');
    const due = (waiting: number): number =>
      analyseJobFor(
        { ...segment, startWallMs: nowMs - 4_000, duration90k: 4 * 90_000 },
        { pass: 'coarse', sport: 'soccer', retryCount: 0, nowMs, waiting },
      ).deadlineAtMs - nowMs;
    expect([0, 1, 20].map(due)).toEqual([10_000, 10_500, 20_000]);
  });

  it('is not put off without end by a clock that is wrong', () => {
    expect(dueInMs(400 * 24 * 3_600_000)).toBe(12 * 3_600_000 + 10_000);
  });
});
