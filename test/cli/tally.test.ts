import { describe, expect, it } from 'vitest';

import type { Moment } from '../../core/moment.ts';
import type { MatchEvent } from '../../cli/demo/match-script.ts';
import { tally } from '../../cli/demo/tally.ts';

const goal = event('goal', 60_000);
const miss = event('near-miss', 90_000);
const foul = event('foul', 120_000);

describe('the tally of a demo', () => {
  it.each([
    ['well before the goal', 52_000, 68_000, 'found'],
    ['exactly 1 s before it', 59_000, 68_000, 'found'],
    ['less than 1 s before it', 59_001, 75_000, 'missed'],
    ['and ends at the very goal', 50_000, 60_000, 'missed'],
    ['and ends just behind it', 50_000, 60_001, 'found'],
    ['after it, with the replay alone', 68_000, 80_000, 'missed'],
  ])('says of a clip that starts %s: %s..%s is %s', (_what, inMs, outMs, outcome) => {
    const result = tally([goal], [moment(inMs, outMs)]);
    expect(result.found).toHaveLength(outcome === 'found' ? 1 : 0);
    expect(result.missed).toHaveLength(outcome === 'found' ? 0 : 1);
    expect(result.wrong).toHaveLength(outcome === 'found' ? 0 : 1);
  });

  it('counts a second moment of the same goal as wrong, and keeps the stronger one', () => {
    const weak = moment(50_000, 70_000, 0.4);
    const strong = moment(52_000, 72_000, 0.9);
    expect(tally([goal], [weak, strong])).toMatchObject({ found: [{ moment: strong }], wrong: [weak] });
  });

  it('welcomes a near miss without asking for it, and calls a foul a mistake', () => {
    expect(tally([goal, miss, foul], [])).toMatchObject({ missed: [goal], alsoFound: [], wrong: [] });
    const ofMiss = moment(80_000, 98_000);
    const ofFoul = moment(110_000, 128_000);
    const result = tally([goal, miss, foul], [ofMiss, ofFoul]);
    expect(result).toMatchObject({ alsoFound: [{ event: miss, moment: ofMiss }], wrong: [ofFoul] });
  });
});

function event(kind: MatchEvent['kind'], atMs: number): MatchEvent {
  return { kind, atMs, side: 'left', text: kind };
}

function moment(inMs: number, outMs: number, score = 0.8): Moment {
  return { id: `mom_${inMs}`, label: 'goal', peakMs: inMs + 1, inMs, outMs, score, reasons: [] };
}
