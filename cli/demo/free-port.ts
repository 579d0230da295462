import { createServer } from 'node:net';

/** `wanted` when nobody has it, else 0: any free one. */
export async function freePort(host: string, wanted: number): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(0));
    server.listen({ host, port: wanted }, () => server.close(() => resolve(wanted)));
  });
}
