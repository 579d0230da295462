import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { ReviewMoment, ReviewPage } from '../../../web/api/schemas/review.ts';
import { ApiError } from '../../../web/console/api.ts';
import { DecisionOutbox, type EntryStore } from '../../../web/console/pages/review/decision-outbox.ts';
import { ReviewStore } from '../../../web/console/pages/review/review-store.ts';

type Decision = ReviewMoment['decision'];

/** A server with a line that can be cut at any place: it knows each key once, tells events, and holds answers back. */
class Server {
  readonly decisions = new Map<string, Decision>([
    ['mom_1', 'undecided'],
    ['mom_2', 'undecided'],
  ]);
  readonly listeners = new Set<{
    onRefresh(): void;
    onEvent(event: { kind: string; subjectId: string }): void;
  }>();
  /** What was carried out, in its order: `rejected mom_1`. */
  readonly done: string[] = [];
  /** Bodies of requests as they came, with the key. */
  readonly keysSeen: string[] = [];
  isLineUp = true;
  isAnswerLost = false;
  isRefusing = false;
  /** While true, answers to decisions, or to questions, wait in `held`. */
  holds = { decisions: false, reads: false };
  /** While true, decisions arrive late: they wait in `held` before they are carried out. */
  isSlow = false;
  readonly held: (() => void)[] = [];
  readonly #answered = new Set<string>();
  #untold: string[] = [];

  /** By somebody: told to whoever listens, or once the line is there again. */
  decide(ids: readonly string[], decision: Decision): void {
    for (const id of ids) {
      if (this.decisions.get(id) === decision) continue;
      this.decisions.set(id, decision);
      this.done.push(`${decision} ${id}`);
      this.#untold.push(id);
    }
    if (this.isLineUp) this.tell();
  }

  /** As after `Last-Event-ID`: what was missed, one by one. */
  tell(): void {
    const untold = this.#untold;
    this.#untold = [];
    for (const id of untold) {
      for (const listener of this.listeners) listener.onEvent({ kind: 'moment.decided', subjectId: id });
    }
  }

  async send({ ids, decision }: { ids: string[]; decision: Decision }, key: string): Promise<void> {
    if (!this.isLineUp) throw new TypeError('fetch failed');
    if (this.isSlow) await new Promise<void>((resolve) => this.held.push(resolve));
    this.keysSeen.push(key);
    if (this.isRefusing) throw new ApiError(403, { code: 'auth.forbidden' });
    if (!this.#answered.has(key)) this.decide(ids, decision);
    this.#answered.add(key);
    if (this.isAnswerLost) {
      this.isLineUp = false;
      throw new TypeError('fetch failed');
    }
    if (this.holds.decisions) await new Promise<void>((resolve) => this.held.push(resolve));
  }

  async ask<T>(path: string): Promise<T> {
    if (!this.isLineUp) throw new TypeError('fetch failed');
    const query = new URL(path, 'http://server').searchParams;
    const ids = query.get('ids')?.split(',');
    const wanted = query.get('decision');
    const moments = [...this.decisions]
      .filter(([id, decision]) => (ids?.includes(id) ?? true) && (wanted === 'all' || decision === wanted))
      .map(([id, decision]) => momentOf(id, decision));
    const page: ReviewPage = {
      moments: query.get('limit') === '1' ? [] : moments,
      next: null,
      counts: { must: moments.length, likely: 0, maybe: 0 },
      decidedCount: 0,
      decisionMsP50: null,
      labels: [],
    };
    if (this.holds.reads) await new Promise<void>((resolve) => this.held.push(resolve));
    return page as T;
  }
}

/** A browser: its store outlives its pages, and is one for all its tabs. */
class Browser {
  readonly entries = new Map<string, string>();
  readonly tabs: { outbox: DecisionOutbox; resume: () => void }[] = [];
  userId = 'usr_ana';
  nowMs = 1_000;
  #ids = 0;

  readonly server: Server;

