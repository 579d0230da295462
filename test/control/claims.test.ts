import { expect, it } from 'vitest';

import { Claims } from '../../control/claims.ts';
import { systemClock } from '../../core/clock.ts';

const ana = { id: 'usr_ana', name: 'Ana' };
const ben = { id: 'usr_ben', name: 'Ben' };

function claimsAt(): { claims: Claims; pass: (ms: number) => void } {
  let nowMs = 1_000;
  const claims = new Claims({ ...systemClock, monotonicMs: () => nowMs });
  return { claims, pass: (ms) => (nowMs += ms) };
}

it('a claim holds for 30 s, and no longer unless it is renewed', () => {
  const { claims, pass } = claimsAt();
  claims.take('mom_1', ana);
  pass(29_999);
  expect(claims.take('mom_1', ben)).toEqual(ana);
  claims.take('mom_1', ana);
  pass(29_999);
  expect(claims.holderOf('mom_1')).toEqual(ana);
  pass(1);
  expect(claims.holderOf('mom_1')).toBeUndefined();
  expect(claims.take('mom_1', ben)).toEqual(ben);
});

it('who goes on to another moment lets go of the one before', () => {
  const { claims } = claimsAt();
  claims.take('mom_1', ana);
  claims.take('mom_2', ana);
  expect(claims.holderOf('mom_1')).toBeUndefined();
  expect(claims.holderOf('mom_2')).toEqual(ana);
});

it('only who has a claim can give it back', () => {
  const { claims } = claimsAt();
  claims.take('mom_1', ana);
  expect(claims.release('mom_1', ben)).toBe(false);
  expect(claims.release('mom_1', ana)).toBe(true);
  expect(claims.release('mom_1', ana)).toBe(false);
});
