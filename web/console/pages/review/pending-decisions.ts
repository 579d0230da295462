import { signal } from '@preact/signals';

import type { ReviewMoment } from '../../../api/schemas/review.ts';
import { ApiError, ask } from '../../api.ts';
import { randomId } from '../../browser.ts';

type Decision = ReviewMoment['decision'];

interface Pending {
  ids: string[];
  decision: Decision;
  /** The same wish sent twice is done once. */
  key: string;
}

const storageKey = 'touchline.pending-decisions';
const againMs = 3_000;

/** Decisions that the server has not confirmed yet; more than none for long means that it is away. */
export const pendingCount = signal(0);

/**
 * Decisions on their way, in their order. They outlive a lost line and a closed tab, and none is carried out twice: each
 * carries a key. What the server refuses is handed to `onRefused`.
 */
export class PendingDecisions {
  readonly #onRefused: (ids: readonly string[], error: unknown) => void;
  #waiting: Pending[] = read();
  #isSending = false;

  constructor(onRefused: (ids: readonly string[], error: unknown) => void) {
    this.#onRefused = onRefused;
    pendingCount.value = this.#waiting.length;
    void this.#send();
  }

  add(ids: readonly string[], decision: Decision): void {
    this.#waiting.push({ ids: [...ids], decision, key: randomId() });
    this.#keep();
    void this.#send();
  }

  /** What somebody wants of a moment and the server does not know yet. */
  of(id: string): Decision | undefined {
    return this.#waiting.findLast(({ ids }) => ids.includes(id))?.decision;
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
        const { ids, decision, key } = first;
        try {
          await ask('/moments/decisions', { method: 'POST', body: { ids, decision }, idempotencyKey: key });
        } catch (error) {
          if (isAway(error)) {
            await new Promise((resolve) => setTimeout(resolve, againMs));
            continue;
          }
          this.#onRefused(ids, error);
        }
        this.#waiting = this.#waiting.filter((one) => one !== first);
        this.#keep();
      }
    } finally {
      this.#isSending = false;
    }
  }

  #keep(): void {
    pendingCount.value = this.#waiting.length;
    if (this.#waiting.length === 0) localStorage.removeItem(storageKey);
    else localStorage.setItem(storageKey, JSON.stringify(this.#waiting));
  }
}

/** No answer, or one that says "not now": the wish stays. Signed out: it waits for whoever signs in again. */
function isAway(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status >= 500 || error.status === 401 || error.status === 429;
}

function read(): Pending[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(storageKey) ?? '[]');
    return Array.isArray(kept) ? (kept as Pending[]) : [];
  } catch {
    return [];
  }
}
