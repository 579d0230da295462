import { expect, it } from 'vitest';

import { scalingPolicy } from '../../scaling/policy.ts';
import { readPolicy } from '../../scaling/read-policy.ts';

it('reads a policy as YAML or JSON; what is left out has its default', () => {
  const defaults = scalingPolicy.parse({});
  expect(readPolicy('countMin: 2 # always\nsloSeconds: 30\n', 'p.yaml')).toEqual({
    ...defaults,
    countMin: 2,
    sloSeconds: 30,
  });
  expect(readPolicy('{"countMax": 9}', 'p.json')).toEqual({ ...defaults, countMax: 9 });
  expect(readPolicy('', 'p.yaml')).toEqual(defaults);
});

it.each([
  ['countMin: 5\ncountMax: 4', 'p.yaml: countMin: is 5, more than countMax (4)'],
  ['utilisationMax: 1\nspareCount: -1', /utilisationMax: .*; spareCount: /],
  ['countMaximum: 4', 'unknown field countMaximum'],
  ['countMin: [', 'p.yaml is neither YAML nor JSON'],
  ['- 1', 'p.yaml: the policy: '],
])('names the field that is wrong: %j', (text, message) => {
  expect(() => readPolicy(text, 'p.yaml')).toThrow(message);
});
