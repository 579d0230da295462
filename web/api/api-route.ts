import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { z } from 'zod';

import type { Principal, Scope } from '../../control/principal.ts';
import { needs } from '../access.ts';
import { sendJson } from '../send-json.ts';
import type { WebEnv } from '../web-env.ts';
import { checked, parseBody } from './parse.ts';
import { problemBody } from './schemas/problem.ts';

/** What one address takes and gives. From it come the checks, the types of the handler and the entry in the OpenAPI document. */
export interface RouteSpec<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/{id}/decision`. */
  path: string;
  /** Null: nobody needs to be signed in. */
  scope: Scope | null;
  /** One sentence. */
  summary: string;
  params?: Params;
  query?: Query;
  body?: Body;
  /** Headers that the handler reads by itself, for the document. */
  headers?: z.ZodObject;
  /** What comes back with `status`; absent = nothing does (204), or a file (`file`). */
  answer?: Answer;
  /** The answer names the version that `If-Match` of a change wants, for the document. */
  hasEtag?: true;
  /** 200, or 204 where there is no answer. */
  status?: 200 | 201 | 202 | 204;
  /** The answer is no JSON: its content type, for the document. */
  file?: string;
  /** The handler reads the body itself, because it is no JSON: its content type, for the document. */
  rawBody?: string;
}

/** What a handler is given, checked. */
export interface Asked<Params, Query, Body> {
  context: Context<WebEnv>;
  /** Who asks. Throws where the route needs nobody. */
  principal: Principal;
  params: Params;
  query: Query;
  body: Body;
}

/** `doneOnce` takes it at every POST of somebody who is known (web/idempotency.ts). */
const onceHeaders = z.object({
  'Idempotency-Key': z
    .string()
    .optional()
    .meta({ description: 'The same key twice is done once, and answered with the first answer' }),
});

/**
 * The routes of one noun: `new ApiRoutes('moments').add(spec, handler).hono`. A handler returns what `answer` describes, or a
 * `Response` where it is no JSON or needs headers of its own (`json` of the context then).
 */
export class ApiRoutes {
  readonly hono = new OpenAPIHono<WebEnv>();
  readonly #tag: string;

  constructor(tag: string) {
    this.#tag = tag;
  }

  add<
    Params extends z.ZodType = z.ZodUnknown,
    Query extends z.ZodType = z.ZodUnknown,
    Body extends z.ZodType = z.ZodUnknown,
    Answer extends z.ZodType = z.ZodVoid,
  >(
    spec: RouteSpec<Params, Query, Body, Answer>,
    handle: (
      asked: Asked<z.output<Params>, z.output<Query>, z.output<Body>>,
    ) => z.input<Answer> | Response | Promise<z.input<Answer> | Response>,
  ): this {
    const { method, path, scope, params, query, body, answer, file } = spec;
    const status = spec.status ?? (answer || file ? 200 : 204);
    const guards = scope === null ? [] : [needs(scope)];
    this.hono.on(method.toUpperCase(), [path.replaceAll(/\{(\w+)\}/g, ':$1')], ...guards, async (context) => {
      const given = await handle({
        context,
        get principal() {
          return context.get('principal');
        },
        params: (params && checked(params, context.req.param(), 'path')) as z.output<Params>,
        query: (query && checked(query, context.req.query(), 'query')) as z.output<Query>,
        body: (body && (await parseBody(context, body))) as z.output<Body>,
      });
      if (given instanceof Response) return given;
      return given === undefined
        ? context.body(null, 204)
        : await sendJson(context, given as object, status as 200);
    });
    this.#document(spec, status);
    return this;
  }

  #document(spec: RouteSpec, status: number): void {
    const { method, path, scope, summary, params, query, body, answer, file, rawBody, hasEtag } = spec;
    const headers = spec.headers ?? (method === 'post' && scope !== null ? onceHeaders : undefined);
    const sent = body
      ? { 'application/json': { schema: body } }
      : rawBody && { [rawBody]: { schema: z.string() } };
    const content = answer
      ? { 'application/json': { schema: answer } }
      : file && { [file]: { schema: z.string().meta({ format: 'binary' }) } };
    this.hono.openAPIRegistry.registerPath({
      method,
      path,
      summary,
      tags: [this.#tag],
      security: scope === null ? [] : [{ token: [scope] }, { session: [scope] }],
      request: {
        ...(params ? { params: params as z.ZodObject } : {}),
        ...(query ? { query: query as z.ZodObject } : {}),
        ...(headers ? { headers } : {}),
        ...(sent ? { body: { required: true, content: sent } } : {}),
      },
      responses: {
        [status]: {
          description: summary,
          ...(content ? { content } : {}),
          ...(hasEtag ? { headers: z.object({ ETag: z.string() }) } : {}),
        },
        default: {
          description: 'What went wrong (RFC 9457)',
          content: { 'application/problem+json': { schema: problemBody } },
        },
      },
    });
  }
}
