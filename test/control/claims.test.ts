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
  expect(claims.take('mom_1', ben).holder).toEqual(ana);
  claims.take('mom_1', ana);
  pass(29_999);
  expect(claims.holderOf('mom_1')).toEqual(ana);
  pass(1);
  expect(claims.holderOf('mom_1')).toBeUndefined();
  expect(claims.take('mom_1', ben).holder).toEqual(ben);
});

it('who goes on to another moment lets go of the one before', () => {
  const { claims } = claimsAt();
  claims.take('mom_1', ana);
  expect(claims.take('mom_2', ana)).toEqual({ holder: ana, freedIds: ['mom_1'] });
  // Said again, it lets go of nothing.
  expect(claims.take('mom_2', ana).freedIds).toEqual([]);
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

it('what nobody renews ends after 30 s to the ms, and is named once', () => {
  const { claims, pass } = claimsAt();
  expect(claims.msToNextEnd()).toBeUndefined();
  claims.take('mom_1', ana);
  pass(10_000);
  claims.take('mom_2', ben);
  expect(claims.msToNextEnd()).toBe(20_000);
  pass(19_999);
  expect([claims.endOver(), claims.msToNextEnd()]).toEqual([[], 1]);
  pass(1);
  expect(claims.endOver()).toEqual(['mom_1']);
  expect([claims.endOver(), claims.msToNextEnd()]).toEqual([[], 10_000]);
});

it('who looks at what another looks at keeps what they had', () => {
  const { claims } = claimsAt();
  claims.take('mom_1', ana);
  claims.take('mom_2', ben);
  expect(claims.take('mom_1', ben)).toEqual({ holder: ana, freedIds: [] });
  expect(claims.holderOf('mom_2')).toEqual(ben);
});
