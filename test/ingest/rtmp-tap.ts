import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What passed between one publisher and the server, on the monotonic clock in ms; undefined before it did. */
export interface TappedConnection {
  connectedAtMs: number;
  /** The publish command reached us, a hop before the server. */
  publishAtMs: number | undefined;
  /** NetStream.Publish.Start came from the server. */
  startAtMs: number | undefined;
  /** The server has hung up. */
  endedAtMs: number | undefined;
}

/** Stands between publishers and the server and notes when the words that matter go by; not one byte is changed. */
export class RtmpTap {
  readonly connections: TappedConnection[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((publisher) => this.#join(publisher));
  #port = 0;
  #tell: () => void = () => {};

  /** @returns the port for publishers */
  async listen(port: number): Promise<number> {
    this.#port = port;
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves when `condition` holds; one at a time. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#tell = resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(publisher: Socket): void {
    const seen: TappedConnection = {
      connectedAtMs: performance.now(),
      publishAtMs: undefined,
      startAtMs: undefined,
      endedAtMs: undefined,
    };
    this.connections.push(seen);
    const server = connect(this.#port, '127.0.0.1');
    for (const socket of [publisher, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
    }
    const hearPublish = listenFor(publishCommand, () => (seen.publishAtMs = performance.now()));
    const hearStart = listenFor('NetStream.Publish.Start', () => (seen.startAtMs = performance.now()));
    publisher.on('data', (bytes: Buffer) => {
      hearPublish(bytes);
      server.write(bytes);
    });
    publisher.on('close', () => server.destroy());
    server.on('data', (bytes: Buffer) => {
      hearStart(bytes);
      publisher.write(bytes);
      this.#tell();
    });
    server.on('close', () => publisher.end());
    server.on('end', () => {
      seen.endedAtMs = performance.now();
      this.#tell();
    });
  }
}

/** The AMF0 string: FCPublish, which comes before it, has another length. */
const publishCommand = '\x02\0\x07publish';
/** The handshake and all commands; what comes behind them is media. */
const commandBytesMax = 16 * 1024;

/** Calls `onHeard` once, wherever the network cut the bytes. */
function listenFor(words: string, onHeard: () => void): (bytes: Buffer) => void {
  let text = '';
  let isHeard = false;
  return (bytes) => {
    if (isHeard || text.length > commandBytesMax) return;
    text += bytes.toString('latin1');
    if (!text.includes(words)) return;
    isHeard = true;
    onHeard();
  };
}
