import type { WebOptions } from '../../web/web-options.ts';

/** Nobody edits in this test. */
export function noEdits(): WebOptions['edits'] {
  return {
    read: nothing,
    save: nothing,
    reset: nothing,
    context: nothing,
    newestContext: nothing,
    make: nothing,
    clipLast: nothing,
  };
}

/** An empty queue. */
export function noReview(): WebOptions['review'] {
  return {
    list: async () => ({
      moments: [],
      next: null,
      counts: { must: 0, likely: 0, maybe: 0 },
      decidedCount: 0,
      decisionMsP50: null,
      labels: [],
    }),
    decide: nothing,
    claim: nothing,
    release: async () => undefined,
  };
}

function nothing(): never {
  throw new Error('nothing is edited in this test');
}
