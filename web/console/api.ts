import { signal } from '@preact/signals';

import { randomId } from './browser.ts';

/** What the server said no with (RFC 9457); `code` is for programs, `message` for people. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** The answer as it came: a conflict carries the current state. */
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Record<string, unknown>) {
    super(typeof body['detail'] === 'string' ? body['detail'] : `the server answered ${status}`);
    this.status = status;
    this.code = typeof body['code'] === 'string' ? body['code'] : 'unknown';
    this.body = body;
  }
}

export interface Answer<T> {
  body: T;
  etag: string | undefined;
  status: number;
}

interface Wish {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: unknown;
  ifMatch?: string;
  signal?: AbortSignal;
  /** Of a POST that is tried again: the same key makes the server do it once. */
  idempotencyKey?: string;
}

/** True once the server has said that nobody is signed in here (any more). */
export const isSignedOut = signal(false);

/** An answer should be there long before; without an end a sleeping network would leave a button grey for ever. */
const answerMsMax = 30_000;

/** Asks the API: `ask('/moments/mom_1')`. @throws ApiError, or TypeError when the server cannot be reached */
export async function ask<T>(path: string, wish: Wish = {}): Promise<T> {
  return (await askWhole<T>(path, wish)).body;
}

/** As `ask`, with the headers that edits need. */
export async function askWhole<T>(path: string, wish: Wish = {}): Promise<Answer<T>> {
  const response = await send(path, wish);
  const body = await jsonOf(response);
  return { body: body as T, etag: response.headers.get('etag') ?? undefined, status: response.status };
}

/** What comes as a file, under the name that the server gives it. @throws as `ask` */
export async function askFile(path: string, wish: Wish = {}): Promise<{ name: string; content: Blob }> {
  const response = await send(path, wish);
  const [, name = 'touchline'] =
    /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '') ?? [];
  return { name, content: await response.blob() };
}

async function send(path: string, wish: Wish): Promise<Response> {
  const { method = 'GET', body, ifMatch, signal, idempotencyKey } = wish;
  const headers: Record<string, string> = {};
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (ifMatch !== undefined) headers['if-match'] = ifMatch;
  if (method === 'POST') headers['idempotency-key'] = idempotencyKey ?? randomId();
  const limit = AbortSignal.timeout(answerMsMax);
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers,
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.ok) return response;
  if (response.status === 401 && !path.startsWith('/session')) isSignedOut.value = true;
  throw new ApiError(response.status, (await jsonOf(response)) as Record<string, unknown>);
}

async function jsonOf(response: Response): Promise<unknown> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return isJson && text !== '' ? (JSON.parse(text) as unknown) : {};
}

/** There is no such thing: it never was, or it was deleted. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

/** For a person: what went wrong, in words. */
export function wordsOf(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'the server does not answer';
  if (error instanceof TypeError) return 'the server cannot be reached';
  return error instanceof Error ? error.message : String(error);
}
