import type { Context } from 'hono';

/** Whether the one who asks came by TLS, to us or to the proxy before us. */
export function isByTls(context: Context): boolean {
  return (
    new URL(context.req.url).protocol === 'https:' || context.req.header('x-forwarded-proto') === 'https'
  );
}

/** Scheme, name and port under which the one who asks reaches this server. */
export function publicOrigin(context: Context): string {
  return `${isByTls(context) ? 'https' : 'http'}://${new URL(context.req.url).host}`;
}
