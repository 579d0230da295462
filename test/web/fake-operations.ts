import type { WebOptions } from '../../web/web-options.ts';

/** Nothing runs in this test. */
export function noOperations(): WebOptions['operations'] {
  return {
    read: async () => {
      throw new Error('nobody looks at the operation in this test');
    },
  };
}
