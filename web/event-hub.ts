import type { Clock } from '../core/clock.ts';

/** One thing that happened, for everybody who watches. `data` goes out as JSON. */
export interface HubEvent {
  event: string;
  data: unknown;
}

/** 1 000 events of about 1 KiB: a browser that was away for some minutes catches up without a reload. */
const historyMax = 1_000;
/** What one slow browser may hold back. It is cut off then, comes again with Last-Event-ID, and loses nothing. */
const pendingMaxPerClient = 256;
/** Each browser tab is one; HTTP connections and memory stay bounded whatever opens pages. */
const clientsMax = 200;
/** Proxies drop what is silent for 30 to 60 s. */
const heartbeatMs = 15_000;

interface Client {
  pending: string[];
  /** Resolves the client's wait, when it waits. */
  wake: (() => void) | undefined;
  isClosing: boolean;
}

/**
 * Server-sent events (WHATWG HTML §9.2) for many browsers. Each event is written out once; a client has a bounded
 * backlog; ids are `<epoch>-<seq>`, so an id from before a restart is recognised and answered with `refresh`.
 */
export class EventHub {
  readonly #epoch: string;
  readonly #clock: Clock;
  readonly #history: { seq: number; text: string }[] = [];
  readonly #clients = new Set<Client>();
  #seq = 0;
  #isOpen = true;

  constructor(options: { clock: Clock }) {
    this.#clock = options.clock;
    this.#epoch = options.clock.nowMs().toString(36);
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  /** Sends heartbeats until `signal` aborts; then says `bye` to everybody and closes. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(heartbeatMs, signal).catch(() => undefined);
      for (const client of this.#clients) this.#send(client, ': still here\n\n');
    }
    this.#isOpen = false;
    for (const client of this.#clients) {
      this.#send(client, 'event: bye\ndata: {}\n\n');
      close(client);
    }
  }

  publish({ event, data }: HubEvent): void {
    this.#seq += 1;
    const text = `id: ${this.#epoch}-${this.#seq}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    this.#history.push({ seq: this.#seq, text });
    if (this.#history.length > historyMax) this.#history.shift();
    for (const client of this.#clients) this.#send(client, text);
  }

  /**
   * The bytes for one browser, from behind `lastEventId` on. An id that is not known any more gets `refresh` first:
   * the browser has to load everything again. Undefined = no room for another client.
   */
  open(lastEventId: string | undefined): ReadableStream<Uint8Array> | undefined {
    if (!this.#isOpen || this.#clients.size >= clientsMax) return undefined;
    const client: Client = { pending: ['retry: 2000\n\n'], wake: undefined, isClosing: false };
    this.#catchUp(client, lastEventId);
    this.#clients.add(client);
    const encoder = new TextEncoder();
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (client.pending.length === 0 && !client.isClosing) {
            await new Promise<void>((resolve) => (client.wake = resolve));
          }
          const text = client.pending.splice(0).join('');
          if (text !== '') controller.enqueue(encoder.encode(text));
          if (!client.isClosing || client.pending.length > 0) return;
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

  #catchUp(client: Client, lastEventId: string | undefined): void {
    const current = `id: ${this.#epoch}-${this.#seq}\n`;
    const [epoch, seqText] = (lastEventId ?? '').split('-');
    const seen = Number(seqText);
    const oldest = this.#history[0]?.seq ?? this.#seq + 1;
    if (lastEventId === undefined) {
      client.pending.push(`${current}event: hello\ndata: {}\n\n`);
    } else if (epoch === this.#epoch && Number.isInteger(seen) && seen <= this.#seq && seen + 1 >= oldest) {
      const missed = this.#history.filter(({ seq }) => seq > seen);
      // One text, however long: history is bounded, and the client's own bound counts what comes from now on.
      client.pending.push(missed.map(({ text }) => text).join(''));
    } else {
      client.pending.push(`${current}event: refresh\ndata: {}\n\n`);
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
    client.pending.push(text);
    wake(client);
  }
}

function close(client: Client): void {
  client.isClosing = true;
  wake(client);
}

function wake(client: Client): void {
  client.wake?.();
  client.wake = undefined;
}
