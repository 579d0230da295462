import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A port that passes everything on to another, and keeps what came in. */
export interface Tap {
  port: number;
  /** What the clients have sent so far. */
  received(): Buffer;
  close(): Promise<void>;
}

export async function tap(targetPort: number): Promise<Tap> {
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect({ port: targetPort, host: '127.0.0.1' });
    client.on('data', (bytes) => received.push(bytes));
    client.pipe(target).pipe(client);
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    received: () => Buffer.concat(received),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
