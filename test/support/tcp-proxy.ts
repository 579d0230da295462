import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What can happen to one exchange (a request and its answer), or to one connection of what is not HTTP. */
const faultNames = [
  /** Broken before the request is passed on: nothing happened. */
  'reset',
  /** Broken when the answer comes: it happened, and nobody was told. HTTP only. */
  'loseAnswer',
  /** Broken in the middle of the request. HTTP only. */
  'cutRequest',
  /** Broken in the middle of the answer. */
  'cutAnswer',
  /** `503 Slow Down`, without asking the server. HTTP only. */
  'refuse',
  /** The answer comes 200 ms late. */
  'slow',
  /** Taken, and never answered. */
  'blackHole',
] as const;
export type Fault = (typeof faultNames)[number];

export interface TcpProxy {
  port: number;
  /** From the next exchange on: the share (0 to 1) of each fault; those that are not named do not happen. */
  set(shares: Partial<Record<Fault, number>>): void;
  /** The next exchange alone is hit by this, whatever the shares are; or the one that comes `after` so many others. */
  hitNext(fault: Fault, after?: number): void;
  /** Breaks every connection there is. */
  breakAll(): void;
  /** How often each fault has happened, and how many exchanges there were. */
  readonly counts: Record<Fault | 'all', number>;
  stop(): Promise<void>;
}

const slowMs = 200;

/**
 * Stands between a client and a server on this machine and does to their conversation what networks do: which exchange
 * is hit follows from the seed and the order of the exchanges.
 *
 * `protocol: 'http'` knows where a request begins and ends (HTTP/1.1 with Content-Length, one after the other), and draws
 * for each; `'tcp'` draws once for each connection.
 */
export async function startTcpProxy(options: {
  target: { host: string; port: number };
  protocol: 'http' | 'tcp';
  seed: number;
}): Promise<TcpProxy> {
  const draw = seededUnit(options.seed);
  let shares: Partial<Record<Fault, number>> = {};
  const upcoming: (Fault | undefined)[] = [];
  const counts = { all: 0, ...Object.fromEntries(faultNames.map((name) => [name, 0])) } as TcpProxy['counts'];
  const open = new Set<Socket>();

  const next = (): Fault | undefined => {
    counts.all += 1;
    let at = draw();
    const drawn = faultNames.find((name) => (at -= shares[name] ?? 0) < 0);
    const fault = upcoming.shift() ?? drawn;
    if (fault) counts[fault] += 1;
    return fault;
  };

  const server = createServer((client) => {
    const upstream = connect(options.target);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => open.delete(socket));
    }
    client.on('error', () => upstream.destroy());
    client.on('close', () => upstream.destroy());
    upstream.on('error', () => client.resetAndDestroy());
    new Conversation({ client, upstream, next, isHttp: options.protocol === 'http' }).begin();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    counts,
    set: (wanted) => {
      shares = wanted;
    },
    hitNext: (fault, after = 0) => {
      upcoming[after] = fault;
    },
    breakAll: () => {
      for (const socket of open) socket.resetAndDestroy();
    },
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/**
 * One connection of a client. `#left` is what is missing of the request that is being passed on: undefined while its head
 * is read. Each answer is known by its first bytes after a request: those end `#fault` or carry it out.
 */
class Conversation {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #next: () => Fault | undefined;
  readonly #isHttp: boolean;
  #fault: Fault | undefined;
  #head = Buffer.alloc(0);
  #left: number | undefined;
  /** What waits while an answer is slow. */
  #late: Buffer[] | undefined;
  #isAtEnd = false;

  constructor(of: { client: Socket; upstream: Socket; next: () => Fault | undefined; isHttp: boolean }) {
    this.#client = of.client;
    this.#upstream = of.upstream;
    this.#next = of.next;
    this.#isHttp = of.isHttp;
  }

  begin(): void {
    const [client, upstream] = [this.#client, this.#upstream];
    if (!this.#isHttp) {
      this.#fault = this.#next();
      if (this.#fault === 'reset') client.resetAndDestroy();
    }
    client.on('data', (bytes: Buffer) => {
      if (this.#isHttp) this.#onRequest(bytes);
      else this.#forward(bytes);
    });
    upstream.on('data', (bytes: Buffer) => this.#onAnswer(bytes));
    // What was answered before is still on its way to the client.
    upstream.on('end', () => {
      if (this.#late) this.#isAtEnd = true;
      else if (this.#fault !== 'blackHole' && this.#fault !== 'refuse') client.end();
    });
    upstream.on('drain', () => client.resume());
    client.on('drain', () => upstream.resume());
  }

  #onRequest(bytes: Buffer): void {
    if (this.#left === undefined) {
      this.#head = Buffer.concat([this.#head, bytes]);
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = this.#head.toString('latin1', 0, end);
      const whole = this.#head;
      this.#head = Buffer.alloc(0);
      this.#left = end + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      this.#fault = this.#next();
      if (this.#fault === 'reset') this.#client.resetAndDestroy();
      else this.#pass(whole);
      return;
    }
    this.#pass(bytes);
  }

  #pass(bytes: Buffer): void {
    this.#left = (this.#left ?? 0) - bytes.length;
    const isWhole = this.#left <= 0;
    if (this.#fault === 'refuse') {
      if (isWhole) this.#client.end(refusal);
    } else if (this.#fault === 'cutRequest') {
      this.#upstream.write(bytes.subarray(0, bytes.length >> 1));
      this.#upstream.end();
      this.#client.resetAndDestroy();
    } else {
      this.#forward(bytes);
    }
    if (isWhole) this.#left = undefined;
  }

  #forward(bytes: Buffer): void {
    if (this.#fault === 'blackHole') return;
    if (!this.#upstream.write(bytes)) this.#client.pause();
  }

  #onAnswer(bytes: Buffer): void {
    switch (this.#fault) {
      case 'refuse':
      case 'blackHole':
        return;
      case 'loseAnswer':
        if (this.#isHttp) this.#client.resetAndDestroy();
        return;
      case 'cutAnswer':
        // Half of what came first: of a short answer in its head, of a long one in its body.
        this.#client.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () =>
          this.#client.resetAndDestroy(),
        );
        this.#upstream.pause();
        return;
      case 'slow':
        // The rest of the same answer behind it.
        this.#fault = undefined;
        this.#late = [bytes];
        setTimeout(() => this.#sendLate(), slowMs);
        return;
      case 'reset':
      case 'cutRequest':
      case undefined:
        if (this.#late) this.#late.push(bytes);
        else if (!this.#client.write(bytes)) this.#upstream.pause();
    }
  }

  #sendLate(): void {
    for (const bytes of this.#late ?? []) this.#client.write(bytes);
    this.#late = undefined;
    if (this.#isAtEnd) this.#client.end();
  }
}

const refusalBody =
  '<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';
const refusal = [
  'HTTP/1.1 503 Slow Down',
  'content-type: application/xml',
  `content-length: ${refusalBody.length}`,
  'connection: close',
  '',
  refusalBody,
].join('\r\n');

/** mulberry32: the same numbers for the same seed, everywhere. */
export function seededUnit(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
