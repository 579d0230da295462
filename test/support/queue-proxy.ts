import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of one call to the service behind. `lose`: it is done, and its answer never arrives. */
type Fate =
  | 'pass'
  | 'unavailable'
  | 'throttle'
  | 'lose'
  | 'silence'
  /** Its last entry is not taken, for a reason that is not ours. */
  | 'take-all-but-one';

export interface ServiceProxy {
  endpoint: string;
  /** Called for each call with its name, such as `SendMessageBatch`. */
  decide: (action: string) => Fate;
  close(): Promise<void>;
}

/** Stands between the SDK and the service at `target`, and does to its calls what networks and services do. */
export async function startServiceProxy(target: string): Promise<ServiceProxy> {
  const server = createServer((incoming, answer) => void handle(incoming, answer));
  const proxy: ServiceProxy = {
    endpoint: '',
    decide: () => 'pass',
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const handle = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const action =
      String(incoming.headers['x-amz-target'] ?? '')
        .split('.')
        .at(-1) ?? '';
    const body = Buffer.concat(await incoming.toArray()).toString();
    const fate = proxy.decide(action);
    const headers = { 'content-type': 'application/x-amz-json-1.0' };
    if (fate === 'silence') return;
    if (fate === 'unavailable') {
      answer.writeHead(503, headers).end('{"__type":"ServiceUnavailable","message":"try again"}');
      return;
    }
    if (fate === 'throttle') {
      answer.writeHead(400, headers).end('{"__type":"ThrottlingException","message":"slow down"}');
      return;
    }
    const { sent, failed } =
      fate === 'take-all-but-one' ? withoutLast(body) : { sent: body, failed: undefined };
    const passOn = async (response: IncomingMessage): Promise<void> => {
      const text = Buffer.concat(await response.toArray()).toString();
      if (fate === 'lose') answer.destroy();
      else
        answer.writeHead(response.statusCode ?? 500, headers).end(failed ? withFailed(text, failed) : text);
    };
    const outgoing = request(
      new URL(incoming.url ?? '/', target),
      {
        method: incoming.method,
        headers: { ...incoming.headers, 'content-length': Buffer.byteLength(sent) },
      },
      (response) => void passOn(response).catch(() => answer.destroy()),
    );
    outgoing.on('error', () => answer.destroy());
    // A caller who has gone no longer waits for the service.
    answer.on('close', () => outgoing.destroy());
    outgoing.end(sent);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return proxy;
}

interface Batch {
  Entries?: { Id: string }[];
}

function withoutLast(body: string): { sent: string; failed: string | undefined } {
  const batch = JSON.parse(body) as Batch;
  if (!batch.Entries || batch.Entries.length < 2) return { sent: body, failed: undefined };
  const failed = batch.Entries.pop()?.Id;
  return { sent: JSON.stringify(batch), failed };
}

function withFailed(text: string, id: string): string {
  const Failed = [{ Id: id, Code: 'InternalError', Message: 'we are sorry', SenderFault: false }];
  return JSON.stringify({ ...(JSON.parse(text) as object), Failed });
}