  constructor(server: Server) {
    this.server = server;
  }

  tab() {
    const { server } = this;
    const pauses: (() => void)[] = [];
    const said: string[] = [];
    let outbox: DecisionOutbox;
    const store: EntryStore = {
      names: () => [...this.entries.keys()],
      read: (name) => this.entries.get(name) ?? null,
      write: (name, text) => void this.entries.set(name, text),
      remove: (name) => {
        const before = this.entries.get(name);
        this.entries.delete(name);
        if (before === undefined) return;
        for (const other of this.tabs)
          if (other.outbox !== outbox) other.outbox.removedElsewhere(name, before);
      },
    };
    outbox = new DecisionOutbox({
      store,
      userId: () => this.userId,
      send: async (wish, key) => await server.send(wish, key),
      pause: async () => await new Promise<void>((resolve) => pauses.push(resolve)),
      nowMs: () => this.nowMs,
      randomId: () => `key-${(this.#ids += 1)}`,
    });
    const review = new ReviewStore({
      ask: async (path) => await server.ask(path),
      listen: (listener) => {
        server.listeners.add(listener);
        return () => server.listeners.delete(listener);
      },
      decisions: outbox,
      myName: () => 'Ana',
      tell: () => {},
      tellFault: (what) => () => void said.push(what),
    });
    const close = review.start();
    const tab = { outbox, review, said, close, resume: () => pauses.splice(0).forEach((go) => go()) };
    this.tabs.push(tab);
    return tab;
  }
}

const momentOf = (id: string, decision: Decision) =>
  ({
    id,
    decision,
    decidedBy: null,
    lane: 'must',
    state: 'exact',
    peakWallMs: 1,
    claimedBy: null,
  }) as ReviewMoment;
const shown = (review: ReviewStore): string[] => review.order.value.map(({ id }) => id);
/** Everything that is on its way arrives. */
const settle = async () => await vi.advanceTimersByTimeAsync(500);

let server: Server;
let browser: Browser;
beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  browser = new Browser(server);
});
afterEach(() => {
  for (const tab of browser.tabs) (tab as ReturnType<Browser['tab']>).close();
  vi.useRealTimers();
});

/** The line breaks right behind the server's decision: it took it, and neither its answer nor its event arrives. */
async function rejectedAndCut() {
  const tab = browser.tab();
  await settle();
  expect(shown(tab.review)).toEqual(['mom_1', 'mom_2']);
  server.isAnswerLost = true;
  tab.review.decide(['mom_1'], 'rejected');
  await settle();
  expect(server.decisions.get('mom_1')).toBe('rejected');
  expect([shown(tab.review), tab.outbox.count.value]).toEqual([['mom_2'], 1]);
  server.isAnswerLost = false;
  return tab;
}

