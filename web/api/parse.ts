import type { Context } from 'hono';
import { z } from 'zod';

import { callerError } from '../problem.ts';

/** The JSON body, as `schema` wants it. @throws `web.invalid` naming every field that is wrong */
export async function parseBody<S extends z.ZodType>(context: Context, schema: S): Promise<z.infer<S>> {
  const text = await context.req.text();
  let body: unknown;
  try {
    body = text === '' ? {} : JSON.parse(text);
  } catch {
    throw callerError('web.invalid', 'the body is not JSON');
  }
  return checked(schema, body, 'body');
}

/** The query string, as `schema` wants it: numbers through `z.coerce`. */
export function parseQuery<S extends z.ZodType>(context: Context, schema: S): z.infer<S> {
  return checked(schema, context.req.query(), 'query');
}

/** How many rows one answer holds at the most; a page of the console shows 50. */
export const limit = z.coerce.number().int().min(1).max(200).default(50);

/** Ids hold these characters alone; anything else is not looked up. */
export const id = z.string().regex(/^[a-z0-9_-]{1,120}$/, 'not an id');

/** `exactOptionalPropertyTypes`: a filter that is absent is left out, not undefined. */
export function present<T extends object>(filter: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as never;
}

function checked<S extends z.ZodType>(schema: S, value: unknown, where: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const what = result.error.issues.map((issue) => `${[where, ...issue.path].join('.')}: ${issue.message}`);
  throw callerError('web.invalid', what.join('; '));
}
