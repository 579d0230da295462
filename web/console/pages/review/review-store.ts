import { computed, signal } from '@preact/signals';

import type { Lane, ReviewMoment, ReviewPage } from '../../../api/schemas/review.ts';
import { ask } from '../../api.ts';
import { listen } from '../../live/live-events.ts';
import { me } from '../../session.ts';
import { tell, tellFault } from '../../toasts.tsx';
import { addDecision, openDecisions, pendingDecisionOf } from './pending-decisions.ts';
import { inOrder, nextFocus, rangeBetween } from './queue.ts';

type Decision = ReviewMoment['decision'];

export interface Filter {
  decision: Decision | 'all';
  channelId: string;
  label: string;
  q: string;
}

const pageSize = 500;
/** Many events about one clip come together. */
const gatherMs = 120;
const idsAtOnce = 100;
const undoMax = 100;

interface Undo {
  before: Map<string, Decision>;
  focusId: string | undefined;
}

/** The queue as this page shows it: what is in it, what is looked at, what is marked. */
export class ReviewStore {
  readonly filter = signal<Filter>({ decision: 'undecided', channelId: '', label: '', q: '' });
  readonly moments = signal<ReadonlyMap<string, ReviewMoment>>(new Map());
  readonly about = signal<Omit<ReviewPage, 'moments' | 'next'> | undefined>(undefined);
  readonly fault = signal<unknown>(undefined);
  readonly focusId = signal<string | undefined>(undefined);
  readonly marked = signal<ReadonlySet<string>>(new Set());
  readonly order = computed(() => inOrder(this.moments.value.values()));
  readonly focused = computed(() => this.moments.value.get(this.focusId.value ?? ''));
  /** The two that come after: their files are fetched while one is looked at. */
  readonly upcoming = computed(() => {
    const at = this.order.value.findIndex(({ id }) => id === this.focusId.value);
    return this.order.value.slice(at + 1, at + 3);
  });
  readonly #undos: Undo[] = [];
  #loads = 0;

