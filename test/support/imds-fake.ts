import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The instance metadata service of one machine, version 2: without a token of this service it says nothing. */
export interface ImdsFake {
  endpoint: string;
  /** By path below `/latest/meta-data/`; what is not here is a 404. */
  readonly values: Map<string, string>;
  readonly asked: string[];
  /** Tokens that were given out are no longer good. */
  forgetTokens(): void;
  /** Answers everything with this status; undefined: works. */
  brokenWith: number | undefined;
  stop(): Promise<void>;
}

export async function startImdsFake(): Promise<ImdsFake> {
  let generation = 1;
  const values = new Map<string, string>();
  const asked: string[] = [];
  const fake = { values, asked, brokenWith: undefined as number | undefined };
  const server = createServer((request, response) => {
    const { url = '', method, headers } = request;
    const answer = (status: number, text = ''): void => void response.writeHead(status).end(text);
    if (fake.brokenWith) return answer(fake.brokenWith);
    if (url === '/latest/api/token') {
      const seconds = Number(headers['x-aws-ec2-metadata-token-ttl-seconds']);
      return method === 'PUT' && seconds >= 1 && seconds <= 21_600
        ? answer(200, `token-${generation}`)
        : answer(400);
    }
    if (headers['x-aws-ec2-metadata-token'] !== `token-${generation}`) return answer(401);
    const path = url.replace('/latest/meta-data/', '');
    asked.push(path);
    const value = values.get(path);
    return value === undefined ? answer(404, 'Not Found') : answer(200, value);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(fake, {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forgetTokens: () => void (generation += 1),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
