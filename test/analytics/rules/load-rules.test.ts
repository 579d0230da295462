import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { knownSports, loadRules, loadRulesFile } from '../../../analytics/rules/load-rules.ts';
import { TouchlineError } from '../../../core/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'touchline-rules-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(text: string): string {
  const path = join(folder, 'own.yaml');
  writeFileSync(path, text);
  return path;
}

function problemOf(text: string): TouchlineError {
  try {
    loadRulesFile(fileOf(text));
  } catch (thrown) {
    if (thrown instanceof TouchlineError) return thrown;
  }
  throw new Error('the rules should have been refused');
}

describe('loadRules', () => {
  it('ships rules for five sports', () => {
    expect(knownSports()).toEqual(['basketball', 'cricket', 'generic', 'soccer', 'tennis']);
  });

  it.each(knownSports())('has sound rules for %s', (sport) => {
    const rules = loadRules({ sport });
    expect(rules.sport).toBe(sport);
    // A full roar, or a full change of the score with everything else, has to be able to make a moment.
    expect(Math.max(rules.crowd.weight, rules.score.weight)).toBeGreaterThanOrEqual(rules.threshold);
  });

  it('says which sports there are when it has no rules for one', () => {
    expect(() => loadRules({ sport: 'quidditch' })).toThrow(
      /no rules for the sport "quidditch": use one of basketball, cricket, generic, soccer, tennis/,
    );
  });
});

describe('loadRulesFile', () => {
  it('takes from the rules it extends what it does not name', () => {
    const own = loadRulesFile(fileOf('extends: soccer\nthreshold: 0.7\ncrowd: { weight: 0.4 }\n'));
    const soccer = loadRules({ sport: 'soccer' });
    expect(own.threshold).toBe(0.7);
    expect(own.crowd).toEqual({ ...soccer.crowd, weight: 0.4 });
    expect(own.score).toEqual(soccer.score);
  });

  it('replaces lists instead of mixing them', () => {
    const own = loadRulesFile(fileOf('extends: soccer\nscore:\n  steps: [{ by: 7, label: touchdown }]\n'));
    expect(own.score.steps).toEqual([{ by: 7, label: 'touchdown', cell: 'any', worth: 1 }]);
  });

  it('reports every problem at once, each with its place', () => {
    const problem = problemOf(
      ['threshold: 1.5', 'crowd:', '  weight: loud', 'clipp: {}', 'clip:', '  leadMsMin: 12000'].join('\n'),
    );
    expect(problem).toMatchObject({ code: 'rules.invalid', blame: 'caller', retryable: false });
    expect(problem.message).toContain('own.yaml has 4 problems:');
    expect(problem.message).toContain('line 1, column 12: threshold');
    expect(problem.message).toContain('line 3, column 11: crowd.weight');
    expect(problem.message).toMatch(/line 4, column \d+: .*clipp/);
    expect(problem.message).toContain(
      'line 6, column 14: clip.leadMsMin must not exceed leadMs (got 12000 and 10000)',
    );
  });

  it.each([
    ['threshold: [1', /line 1/],
    ['- a\n- b', /must be a map of rules/],
    ['', /must be a map of rules/],
    ['extends: polo', /line 1, column 10: extends must be one of .*got "polo"/],
    ['extends: 7', /extends must be one of/],
    ['a: &x [1]\nthreshold: *y', /line/],
    ['score:\n  steps: [{ by: 1, from: 0, to: 1, label: goal }]', /either `by` or both `from` and `to`/],
  ])('refuses %j', (text, message) => {
    expect(problemOf(text).message).toMatch(message);
  });

  it('says which file it could not read', () => {
    expect(() => loadRulesFile(join(folder, 'absent.yaml'))).toThrow(
      /absent\.yaml could not be read \(ENOENT\)/,
    );
  });
});