  /** Reads the queue and follows what happens until the returned function is called. */
  start(): () => void {
    let waiting = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const gather = (id: string): void => {
      waiting.add(id);
      timer ??= setTimeout(() => {
        timer = undefined;
        const ids = [...waiting];
        waiting = new Set();
        void this.#refresh(ids);
      }, gatherMs);
    };
    openDecisions((ids, error) => {
      tellFault('The decision was refused')(error);
      void this.#refresh(ids);
    });
    void this.load();
    const stop = listen({
      onRefresh: () => void this.load(),
      onEvent: ({ kind, subjectId }) => {
        if (subjectId === null) return;
        if (kind.startsWith('moment.')) gather(subjectId);
        if (kind.startsWith('clip.')) gather(subjectId.replace(/^clp_/, 'mom_'));
      },
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }

  setFilter(change: Partial<Filter>): void {
    this.filter.value = { ...this.filter.value, ...change };
    this.marked.value = new Set();
    void this.load();
  }

  async load(): Promise<void> {
    this.#loads += 1;
    const mine = this.#loads;
    try {
      const found = new Map<string, ReviewMoment>();
      let cursor: string | null = null;
      do {
        const page: ReviewPage = await ask<ReviewPage>(`/review?${this.#query(cursor)}`);
        if (mine !== this.#loads) return;
        for (const moment of page.moments) found.set(moment.id, this.#asWanted(moment));
        const { moments: _, next, ...about } = page;
        this.about.value = about;
        // The first page is shown while the others come.
        this.#show(found);
        cursor = next;
      } while (cursor !== null);
      this.fault.value = undefined;
    } catch (error) {
      if (mine === this.#loads) this.fault.value = error;
    }
  }

  focus(id: string | undefined): void {
    this.focusId.value = id;
  }

  /** The one before or behind. With `isMarking` everything in between is marked. */
  move(step: 1 | -1, isMarking = false): void {
    const order = this.order.value;
    const at = order.findIndex(({ id }) => id === this.focusId.value);
    const next = order[Math.max(0, Math.min(order.length - 1, at + step))];
    if (!next) return;
    if (isMarking)
      this.marked.value = new Set([...this.marked.value, this.focusId.value ?? next.id, next.id]);
    else this.marked.value = new Set();
    this.focus(next.id);
  }

  markTo(id: string): void {
    const from = this.focusId.value ?? id;
    this.marked.value = new Set([...this.marked.value, ...rangeBetween(this.order.value, from, id)]);
  }

  toggleMark(id: string): void {
    const marked = new Set(this.marked.value);
    if (!marked.delete(id)) marked.add(id);
    this.marked.value = marked;
  }

  markAll(): void {
    this.marked.value = new Set(this.order.value.map(({ id }) => id));
  }

  /** What a decision is about: the marked ones, or the one that is looked at. */
  get subjects(): string[] {
    if (this.marked.value.size > 0) return [...this.marked.value];
    return this.focusId.value === undefined ? [] : [this.focusId.value];
  }

  /** Shown at once; the server hears of it behind that. */
  decide(ids: readonly string[], decision: Decision): void {
    const known = ids.flatMap((id) => this.moments.value.get(id) ?? []);
    const changing = known.filter((moment) => moment.decision !== decision);
    const leaving = new Set(ids);
    const focusId = this.focusId.value;
    const next = nextFocus(this.order.value, leaving, focusId);
    if (changing.length > 0) {
      const undo = { before: new Map(changing.map((one) => [one.id, one.decision])), focusId };
      this.#undos.push(undo);
      if (this.#undos.length > undoMax) this.#undos.shift();
      addDecision(
        changing.map(({ id }) => id),
        decision,
      );
      this.#put(changing.map((one) => ({ ...one, decision, decidedBy: me.value?.name ?? null })));
      this.#count(changing, decision);
      const words = { approved: 'Approved', rejected: 'Rejected', undecided: 'Undecided again' }[decision];
      const many = changing.length > 1 ? `: ${changing.length} moments` : '';
      tell(`${words}${many}`, { label: 'Undo (Ctrl+Z)', act: () => this.undo(undo) });
    }
    this.marked.value = new Set();
    if (focusId === undefined || leaving.has(focusId))
      this.focus(next ?? (this.#fits(decision) ? focusId : undefined));
  }

  /** The last decision, or that one. */
  undo(which = this.#undos.at(-1)): void {
    const last = this.#undos.find((one) => one === which);
    if (!last) {
      tell('Nothing to undo');
      return;
    }
    for (const decision of ['undecided', 'approved', 'rejected'] as const) {
      const ids = [...last.before].flatMap(([id, before]) => (before === decision ? [id] : []));
      addDecision(ids, decision);
    }
    this.#undos.splice(this.#undos.indexOf(last), 1);
    this.focus(last.focusId);
    void this.#refresh([...last.before.keys()], last.before);
  }

  async #refresh(ids: readonly string[], wanted?: ReadonlyMap<string, Decision>): Promise<void> {
    for (let from = 0; from < ids.length; from += idsAtOnce) {
      const some = ids.slice(from, from + idsAtOnce);
      const query = new URLSearchParams(this.#query(null));
      query.set('ids', some.join(','));
      query.set('decision', 'all');
      try {
        const page = await ask<ReviewPage>(`/review?${query.toString()}`);
        const found = page.moments.map((one) => {
          const decision = wanted?.get(one.id);
          return decision === undefined ? this.#asWanted(one) : { ...one, decision };
        });
        const gone = some.filter((id) => !found.some((one) => one.id === id));
        this.#put(found, gone);
      } catch (error) {
        this.fault.value = error;
      }
    }
    void this.#readCounts();
  }

  async #readCounts(): Promise<void> {
    const query = new URLSearchParams(this.#query(null));
    query.set('limit', '1');
    const page = await ask<ReviewPage>(`/review?${query.toString()}`).catch(() => undefined);
    if (!page) return;
    const { moments: _, next: _next, ...about } = page;
    this.about.value = about;
  }

  /** Keeps what fits the filter, and whatever is looked at: that one never vanishes under somebody's eyes. */
  #put(changed: readonly ReviewMoment[], gone: readonly string[] = []): void {
    const moments = new Map(this.moments.value);
    for (const moment of changed) {
      if (this.#fits(moment.decision) && moment.state !== 'withdrawn') moments.set(moment.id, moment);
      else moments.delete(moment.id);
    }
    for (const id of gone) moments.delete(id);
    this.#show(moments);
  }

  #show(moments: ReadonlyMap<string, ReviewMoment>): void {
    const before = this.order.value;
    this.moments.value = moments;
    const focusId = this.focusId.value;
    if (focusId !== undefined && moments.has(focusId)) return;
    const left = new Set(before.flatMap(({ id }) => (moments.has(id) ? [] : [id])));
    this.focus(nextFocus(before, left, focusId) ?? this.order.value[0]?.id);
  }

  /** The server may not have heard yet what was decided here. */
  #asWanted(moment: ReviewMoment): ReviewMoment {
    const decision = pendingDecisionOf(moment.id);
    return decision === undefined ? moment : { ...moment, decision };
  }

  #count(changed: readonly ReviewMoment[], decision: Decision): void {
    const about = this.about.value;
    if (!about || this.#fits(decision)) return;
    const counts: Record<Lane, number> = { ...about.counts };
    for (const { lane } of changed) counts[lane] = Math.max(0, counts[lane] - 1);
    this.about.value = { ...about, counts, decidedCount: about.decidedCount + changed.length };
  }

  #fits(decision: Decision): boolean {
    const { decision: wanted } = this.filter.value;
    return wanted === 'all' || wanted === decision;
  }

  #query(cursor: string | null): string {
    const { decision, channelId, label, q } = this.filter.value;
    const query = new URLSearchParams({ decision, limit: String(pageSize) });
    if (channelId !== '') query.set('channelId', channelId);
    if (label !== '') query.set('label', label);
    if (q.trim() !== '') query.set('q', q.trim());
    if (cursor !== null) query.set('cursor', cursor);
    return query.toString();
  }
}
