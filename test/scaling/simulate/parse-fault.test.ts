import { expect, it } from 'vitest';

import { faultForms, parseFaults } from '../../../scaling/simulate/parse-fault.ts';

it('reads what is to go wrong, in minutes from the start', () => {
  const texts = [
    'shortage=200-236:16',
    'spot=0.2:120',
    'stale=1-2',
    'crash=3-4',
    'crash=5-6',
    'throttle=0.3',
  ];
  expect(parseFaults(texts, 1000)).toEqual({
    shortages: [{ fromMs: 12_001_000, toMs: 14_161_000, countMax: 16 }],
    spot: { killsPerMachineHour: 0.2, noticeSeconds: 120 },
    stale: [{ fromMs: 61_000, toMs: 121_000 }],
    crashes: [
      { fromMs: 181_000, toMs: 241_000 },
      { fromMs: 301_000, toMs: 361_000 },
    ],
    throttledShare: 0.3,
  });
  expect(parseFaults([], 0)).toEqual({});
});

it('understands its own examples', () => {
  for (const form of Object.values(faultForms))
    expect(() => parseFaults([form.split(' ')[0] ?? ''], 0)).not.toThrow();
});

it.each([
  ['help', 'shortage=200-236:16'],
  ['shortage=200-236', 'shortage=200-236:16'],
  ['stale=9-9', 'stale=200-210'],
  ['spot=0:120', 'spot=0.2:120'],
  ['spot=0.2', 'spot=0.2:120'],
  ['throttle=1.1', 'throttle=0.3'],
  ['crash=a-b', 'crash=200-210'],
])('says what would be right in place of %s', (text, example) => {
  expect(() => parseFaults([text], 0)).toThrow(example);
});
