import type { Page } from 'playwright-core';

import type { Person } from '../../support/evening.ts';

/** Who is there this evening, and what they look at. Filled as it goes on. */
export interface People {
  ana: Person;
  /** The second editor, on a laptop whose line can be cut. */
  bo: Person;
  /** The contributor's phone: a link, and no account. */
  phone: Page;
  feed: { stop: () => Promise<void> };
  momentId: string;
  clipId: string;
}
