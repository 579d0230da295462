import { ask } from '../../api.ts';
import { listen } from '../../live/live-events.ts';
import { me } from '../../session.ts';
import { tell, tellFault } from '../../toasts.tsx';
import { pendingDecisions } from './pending-decisions.ts';
import { ReviewStore } from './review-store.ts';

/** The queue of this page, with the server, the events and the store of this browser behind it. */
export function openReviewStore(): ReviewStore {
  return new ReviewStore({
    ask,
    listen,
    decisions: pendingDecisions,
    myName: () => me.value?.name ?? null,
    tell,
    tellFault,
  });
}
