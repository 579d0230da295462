import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { parsePolicy, readPolicyFile } from '../../scaling/policy-file.ts';
import { scalingPolicy } from '../../scaling/policy.ts';

const defaults = scalingPolicy.parse({});

describe('a policy file', () => {
  it('changes what it names', () => {
    const folder = mkdtempSync(join(tmpdir(), 'touchline-policy-'));
    try {
      const path = join(folder, 'fleet.yaml');
      writeFileSync(path, 'countMax: 12 # a quota\nsloSeconds: 30\n');
      expect(readPolicyFile(path)).toEqual({ ...defaults, countMax: 12, sloSeconds: 30 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('may be JSON, may be empty, and need not be', () => {
    expect(parsePolicy('{ "countMin": 2 }', 'p')).toEqual({ ...defaults, countMin: 2 });
    expect(parsePolicy('', 'p')).toEqual(defaults);
    expect(readPolicyFile(undefined)).toEqual(defaults);
  });

  it('goes before the defaults of the place, and together with them must not contradict itself', () => {
    const here = { countMin: 1, countMax: 2, bootSecondsPrior: 5 };
    expect(parsePolicy('countMin: 0', 'p', here)).toEqual({ ...defaults, ...here, countMin: 0 });
    expect(readPolicyFile(undefined, here)).toEqual({ ...defaults, ...here });
    expect(() => parsePolicy('countMin: 3', 'p', here)).toThrow('countMin is 3, more than countMax (2)');
    expect(() => parsePolicy('- 5', 'p', here)).toThrow('must hold fields of a policy by name');
  });

  it.each([
    ['countMax: 0', /^p: countMax .*\(got 0\)$/],
    ['countMin: 9\ncountMax: 5', /^p: countMin is 9, more than countMax \(5\) \(got 9\)$/],
    ['maxCount: 5', /^p: maxCount is nothing that a policy has/],
    ['maxCount: 5\ncountMax: many', /2 fields are wrong:\n {2}.*countMax.*"many".*\n?/s],
    ['- 5', /^p: must hold fields of a policy by name/],
    ['countMax: [', /^p: line 1 is not YAML/],
    ['countMax: 1\ncountMax: 2', /^p: line 2 is not YAML/],
  ])('says what is wrong in %j', (text, message) => {
    expect(() => parsePolicy(text, 'p')).toThrow(message);
  });

  it('has to be there when it is named', () => {
    expect(() => readPolicyFile('/no/such/file.yaml')).toThrow('/no/such/file.yaml: cannot be read (ENOENT)');
  });
});
