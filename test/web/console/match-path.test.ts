import { describe, expect, it } from 'vitest';

import { match } from '../../../web/console/match-path.ts';

describe('an address of the console', () => {
  it.each([
    ['/', '/', {}],
    ['/live', '/live', {}],
    ['/live', '/live/', {}],
    ['/clips/:id', '/clips/clp_1', { id: 'clp_1' }],
    ['/channels/:id', '/channels/Pitch%201', { id: 'Pitch 1' }],
    ['/channels/:id', '/channels/a%2Fb', { id: 'a/b' }],
    ['/operations/clips/:id', '/operations/clips/clp_1', { id: 'clp_1' }],
  ])('fits %s: %s', (pattern, at, params) => {
    expect(match(pattern, at)).toEqual(params);
  });

  it.each([
    ['/', '/live'],
    ['/live', '/'],
    ['/clips/:id', '/clips'],
    ['/clips/:id', '/clips/'],
    ['/clips/:id', '/clips/clp_1/more'],
    ['/clips/:id', '/clips/%zz'],
    ['/c/:secret', '/c/'],
  ])('fits %s not: %s', (pattern, at) => {
    expect(match(pattern, at)).toBeUndefined();
  });
});
