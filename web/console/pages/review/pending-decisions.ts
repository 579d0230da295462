import { signal } from '@preact/signals';

import type { ReviewMoment } from '../../../api/schemas/review.ts';
import { ApiError, ask } from '../../api.ts';
import { nowMs, randomId } from '../../browser.ts';
import { me } from '../../session.ts';

type Decision = ReviewMoment['decision'];

interface Pending {
  /** Of whoever decided: nobody else's session carries it out. */
  userId: string;
  ids: string[];
  decision: Decision;
  atMs: number;
}

const prefix = 'touchline.pending-decision.';
const againMs = 3_000;

/** Decisions that the server has not confirmed yet; more than none for long means that it is away. */
export const pendingCount = signal(0);

/** What the server refused, for the page that is open. */
let onRefused: ((ids: readonly string[], error: unknown) => void) | undefined;
let isSending = false;

/**
 * Decisions on their way, one entry of the browser's store for each: they outlive a lost line, a closed tab and another tab, and
 * none is carried out twice, because each goes under a key of its own.
 */
export function addDecision(ids: readonly string[], decision: Decision): void {
  const userId = me.value?.id;
  if (userId === undefined || ids.length === 0) return;
  const entry: Pending = { userId, ids: [...ids], decision, atMs: nowMs() };
  localStorage.setItem(prefix + randomId(), JSON.stringify(entry));
  void sendDecisions();
}

/** Hears of refusals from now on, and sends what an earlier page left. */
export function openDecisions(refused: (ids: readonly string[], error: unknown) => void): void {
  onRefused = refused;
  void sendDecisions();
}

/** What somebody wants of a moment and the server does not know yet. */
export function pendingDecisionOf(id: string): Decision | undefined {
  return ours().findLast(({ entry }) => entry.ids.includes(id))?.entry.decision;
}

async function sendDecisions(): Promise<void> {
  pendingCount.value = ours().length;
  if (isSending) return;
  isSending = true;
  try {
    for (let first = ours()[0]; first; first = ours()[0]) {
      const { name, entry } = first;
      const { ids, decision } = entry;
      try {
        const idempotencyKey = name.slice(prefix.length);
        await ask('/moments/decisions', { method: 'POST', body: { ids, decision }, idempotencyKey });
      } catch (error) {
        if (isAway(error)) {
          await new Promise((resolve) => setTimeout(resolve, againMs));
          continue;
        }
        onRefused?.(ids, error);
      }
      localStorage.removeItem(name);
      pendingCount.value = ours().length;
    }
  } finally {
    isSending = false;
  }
}

/** In the order in which they were made. */
function ours(): { name: string; entry: Pending }[] {
  const userId = me.value?.id;
  return Object.keys(localStorage)
    .filter((name) => name.startsWith(prefix))
    .flatMap((name) => {
      const entry = read(name);
      return entry && entry.userId === userId ? [{ name, entry }] : [];
    })
    .toSorted((one, other) => one.entry.atMs - other.entry.atMs);
}

function read(name: string): Pending | undefined {
  try {
    return JSON.parse(localStorage.getItem(name) ?? '') as Pending;
  } catch {
    return undefined;
  }
}

/** No answer, or one that says "not now": the wish stays. Signed out: it waits for the same person to sign in again. */
function isAway(error: unknown): boolean {
  if (!(error instanceof ApiError)) return true;
  const { status, code } = error;
  return status >= 500 || status === 401 || status === 429 || code === 'request.conflict';
}