describe('a decision whose answer was lost, taken by the server all the same', () => {
  it('goes out once more under its key, is done once, and what the page shows is what the server holds', async () => {
    const { review, outbox, resume } = await rejectedAndCut();
    server.isLineUp = true;
    resume();
    server.tell();
    await settle();
    expect(server.keysSeen).toEqual(['key-1', 'key-1']);
    expect(server.done).toEqual(['rejected mom_1']);
    expect([shown(review), outbox.count.value]).toEqual([['mom_2'], 0]);
  });

  it.each(['the event comes before the answer', 'the answer comes before the event'])(
    'does not hide what another editor decided meanwhile, where %s',
    async (order) => {
      const { review, resume } = await rejectedAndCut();
      server.decide(['mom_1'], 'undecided');
      server.isLineUp = true;
      if (order.startsWith('the event')) {
        server.tell();
        await settle();
        // Nobody here knows yet which of the two came first.
        expect(shown(review)).toEqual(['mom_2']);
        resume();
      } else {
        resume();
        await settle();
        server.tell();
      }
      await settle();
      expect(server.done).toEqual(['rejected mom_1', 'undecided mom_1']);
      expect(shown(review)).toEqual(['mom_1', 'mom_2']);
    },
  );

  it('is seen by the next page of the browser, which then shows what became of it', async () => {
    const before = await rejectedAndCut();
    before.close();
    browser.tabs.splice(0);
    server.decide(['mom_1'], 'undecided');
    server.isLineUp = true;
    server.holds.decisions = true;
    const { review, outbox } = browser.tab();
    await settle();
    expect([shown(review), outbox.count.value]).toEqual([['mom_2'], 1]);
    server.held.splice(0).forEach((go) => go());
    await settle();
    expect(server.done).toEqual(['rejected mom_1', 'undecided mom_1']);
    expect([shown(review), outbox.count.value]).toEqual([['mom_1', 'mom_2'], 0]);
  });

  it('is seen in another tab, which is told by the store that both share that it has settled', async () => {
    const other = browser.tab();
    const { resume } = await rejectedAndCut();
    server.decide(['mom_1'], 'undecided');
    server.isLineUp = true;
    server.tell();
    await settle();
    expect(shown(other.review)).toEqual(['mom_2']);
    resume();
    await settle();
    expect(server.done).toEqual(['rejected mom_1', 'undecided mom_1']);
    expect([shown(other.review), other.outbox.count.value]).toEqual([['mom_1', 'mom_2'], 0]);
  });

  it('is read again where the line breaks once more right behind the answer', async () => {
    const { review, resume } = await rejectedAndCut();
    server.decide(['mom_1'], 'undecided');
    server.isLineUp = true;
    server.tell();
    await settle();
    resume();
    await vi.advanceTimersByTimeAsync(50);
    server.isLineUp = false;
    await settle();
    expect(shown(review)).toEqual(['mom_2']);
    server.isLineUp = true;
    await vi.advanceTimersByTimeAsync(4_000);
    expect(shown(review)).toEqual(['mom_1', 'mom_2']);
    expect(review.fault.value).toBeUndefined();
  });
});

describe('a decision that the server has not taken', () => {
  it('stays shown over what others decide until it is taken, and is the last word then', async () => {
    const { review, resume } = browser.tab();
    await settle();
    server.isLineUp = false;
    review.decide(['mom_1'], 'rejected');
    await settle();
    server.decide(['mom_1'], 'approved');
    server.isLineUp = true;
    server.tell();
    await settle();
    expect(shown(review)).toEqual(['mom_2']);
    resume();
    await settle();
    expect(server.done).toEqual(['approved mom_1', 'rejected mom_1']);
    expect(shown(review)).toEqual(['mom_2']);
  });

  it('is shown no more where the server refuses it', async () => {
    const { review, said } = browser.tab();
    await settle();
    server.isRefusing = true;
    review.decide(['mom_1'], 'rejected');
    expect(shown(review)).toEqual(['mom_2']);
    await settle();
    expect(said).toEqual(['The decision was refused']);
    expect(shown(review)).toEqual(['mom_1', 'mom_2']);
  });

  it('waits for the person who made it: another one at this browser neither sends nor sees it', async () => {
    const { review, outbox, resume } = browser.tab();
    await settle();
    server.isLineUp = false;
    review.decide(['mom_1'], 'rejected');
    await settle();
    server.isLineUp = true;
    browser.userId = 'usr_bo';
    resume();
    await review.load();
    expect([server.done, shown(review), outbox.count.value]).toEqual([[], ['mom_1', 'mom_2'], 1]);
    browser.userId = 'usr_ana';
    outbox.add(['mom_2'], 'approved');
    await settle();
    expect(server.done).toEqual(['rejected mom_1', 'approved mom_2']);
  });
});

