import { signal } from '@preact/signals';

import type { ReviewMoment } from '../../../api/schemas/review.ts';
import { ApiError } from '../../api.ts';

type Decision = ReviewMoment['decision'];

interface Entry {
  /** Of whoever decided: nobody else's session carries it out. */
  userId: string;
  ids: string[];
  decision: Decision;
  atMs: number;
}

/** Where entries outlive the page: the browser's store, which its tabs share. */
export interface EntryStore {
  names(): string[];
  read(name: string): string | null;
  write(name: string, text: string): void;
  remove(name: string): void;
}

interface Options {
  store: EntryStore;
  userId: () => string | undefined;
  /** @throws ApiError where the server said no, anything else where it did not answer */
  send: (wish: { ids: string[]; decision: Decision }, idempotencyKey: string) => Promise<unknown>;
  /** Until it is worth trying again. */
  pause: () => Promise<void>;
  nowMs: () => number;
  randomId: () => string;
}

/** What became of a decision. `error` is what the server refused it with. */
interface Settled {
  ids: readonly string[];
  error?: unknown;
}

const prefix = 'touchline.pending-decision.';
/** What one request may name. */
const idsAtOnceMax = 500;

/**
 * Decisions on their way, one entry of the store for each: they outlive a lost line, a closed tab and another tab, and none is
 * carried out twice, because each goes under a key of its own.
 *
 * While an entry is there, nobody here knows whether the server has taken it. As soon as it is gone, what the server holds is the
 * truth, and may be another editor's word: whoever shows moments reads them again then (`onSettled`).
 */
export class DecisionOutbox {
  /** Decisions that the server has not confirmed yet; more than none for long means that it is away. */
  readonly count = signal(0);
  readonly #options: Options;
  #onSettled: ((settled: Settled) => void) | undefined;
  #isSending = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Hears of what settles from now on, and sends what an earlier page left. */
  open(onSettled: (settled: Settled) => void): () => void {
    this.#onSettled = onSettled;
    void this.#send();
    return () => {
      if (this.#onSettled === onSettled) this.#onSettled = undefined;
    };
  }

  add(ids: readonly string[], decision: Decision): void {
    const { store, userId, nowMs, randomId } = this.#options;
    const whose = userId();
    if (whose === undefined) return;
    for (let from = 0; from < ids.length; from += idsAtOnceMax) {
      // Behind all that came before, also within one millisecond and after the clock was set back.
      const atMs = Math.max(nowMs(), (this.#ours().at(-1)?.entry.atMs ?? 0) + 1);
      const entry: Entry = { userId: whose, ids: ids.slice(from, from + idsAtOnceMax), decision, atMs };
      store.write(prefix + randomId(), JSON.stringify(entry));
    }
    void this.#send();
  }

  /** What somebody wants of moments and the server may not know yet: the newest word on each. */
  wanted(): ReadonlyMap<string, Decision> {
    return new Map(
      this.#ours().flatMap(({ entry: { ids, decision } }) => ids.map((id) => [id, decision] as const)),
    );
  }

  /** Another tab has taken an entry out of the store that they share: the server has answered it. */
  removedElsewhere(name: string, text: string | null): void {
    const entry = name.startsWith(prefix) ? parsed(text) : undefined;
    if (!entry || entry.userId !== this.#options.userId()) return;
    this.count.value = this.#ours().length;
    this.#onSettled?.({ ids: entry.ids });
  }

  async #send(): Promise<void> {
    const { store, send, pause } = this.#options;
    this.count.value = this.#ours().length;
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      for (let first = this.#ours()[0]; first; first = this.#ours()[0]) {
        const { name, entry } = first;
        const { ids, decision } = entry;
        let refusal: { error: unknown } | undefined;
        try {
          await send({ ids, decision }, name.slice(prefix.length));
        } catch (error) {
          if (isAway(error)) {
            await pause();
            continue;
          }
          refusal = { error };
        }
        store.remove(name);
        this.count.value = this.#ours().length;
        this.#onSettled?.({ ids, ...refusal });
      }
    } finally {
      this.#isSending = false;
    }
  }

  /** In the order in which they were made. */
  #ours(): { name: string; entry: Entry }[] {
    const { store, userId } = this.#options;
    const whose = userId();
    return store
      .names()
      .filter((name) => name.startsWith(prefix))
      .flatMap((name) => {
        const entry = parsed(store.read(name));
        return entry && entry.userId === whose ? [{ name, entry }] : [];
      })
      .toSorted((one, other) => one.entry.atMs - other.entry.atMs);
  }
}

function parsed(text: string | null): Entry | undefined {
  try {
    return text === null ? undefined : (JSON.parse(text) as Entry);
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
