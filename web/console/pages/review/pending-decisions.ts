import { ask } from '../../api.ts';
import { nowMs, randomId } from '../../browser.ts';
import { me } from '../../session.ts';
import { DecisionOutbox } from './decision-outbox.ts';

const againMs = 3_000;

/** Of this browser: kept in its store, sent by whichever tab is open. */
export const pendingDecisions = new DecisionOutbox({
  store: {
    names: () => Object.keys(localStorage),
    read: (name) => localStorage.getItem(name),
    write: (name, text) => localStorage.setItem(name, text),
    remove: (name) => localStorage.removeItem(name),
  },
  userId: () => me.value?.id,
  send: async (body, idempotencyKey) =>
    await ask('/moments/decisions', { method: 'POST', body, idempotencyKey }),
  pause: async () => await new Promise((resolve) => setTimeout(resolve, againMs)),
  nowMs,
  randomId,
});

// Only other tabs hear of a change.
addEventListener('storage', ({ key, oldValue, newValue }) => {
  if (key !== null && newValue === null) pendingDecisions.removedElsewhere(key, oldValue);
});

export const pendingCount = pendingDecisions.count;
