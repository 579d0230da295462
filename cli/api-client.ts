import { TouchlineError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import type { DeskEvent } from '../control/match-desk.ts';

/** A server answers from its ledger; stopping a channel waits for the last segment, so the limit is generous. */
const answerMsMax = 60_000;

/** Talks to a running server the way everybody does: over its HTTP API, with the token. */
export class ApiClient {
  readonly url: string;
  readonly #token: Secret;

  constructor(options: { url: string; token: Secret }) {
    this.url = options.url;
    this.#token = options.token;
  }

  async get<T>(path: string): Promise<T> {
    return (await (await this.#ask('GET', path)).json()) as T;
  }

  async post<T>(path: string, body: unknown = {}): Promise<T> {
    const response = await this.#ask('POST', path, body);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  /** What the server makes of `body` as a file, under the name that it gives to it. */
  async file(path: string, body: unknown): Promise<{ name: string; text: string }> {
    const response = await this.#ask('POST', path, body);
    const name = /filename="([\w.-]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1];
    return { name: name ?? 'export', text: await response.text() };
  }

  /** The bytes of a clip's file, wherever the server says that they lie. */
  async media(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#ask('GET', path, undefined, signal);
    return body ?? new ReadableStream();
  }

  async put<T>(path: string, body: unknown): Promise<T> {
    return (await (await this.#ask('PUT', path, body)).json()) as T;
  }

  async patch<T>(path: string, body: unknown): Promise<T> {
    return (await (await this.#ask('PATCH', path, body)).json()) as T;
  }

  /** A body that is no JSON, such as a calendar. */
  async postText<T>(path: string, text: string, contentType: string): Promise<T> {
    return (await (await this.#send('POST', path, { text, contentType })).json()) as T;
  }

  /** What the server says of it; undefined when it says nothing. */
  async delete<T = undefined>(path: string): Promise<T> {
    const response = await this.#ask('DELETE', path);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  /** What happens from now on (or happened after `afterId`), until `signal` aborts or the server stops. */
  async *events(
    signal: AbortSignal,
    afterId?: number,
  ): AsyncGenerator<Pick<DeskEvent, 'kind' | 'channelId' | 'subjectId'>> {
    const query = afterId === undefined ? '' : `?lastEventId=${afterId}`;
    const response = await this.#ask('GET', `/events${query}`, undefined, signal);
    let text = '';
    const decoder = new TextDecoder();
    for await (const bytes of response.body ?? []) {
      text += decoder.decode(bytes as Uint8Array, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = /^data: (\{"id":.*\})$/m.exec(block)?.[1];
        if (data !== undefined) yield JSON.parse(data) as DeskEvent;
      }
    }
  }

  async #ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const sent =
      body === undefined ? undefined : { text: JSON.stringify(body), contentType: 'application/json' };
    return await this.#send(method, path, sent, signal);
  }

  async #send(
    method: string,
    path: string,
    body: { text: string; contentType: string } | undefined,
    signal?: AbortSignal,
  ): Promise<Response> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token.reveal()}`,
        ...(body === undefined ? {} : { 'content-type': body.contentType }),
      },
      ...(body === undefined ? {} : { body: body.text }),
      signal: signal ?? AbortSignal.timeout(answerMsMax),
    }).catch((cause: unknown) => {
      if (signal?.aborted) throw cause;
      throw unreachableServer(this.url, cause);
    });
    if (response.ok) return response;
    throw await problemOf(response);
  }
}

/** The server's own words, with its code, so that the exit code is the same here and there. */
async function problemOf(response: Response): Promise<TouchlineError> {
  const problem = (await response.json().catch(() => ({}))) as Partial<Record<string, unknown>>;
  const { code, detail, retryable } = problem;
  return new TouchlineError({
    code: typeof code === 'string' ? code : 'server.unavailable',
    message:
      typeof detail === 'string' ? detail : `the server answered ${response.status} without saying why`,
    retryable: retryable === true,
    blame: response.status >= 500 ? 'environment' : 'caller',
  });
}

function unreachableServer(url: string, cause: unknown): TouchlineError {
  return new TouchlineError({
    code: 'server.unavailable',
    message: `no server answers at ${url}: start one with "touchline up", or set TOUCHLINE_URL to where it runs`,
    retryable: true,
    blame: 'environment',
    cause,
  });
}
