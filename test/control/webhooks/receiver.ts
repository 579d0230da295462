import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Webhook } from 'standardwebhooks';

interface Got {
  id: string;
  headers: IncomingHttpHeaders;
  body: string;
}

type Reply = (response: ServerResponse, nth: number) => void;

export const ok: Reply = (response) => void response.writeHead(204).end();
export const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Reply =>
  (response) =>
    void response.writeHead(code, headers).end(body);
export const never: Reply = () => {};

/** Somebody who takes webhooks: a real server on a free port of this machine, which keeps what came. */
export async function startReceiver(reply: Reply = ok) {
  const got: Got[] = [];
  const state = { reply };
  let waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { headers } = request;
      got.push({ id: String(headers['webhook-id']), headers, body: Buffer.concat(chunks).toString('utf8') });
      state.reply(response, got.length);
      for (const wake of waiting.splice(0)) wake();
    });
  });
  const listen = async (port: number): Promise<void> =>
    await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hooks`,
    got,
    answerWith: (next: Reply) => (state.reply = next),
    /** Resolves once `count` messages have come. */
    until: async (count: number): Promise<void> => {
      while (got.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    /** What the last message says, when its signature is right. */
    verified: (secret: string, nth = got.length - 1): unknown => {
      const { body, headers } = got[nth] ?? { body: '', headers: {} };
      return new Webhook(secret).verify(body, headers as Record<string, string>);
    },
    stop: async (): Promise<void> => {
      waiting = [];
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    startAgain: async (): Promise<void> => await listen(port),
  };
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>;
