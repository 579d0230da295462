import { describe, expect, it } from 'vitest';

import { followScoreboard, type ScoreboardHistory } from '../../../analytics/moments/score-changes.ts';
import { scoreboardReads } from '../../../analytics/moments/scoreboard-reads.ts';
import { loadRules } from '../../../analytics/rules/load-rules.ts';
import { bugOf, clockAt, readOf } from './scene.ts';

type Words = [number, string][];

/** One look every 2 s. `[]` = the bug is away. */
function follow(looks: readonly Words[], sport = 'soccer', everyMs = 2000): ScoreboardHistory {
  const spots = looks.map((words, index) => readOf(index * everyMs, words));
  return followScoreboard(scoreboardReads(spots, Infinity), loadRules({ sport }).score);
}

function looksOf(scores: readonly (string | undefined)[]): Words[] {
  return scores.map((score, index) => (score === undefined ? [] : bugOf(score, clockAt(index * 2000))));
}

function changesOf(history: ScoreboardHistory): string[] {
  return history.changes.map((change) => `${change.atMs}: ${change.from} to ${change.to}`);
}

function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}

function advertOf(index: number): Words {
  return [
    [85, '1-0'],
    [400, `ADVERT${index}`],
  ];
}

function separate(home: string, away: string): Words {
  return [
    [50, 'HOME'],
    [100, home],
    [150, 'AWAY'],
    [200, away],
  ];
}

describe('followScoreboard', () => {
  it('believes a new value after three equal reads and dates it at the first of them', () => {
    const before = times(6, '0-0');
    expect(changesOf(follow(looksOf([...before, '1-0', '1-0'])))).toEqual([]);
    const history = follow(looksOf([...before, '1-0', '1-0', '1-0']));
    expect(changesOf(history)).toEqual(['12000: 0 to 1']);
    expect(history.changes[0]).toMatchObject({
      acceptedAtMs: 16_000,
      clock: '05:12',
      board: 'INT 1-0 NAP',
      step: { label: 'goal' },
    });
  });

  it('is not taken in by misreads between', () => {
    expect(
      changesOf(
        follow(looksOf(['0-0', '0-0', '0-0', '0-0', '8-0', '0-0', '1-0', '0-0', '1-0', '0-0', '0-0'])),
      ),
    ).toEqual([]);
  });

  it.each([
    ['soccer', '0-0', '2-0', []],
    ['soccer', '1-0', '0-0', []],
    ['soccer', '0-0', '0-1', ['12000: 0 to 1']],
    ['soccer', '0:0', '0:1', ['12000: 0 to 1']],
    ['basketball', '40-38', '43-38', ['12000: 40 to 43']],
    ['basketball', '40-38', '44-38', []],
    ['cricket', '152-3', '156-3', ['12000: 152 to 156']],
    ['cricket', '152-3', '152-4', ['12000: 3 to 4']],
    ['cricket', '152-3', '159-3', []],
    ['tennis', '15-0', '30-0', ['12000: 15 to 30']],
    ['tennis', '15-0', '40-0', []],
    ['soccer', '29-0', '30-0', ['12000: 29 to 30']],
    ['soccer', '30-0', '31-0', []],
    ['soccer', '06-0', '07-0', []],
  ])('%s: %s to %s gives %j', (sport, before, after, expected) => {
    const history = follow(looksOf([...times(6, before), ...times(4, after)]), sport);
    expect(changesOf(history)).toEqual(expected);
  });

  it('finds the next goal after one was taken back', () => {
    const history = follow(
      looksOf([...times(6, '0-0'), ...times(6, '1-0'), ...times(8, '0-0'), ...times(4, '1-0')]),
    );
    expect(changesOf(history)).toEqual(['12000: 0 to 1', '40000: 0 to 1']);
  });

  it('takes a bug that is away for what it is, and finds the change when it is back', () => {
    const history = follow(looksOf([...times(8, '0-0'), ...times(6, undefined), ...times(4, '1-0')]));
    expect(history.absences).toEqual([{ fromMs: 16_000, untilMs: 28_000 }]);
    expect(changesOf(history)).toEqual(['28000: 0 to 1']);
    expect(
      changesOf(follow(looksOf([...times(8, '0-0'), ...times(6, undefined), ...times(4, '0-0')]))),
    ).toEqual([]);
  });

  it('does not miss a bug that it never knew', () => {
    expect(follow(looksOf([...times(3, '0-0'), ...times(6, undefined)])).absences).toEqual([]);
    expect(follow(times(20, [])).absences).toEqual([]);
  });

  it('does not believe a number at the place of the score while the rest of the bug is away', () => {
    const history = follow([
      ...looksOf(times(8, '0-0')),
      ...[0, 1, 2, 3].map(advertOf),
      ...looksOf(times(3, '0-0')),
    ]);
    expect(changesOf(history)).toEqual([]);
  });

  it('takes a clock for a clock: up, down, stopped, in two pieces, or with its minutes apart', () => {
    const clocks: ((atMs: number) => Words)[] = [
      (atMs) => [[160, clockAt(atMs)]],
      (atMs) => [[160, clockAt(-atMs, 600_000)]],
      (atMs) => [[160, clockAt(Math.min(atMs, 20_000))]],
      (atMs) => [
        [160, clockAt(atMs).slice(0, 2)],
        [179, clockAt(atMs).slice(2)],
      ],
      (atMs) => [
        [160, clockAt(atMs).slice(0, 3)],
        [188, clockAt(atMs).slice(3)],
      ],
    ];
    for (const clock of clocks) {
      const looks = Array.from({ length: 120 }, (_, index): Words => [
        [50, 'INT'],
        [85, '0-0'],
        [120, 'NAP'],
        ...clock(index * 2000),
      ]);
      expect(changesOf(follow(looks))).toEqual([]);
    }
  });

  it('follows a score that gains a digit, and single numbers instead of a pair', () => {
    const history = follow([...times(6, separate('9', '7')), ...times(4, separate('10', '7'))]);
    expect(changesOf(history)).toEqual(['12000: 9 to 10']);
  });

  it('reads a lone O as a nought', () => {
    expect(changesOf(follow([...times(6, separate('O', '3')), ...times(4, separate('1', '3'))]))).toEqual([
      '12000: 0 to 1',
    ]);
  });

  it('leaves alone what is not of its shape', () => {
    const strange = { ...readOf(0, []), evidence: { fields: 'none' } };
    expect(scoreboardReads([strange], Infinity)).toEqual([]);
  });
});
