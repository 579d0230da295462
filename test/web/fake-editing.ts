import type { WebOptions } from '../../web/web-options.ts';

/** Nobody edits in this test. */
export function noEdits(): WebOptions['edits'] {
  return {
    read: nothing,
    save: nothing,
    reset: nothing,
    recut: nothing,
    context: nothing,
    newestContext: nothing,
    make: nothing,
    clipLast: nothing,
  };
}

/** Nobody has been sent a clip. */
export function noClipLinks(): WebOptions['clipLinks'] {
  return { make: nothing, list: async () => [], revoke: nothing, open: async () => undefined };
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
