import { describe, expect, it } from 'vitest';

import { FailureBudget } from '../../../ingest/rtmp/failure-budget.ts';

describe('FailureBudget', () => {
  it('lets 20 tries of a minute through and says how long the next has to wait', () => {
    const budget = new FailureBudget();
    for (let nowMs = 0; nowMs < 20; nowMs += 1) expect(budget.charge('192.0.2.1', nowMs)).toBe(0);
    expect(budget.charge('192.0.2.1', 20)).toBe(59_980);
    expect(budget.charge('192.0.2.1', 59_999)).toBe(1);
    expect(budget.charge('192.0.2.1', 60_000)).toBe(0);
    expect(budget.charge('192.0.2.1', 60_000)).toBe(1);
  });

  it('holds nothing against an address for tries that were right', () => {
    const budget = new FailureBudget();
    for (let nowMs = 0; nowMs < 100; nowMs += 1) {
      expect(budget.charge('192.0.2.1', nowMs)).toBe(0);
      budget.refund('192.0.2.1', nowMs);
    }
  });

  it('charges tries when they begin: many at once are no way around', () => {
    const budget = new FailureBudget();
    const waits = Array.from({ length: 30 }, () => budget.charge('192.0.2.1', 5));
    expect(waits.filter((waitMs) => waitMs === 0)).toHaveLength(20);
  });

  it.each([
    { a: '192.0.2.1', b: '192.0.2.2', isSame: false },
    { a: '2001:db8:1:2::1', b: '2001:db8:1:2:ffff::7', isSame: true },
    { a: '2001:db8:1:2::1', b: '2001:db8:1:3::1', isSame: false },
    { a: '2001:db8::1', b: '2001:db8:0:0:1::2', isSame: true },
    { a: '::1', b: '::2', isSame: true },
    { a: 'fe80::1%eth0', b: 'fe80::2%eth0', isSame: true },
  ])('counts $a and $b together: $isSame', ({ a, b, isSame }) => {
    const budget = new FailureBudget();
    for (let count = 0; count < 20; count += 1) budget.charge(a, 0);
    expect(budget.charge(b, 0) > 0).toBe(isSame);
  });

  it('forgets the address unseen for longest when there are ten thousand', () => {
    const budget = new FailureBudget();
    for (let count = 0; count < 20; count += 1) budget.charge('a', 0);
    for (let other = 0; other < 9999; other += 1) budget.charge(`other ${other}`, 0);
    expect(budget.charge('a', 0)).toBeGreaterThan(0);
    for (let other = 0; other < 10_000; other += 1) budget.charge(`another ${other}`, 0);
    expect(budget.charge('a', 0)).toBe(0);
  });
});
