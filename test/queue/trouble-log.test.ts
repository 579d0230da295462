import { expect, it } from 'vitest';

import { silentLog } from '../../core/log.ts';
import { TroubleLog } from '../../queue/trouble-log.ts';

it('reports a trouble at once, and its repeats once a second', () => {
  let nowMs = 0;
  const lines: unknown[] = [];
  const trouble = new TroubleLog({
    log: {
      ...silentLog,
      warn: (_message, fields = {}) => lines.push([String(fields['error']), fields['repeats']]),
    },
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => {} },
  });
  for (const atMs of [0, 10, 999]) {
    nowMs = atMs;
    trouble.report(new Error('away'));
  }
  trouble.report(new Error('full'));
  nowMs = 1_000;
  trouble.report(new Error('away'));
  expect(lines).toEqual([
    ['Error: away', 0],
    ['Error: full', 0],
    ['Error: away', 2],
  ]);
});