describe('answers that overtake each other', () => {
  it('do not bring back a moment for which the server was asked before it was decided', async () => {
    const { review } = browser.tab();
    await settle();
    server.holds.reads = true;
    server.decide(['mom_1'], 'approved');
    server.decide(['mom_1'], 'undecided');
    await settle();
    expect(server.held.length).toBeGreaterThan(0);
    server.holds.reads = false;
    review.decide(['mom_1'], 'rejected');
    await settle();
    expect(shown(review)).toEqual(['mom_2']);
    const seen: string[][] = [];
    const stop = review.order.subscribe((order) => void seen.push(order.map(({ id }) => id)));
    server.held.splice(0).forEach((go) => go());
    await settle();
    stop();
    expect(seen.every((ids) => ids.join() === 'mom_2')).toBe(true);
  });

  it('do not bring it back either where it was asked for on the way of the decision, and comes behind its answer', async () => {
    const { review } = browser.tab();
    await settle();
    server.isSlow = true;
    review.decide(['mom_1'], 'rejected');
    const [arrive = () => {}] = server.held.splice(0);
    server.holds.reads = true;
    for (const listener of server.listeners) listener.onEvent({ kind: 'clip.made', subjectId: 'clp_1' });
    await settle();
    const [old = () => {}] = server.held.splice(0);
    arrive();
    await settle();
    expect(server.decisions.get('mom_1')).toBe('rejected');
    old();
    await vi.advanceTimersByTimeAsync(0);
    expect(shown(review)).toEqual(['mom_2']);
  });

  it('leave the newest one shown', async () => {
    const { review } = browser.tab();
    await settle();
    server.holds.reads = true;
    server.decide(['mom_1'], 'approved');
    await settle();
    const [old = () => {}] = server.held.splice(0);
    server.decide(['mom_1'], 'undecided');
    await settle();
    server.holds.reads = false;
    server.held.splice(0).forEach((go) => go());
    await settle();
    expect(shown(review)).toEqual(['mom_1', 'mom_2']);
    old();
    await settle();
    expect(shown(review)).toEqual(['mom_1', 'mom_2']);
  });

  it('do not let a long load undo what was decided while it ran', async () => {
    const { review } = browser.tab();
    await settle();
    server.holds.reads = true;
    const loading = review.load();
    review.decide(['mom_1'], 'approved');
    server.holds.reads = false;
    server.held.splice(0).forEach((go) => go());
    await loading;
    expect(shown(review)).toEqual(['mom_2']);
    await settle();
    expect(shown(review)).toEqual(['mom_2']);
  });
});

describe('an undo', () => {
  it('is shown at once, without the server, and arrives behind the decision that it takes back', async () => {
    const { review, resume } = browser.tab();
    await settle();
    server.isLineUp = false;
    review.decide(['mom_1'], 'rejected');
    // The clock stands still, or was set back: what was said last is still the last word.
    browser.nowMs -= 500;
    review.undo();
    expect([shown(review), review.focusId.value]).toEqual([['mom_1', 'mom_2'], 'mom_1']);
    await settle();
    server.isLineUp = true;
    resume();
    await settle();
    expect(server.done).toEqual(['rejected mom_1', 'undecided mom_1']);
    expect(shown(review)).toEqual(['mom_1', 'mom_2']);
  });
});

describe('an undo while the queue is loaded', () => {
  it('is not undone by what was loaded', async () => {
    const { review } = browser.tab();
    await settle();
    review.decide(['mom_1'], 'rejected');
    await settle();
    server.holds = { decisions: true, reads: true };
    const loading = review.load();
    const [loaded = () => {}] = server.held.splice(0);
    server.isSlow = true;
    review.undo();
    loaded();
    await loading;
    expect(shown(review)).toEqual(['mom_1', 'mom_2']);
  });
});

describe('many decisions at once', () => {
  it('go out in requests of 500, which is what one may name', async () => {
    const { outbox } = browser.tab();
    const sent: number[] = [];
    server.send = async ({ ids }) => void sent.push(ids.length);
    outbox.add(
      Array.from({ length: 501 }, (_, nth) => `mom_${nth}`),
      'approved',
    );
    await settle();
    expect(sent).toEqual([500, 1]);
    expect(outbox.count.value).toBe(0);
  });
});
