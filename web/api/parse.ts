import type { Context } from 'hono';
import { z } from 'zod';

import { callerError } from '../problem.ts';

/** The largest body that the API takes is a wish of a few fields. */
const bodyBytesMax = 64 * 1024;

/** The JSON body, as `schema` wants it. @throws `web.invalid` naming every field that is wrong */
export async function parseBody<S extends z.ZodType>(context: Context, schema: S): Promise<z.infer<S>> {
  const text = await readText(context, bodyBytesMax, 'any wish');
  let body: unknown;
  try {
    body = text === '' ? {} : JSON.parse(text);
  } catch {
    throw callerError('web.invalid', 'the body is not JSON');
  }
  return checked(schema, body, 'body');
}

/** How many rows one answer holds at the most; a page of the console shows 50. */
export const limit = z.coerce.number().int().min(1).max(200).default(50);

/** `next` of the page before; whether it is one, the list says. */
export const cursor = z.string();

/** Ids hold these characters alone; anything else is not looked up. */
export const id = z.string().regex(/^[a-z0-9_-]{1,120}$/, 'not an id');

/** `exactOptionalPropertyTypes`: a filter that is absent is left out, not undefined. */
export function present<T extends object>(filter: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as never;
}

/**
 * The body as text. Counted while it comes: a declared length may be missing or wrong.
 *
 * @param what that never takes more, for the message
 * @throws `web.too-large`
 */
export async function readText(context: Context, bytesMax: number, what: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (context.req.raw.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw callerError(
        'web.too-large',
        `the body is larger than ${bytesMax} bytes, more than ${what} takes`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** @throws `web.invalid` naming every field that is wrong */
export function checked<S extends z.ZodType>(schema: S, value: unknown, where: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const what = result.error.issues.map((issue) => `${[where, ...issue.path].join('.')}: ${issue.message}`);
  throw callerError('web.invalid', what.join('; '));
}
