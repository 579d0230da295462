import { computed, signal } from '@preact/signals';

import type { Lane, ReviewMoment, ReviewPage } from '../../../api/schemas/review.ts';
import type { DecisionOutbox } from './decision-outbox.ts';
import { inOrder, nextFocus, rangeBetween } from './queue.ts';
import { ReadOrder } from './read-order.ts';

type Decision = ReviewMoment['decision'];

export interface Filter {
  decision: Decision | 'all';
  channelId: string;
  label: string;
  q: string;
}

interface Options {
  /** @throws where the server says no or nothing */
  ask: <T>(path: string) => Promise<T>;
  listen: (listener: {
    onRefresh(): void;
    onEvent(event: { kind: string; subjectId: string | null }): void;
  }) => () => void;
  decisions: Pick<DecisionOutbox, 'open' | 'add' | 'wanted'>;
  myName: () => string | null;
  tell: (text: string, action?: { label: string; act(): void }) => void;
  tellFault: (what: string) => (error: unknown) => void;
}

const pageSize = 500;
/** Many events about one clip come together. */
const gatherMs = 120;
const againMs = 3_000;
const idsAtOnce = 100;
const undoMax = 100;

interface Found {
  read: number;
  moment: ReviewMoment;
}

interface Undo {
  before: readonly ReviewMoment[];
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
  readonly #options: Options;
  readonly #reads = new ReadOrder();
  readonly #undos: Undo[] = [];
  #loads = 0;
  #isStarted = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Reads the queue and follows what happens until the returned function is called. */
  start(): () => void {
    let waiting = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const gather = (ids: Iterable<string>): void => {
      for (const id of ids) waiting.add(id);
      if (waiting.size === 0 || !this.#isStarted) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        const some = [...waiting];
        waiting = new Set();
        // Nobody tells of them a second time: what could not be read is read when the server is back.
        void this.#refresh(some).then((unread) => {
          if (unread.length > 0) setTimeout(() => gather(unread), againMs);
        });
      }, gatherMs);
    };
    this.#isStarted = true;
    const { decisions, listen, tellFault } = this.#options;
    const stopHearing = decisions.open(({ ids, error }) => {
      if (error !== undefined) tellFault('The decision was refused')(error);
      // What was heard of them meanwhile was covered by the wish; and what is still being read may be from before it.
      this.#reads.touch(ids);
      gather(ids);
    });
    void this.load();
    const stop = listen({
      onRefresh: () => void this.load(),
      onEvent: ({ kind, subjectId }) => {
        if (subjectId === null) return;
        if (kind.startsWith('moment.')) gather([subjectId]);
        if (kind.startsWith('clip.')) gather([subjectId.replace(/^clp_/, 'mom_')]);
      },
    });
    return () => {
      this.#isStarted = false;
      clearTimeout(timer);
      stopHearing();
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
    const begun = this.#reads.begin();
    try {
      const found = new Map<string, Found>();
      let cursor: string | null = null;
      do {
        const read = this.#reads.begin();
        const page: ReviewPage = await this.#options.ask<ReviewPage>(`/review?${this.#query(cursor)}`);
        if (mine !== this.#loads) return;
        for (const moment of page.moments) {
          if (this.#reads.take(read, moment.id)) found.set(moment.id, { read, moment });
        }
        const { moments: _, next, ...about } = page;
        this.about.value = about;
        // The first page is shown while the others come.
        this.#show(this.#withNewer(found, begun));
        cursor = next;
      } while (cursor !== null);
      this.fault.value = undefined;
    } catch (error) {
      if (mine !== this.#loads) return;
      this.fault.value = error;
      setTimeout(() => {
        if (mine === this.#loads && this.#isStarted) void this.load();
      }, againMs);
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
      const undo = { before: changing, focusId };
      this.#undos.push(undo);
      if (this.#undos.length > undoMax) this.#undos.shift();
      this.#want(changing.map((one) => ({ ...one, decision, decidedBy: this.#options.myName() })));
      this.#count(changing, decision);
      const words = { approved: 'Approved', rejected: 'Rejected', undecided: 'Undecided again' }[decision];
      const many = changing.length > 1 ? `: ${changing.length} moments` : '';
      this.#options.tell(`${words}${many}`, { label: 'Undo (Ctrl+Z)', act: () => this.undo(undo) });
    }
    this.marked.value = new Set();
    if (focusId === undefined || leaving.has(focusId))
      this.focus(next ?? (this.#fits(decision) ? focusId : undefined));
  }

  /** The last decision, or that one. */
  undo(which = this.#undos.at(-1)): void {
    const last = this.#undos.find((one) => one === which);
    if (!last) {
      this.#options.tell('Nothing to undo');
      return;
    }
    this.#undos.splice(this.#undos.indexOf(last), 1);
    // As it is now, where it is still shown: its clip may have been made anew since.
    this.#want(
      last.before.map((one) => ({
        ...(this.moments.value.get(one.id) ?? one),
        decision: one.decision,
        decidedBy: one.decidedBy,
      })),
    );
    this.focus(last.focusId);
  }

  /** Shown so from now on, and on its way to the server. */
  #want(moments: readonly ReviewMoment[]): void {
    for (const decision of ['undecided', 'approved', 'rejected'] as const) {
      const ids = moments.flatMap((one) => (one.decision === decision ? [one.id] : []));
      this.#options.decisions.add(ids, decision);
    }
    this.#reads.touch(moments.map(({ id }) => id));
    this.#put(moments);
  }

  /** @returns those that could not be read */
  async #refresh(ids: readonly string[]): Promise<string[]> {
    const unread: string[] = [];
    for (let from = 0; from < ids.length; from += idsAtOnce) {
      const some = ids.slice(from, from + idsAtOnce);
      const query = new URLSearchParams(this.#query(null));
      query.set('ids', some.join(','));
      query.set('decision', 'all');
      const read = this.#reads.begin();
      try {
        const page = await this.#options.ask<ReviewPage>(`/review?${query.toString()}`);
        const asked = new Set(some.filter((id) => this.#reads.take(read, id)));
        const found = page.moments.filter(({ id }) => asked.has(id));
        for (const { id } of found) asked.delete(id);
        this.#put(this.#asWanted(found), [...asked]);
        this.fault.value = undefined;
      } catch (error) {
        this.fault.value = error;
        unread.push(...some);
      }
    }
    void this.#readCounts();
    return unread;
  }

  async #readCounts(): Promise<void> {
    const query = new URLSearchParams(this.#query(null));
    query.set('limit', '1');
    const page = await this.#options.ask<ReviewPage>(`/review?${query.toString()}`).catch(() => undefined);
    if (!page) return;
    const { moments: _, next: _next, ...about } = page;
    this.about.value = about;
  }

  /** Keeps what fits the filter. */
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

  /** What a load has found, and what has happened to the queue since it began: each as it was learned last. */
  #withNewer(found: ReadonlyMap<string, Found>, begun: number): ReadonlyMap<string, ReviewMoment> {
    const newest = [...found.values()].filter(({ read, moment }) => this.#reads.isNewest(read, moment.id));
    const since = [...this.moments.value.values()].filter(
      ({ id }) => !this.#reads.isNewest(found.get(id)?.read ?? begun, id),
    );
    const loaded = this.#asWanted(newest.map(({ moment }) => moment));
    return new Map(
      [...loaded.filter(({ decision }) => this.#fits(decision)), ...since].map((one) => [one.id, one]),
    );
  }

  /** The server may not have heard yet what was decided here. */
  #asWanted(moments: readonly ReviewMoment[]): ReviewMoment[] {
    const wanted = this.#options.decisions.wanted();
    return moments.map((moment) => {
      const decision = wanted.get(moment.id);
      return decision === undefined ? moment : { ...moment, decision };
    });
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
