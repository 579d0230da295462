import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { FakeRequest, Json, MediaLiveFake } from './medialive-fake.ts';

/**
 * Puts the fake behind HTTP on a free port of loopback, for the real SDK client: `endpoint: url`. A lost answer is a
 * connection that ends without one. Quotas are answered too, as Service Quotas does.
 */
export async function serveMediaLiveFake(
  fake: MediaLiveFake,
  options: { quotas?: Record<string, number> } = {},
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    answer(fake, options.quotas ?? {}, request, response).catch((error: unknown) => {
      response.writeHead(500, { 'x-amzn-errortype': 'InternalServerErrorException' });
      response.end(JSON.stringify({ message: String(error) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  fake: MediaLiveFake,
  quotas: Record<string, number>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const body = (text === '' ? {} : JSON.parse(text)) as Json;
  if (String(request.headers['x-amz-target'] ?? '').endsWith('.ListServiceQuotas')) {
    const listed = Object.entries(quotas).map(([QuotaName, Value]) => ({
      ServiceCode: body['ServiceCode'],
      QuotaName,
      Value,
    }));
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify({ Quotas: listed }));
    return;
  }
  const url = new URL(request.url ?? '/', 'http://fake');
  const answered = fake.handle({
    method: request.method as FakeRequest['method'],
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    body,
  });
  if (answered === 'lost') {
    request.socket.destroy();
    return;
  }
  response.writeHead(answered.status, { 'content-type': 'application/json', ...answered.headers });
  response.end(answered.status === 204 ? undefined : JSON.stringify(answered.body));
}
