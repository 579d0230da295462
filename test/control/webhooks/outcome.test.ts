import { expect, it } from 'vitest';

import { outcomeOf } from '../../../control/webhooks/outcome.ts';

const hourMs = 3_600_000;
const random = (unit: number) => ({ unit: () => unit, bytes: (count: number) => new Uint8Array(count) });
const answered = (status: number, retryAfterMs?: number) =>
  ({ kind: 'answered', status, text: '', retryAfterMs, tookMs: 1 }) as const;

it('ten tries, at the times of Standard Webhooks, and then no more', () => {
  const waits = Array.from({ length: 10 }, (_, nth) => {
    const outcome = outcomeOf(answered(500), nth + 1, 0, random(0));
    return outcome.kind === 'again' ? outcome.atMs : outcome.kind;
  });
  const h = hourMs;
  expect(waits).toEqual([5_000, 300_000, h / 2, 2 * h, 5 * h, 10 * h, 14 * h, 20 * h, 24 * h, 'failed']);
});

it('a tenth of each wait is drawn, so that what failed together does not come back together', () => {
  expect(outcomeOf(answered(500), 1, 0, random(1))).toMatchObject({ atMs: 4_500 });
});

it.each([
  [199, 'again'],
  [200, 'delivered'],
  [299, 'delivered'],
  [300, 'again'],
  [404, 'again'],
  [410, 'gone'],
  [411, 'again'],
])('an answer of %i: %s', (status, kind) => {
  expect(outcomeOf(answered(status), 1, 0, random(0)).kind).toBe(kind);
});

it('a receiver that asks for patience gets it, up to a day', () => {
  expect(outcomeOf(answered(503, 60_000), 1, 0, random(0))).toMatchObject({ atMs: 60_000 });
  expect(outcomeOf(answered(503, 1_000), 1, 0, random(0))).toMatchObject({ atMs: 5_000 });
  expect(outcomeOf(answered(503, 25 * hourMs), 1, 0, random(0))).toMatchObject({ atMs: 24 * hourMs });
});
