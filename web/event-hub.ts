import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { DeskEvent, MatchDesk } from '../control/match-desk.ts';

/** What the hub needs of the match desk: a ledger of events whose ids ascend, and a nudge when there are new ones. */
type EventLedger = Pick<MatchDesk, 'eventsSince' | 'lastEventId' | 'onNews'>;

/** A browser that was away for longer than this many events loads everything again: that is cheaper for both. */
const catchUpMax = 1_000;
/**
 * What one slow browser may hold back: as much as it would be sent when it comes again. It is cut off then, comes again with
 * Last-Event-ID, and loses nothing. A decision on 500 moments is 500 events at once, and cuts off nobody.
 */
const pendingMaxPerClient = catchUpMax;
/**
 * A browser is one, a tab where there are no shared workers: 200 editors with their phones. An event is written once for all of
 * them, so that 1,000 held back by each are 0.3 MB of text and 400 lists of 8 kB.
 */
const clientsMax = 400;
/** Proxies drop what is silent for 30 to 60 s. */
const heartbeatMs = 15_000;
/** Whoever heard nothing for this long is told so at the next beat: there is news all the time, and none of it may be theirs. */
const silenceMsMax = 10_000;
const readMax = 500;

/** What a browser may ask to hear of: what events are about, by the word before the dot of their kind. */
export const eventTopics = ['channels', 'runs', 'segments', 'moments', 'clips'] as const;
export type EventTopic = (typeof eventTopics)[number];

interface Client {
  /** Undefined = everything. */
  topics: ReadonlySet<string> | undefined;
  /** When it was told something last. */
  toldAtMs: number;
  pending: string[];
  /** Resolves the client's wait, when it waits. */
  wake: (() => void) | undefined;
  isClosing: boolean;
}

/**
 * The desk's events for many browsers, as server-sent events (WHATWG HTML §9.2). The ledger is read once for all; an
 * event is written out once; ids are the ledger's own, so a browser goes on where it was, also after a restart of ours.
 */
export class EventHub {
  readonly #ledger: EventLedger;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #clients = new Set<Client>();
  /** Everything up to this id has been sent to whoever was there. */
  #sentId = 0;
  #isOpen = false;

  constructor(options: { ledger: EventLedger; clock: Clock; log: Log }) {
    this.#ledger = options.ledger;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  /** From now on browsers are let in. */
  async start(): Promise<void> {
    this.#sentId = await this.#ledger.lastEventId();
    this.#isOpen = true;
  }

  /** Hands on what happens, and heartbeats, until `signal` aborts; then says `bye` to everybody and closes. */
  async run(signal: AbortSignal): Promise<void> {
    let hasNews = false;
    let nudge: (() => void) | undefined;
    const unsubscribe = this.#ledger.onNews(() => {
      hasNews = true;
      nudge?.();
    });
    signal.addEventListener('abort', () => nudge?.(), { once: true });
    try {
      while (!signal.aborted) {
        const pause = new AbortController();
        nudge = () => pause.abort();
        if (!hasNews) await this.#clock.sleep(heartbeatMs, pause.signal).catch(noop);
        if (signal.aborted) break;
        hasNews = false;
        await this.#handOn();
        this.#beat();
      }
    } finally {
      unsubscribe();
      this.#isOpen = false;
      for (const client of this.#clients) this.#send(client, 'event: bye\ndata: {}\n\n');
      for (const client of this.#clients) close(client);
    }
  }

  /**
   * The bytes for one browser, from behind `lastEventId` on. An id that the ledger does not know, or one too far back,
   * gets `refresh` first: the browser has to load everything again. Undefined = no room for another client.
   */
  async open(
    lastEventId: string | undefined,
    topics?: readonly EventTopic[],
  ): Promise<ReadableStream<Uint8Array> | undefined> {
    if (!this.#isOpen || this.#clients.size >= clientsMax) return undefined;
    const client: Client = {
      topics: topics && new Set(topics),
      toldAtMs: this.#clock.monotonicMs(),
      pending: [],
      wake: undefined,
      isClosing: false,
    };
    // In the set first: what happens while the ledger is read is queued behind what was missed.
    this.#clients.add(client);
    const untilId = this.#sentId;
    const missed = await this.#missed(client, lastEventId, untilId).catch((error: unknown) => {
      this.#clients.delete(client);
      throw error;
    });
    client.pending.unshift(`retry: 2000\n\n${missed}`);
    const encoder = new TextEncoder();
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (client.pending.length === 0 && !client.isClosing) {
            await new Promise<void>((resolve) => (client.wake = resolve));
          }
          const text = client.pending.splice(0).join('');
          if (text !== '') controller.enqueue(encoder.encode(text));
          if (!client.isClosing) return;
          this.#clients.delete(client);
          controller.close();
        },
        cancel: () => {
          this.#clients.delete(client);
          close(client);
        },
      },
      // Nothing is read ahead of the socket: the backlog is ours to bound.
      { highWaterMark: 0 },
    );
  }

  async #handOn(): Promise<void> {
    try {
      for (;;) {
        const events = await this.#ledger.eventsSince(this.#sentId, readMax);
        for (const event of events) {
          this.#sentId = event.id;
          if (isForAll(event)) this.#sendAll(event);
        }
        if (events.length < readMax) return;
        // Whoever reads takes what came before more comes.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } catch (error) {
      // The next nudge or heartbeat tries again from the same id.
      this.#log.warn('events could not be read', { error });
    }
  }

  async #missed(client: Client, lastEventId: string | undefined, untilId: number): Promise<string> {
    const now = `id: ${untilId}\n`;
    if (lastEventId === undefined) return `${now}event: hello\ndata: {}\n\n`;
    const refresh = `${now}event: refresh\ndata: {}\n\n`;
    const seenId = /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : Infinity;
    if (seenId > untilId) return refresh;
    const events = (await this.#ledger.eventsSince(seenId, catchUpMax)).filter(({ id }) => id <= untilId);
    if (events.length >= catchUpMax) return refresh;
    const theirs = events.filter((event) => isForAll(event) && isWanted(client, event));
    return theirs.map(written).join('');
  }

  #sendAll(event: DeskEvent): void {
    const text = written(event);
    for (const client of this.#clients) if (isWanted(client, event)) this.#send(client, text);
  }

  /** With the id: whoever hears of little shall not have to go far back when the line breaks. */
  #beat(): void {
    const untilMs = this.#clock.monotonicMs() - silenceMsMax;
    for (const client of this.#clients) {
      if (client.toldAtMs <= untilMs) this.#send(client, `id: ${this.#sentId}\n: still here\n\n`);
    }
  }

  #send(client: Client, text: string): void {
    if (client.isClosing) return;
    if (client.pending.length >= pendingMaxPerClient) {
      this.#clients.delete(client);
      client.pending.length = 0;
      close(client);
      return;
    }
    client.toldAtMs = this.#clock.monotonicMs();
    client.pending.push(text);
    wake(client);
  }
}

function isWanted({ topics }: Client, { kind }: DeskEvent): boolean {
  return topics === undefined || topics.has(`${kind.split('.')[0]}s`);
}

/** Who signed in and what was changed in accounts is kept, and told to nobody: whoever may only look is on this line too. */
function isForAll({ kind }: DeskEvent): boolean {
  return !/^(account|webhook)\./.test(kind);
}

function written(event: DeskEvent): string {
  return `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
}

function close(client: Client): void {
  client.isClosing = true;
  wake(client);
}

function wake(client: Client): void {
  client.wake?.();
  client.wake = undefined;
}

function noop(): void {}
