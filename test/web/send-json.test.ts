import { gunzipSync } from 'node:zlib';

import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';

import { sendJson } from '../../web/send-json.ts';

const rows = Array.from({ length: 200 }, (_, nth) => ({ id: `mom_${nth}`, label: 'goal', score: 0.9 }));
const large = { rows };
const app = new Hono()
  .get('/large', async (context) => await sendJson(context, large, 200))
  .get('/at/:chars', async (context) => await sendJson(context, textOf(context.req.param('chars')), 200))
  .get('/tagged', async (context) => {
    context.header('etag', '"v1"');
    context.header('vary', 'origin');
    return await sendJson(context, large, 200);
  })
  .post('/large', async (context) => await sendJson(context, large, 201));

/** An object whose JSON has so many characters. */
function textOf(chars: string): object {
  return { text: 'x'.repeat(Number(chars) - '{"text":""}'.length) };
}

describe('JSON', () => {
  it('is packed for who takes it, and is the same then', async () => {
    const answer = await app.request('/large', { headers: { 'accept-encoding': 'br, gzip;q=0.5' } });
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('vary')).toBe('accept-encoding');
    const packed = Buffer.from(await answer.arrayBuffer());
    expect(JSON.parse(gunzipSync(packed).toString())).toEqual(large);
    expect(packed.length).toBeLessThan(JSON.stringify(large).length / 5);
  });

  it.each([undefined, '', 'br', 'identity', 'gzip;q=0', 'x-gzipped'])(
    'is plain for who asks for it by %j',
    async (accept) => {
      const answer = await app.request('/large', {
        headers: accept === undefined ? {} : { 'accept-encoding': accept },
      });
      expect(answer.headers.get('content-encoding')).toBeNull();
      expect(answer.headers.get('vary')).toBe('accept-encoding');
      expect(await answer.json()).toEqual(large);
    },
  );

  it.each([
    [1399, null],
    [1400, 'gzip'],
  ])('of %i characters is sent as %s', async (chars, encoding) => {
    const answer = await app.request(`/at/${chars}`, { headers: { 'accept-encoding': 'gzip' } });
    expect(answer.headers.get('content-encoding')).toBe(encoding);
  });

  it('that answers a change may hold a secret, and is never packed', async () => {
    const answer = await app.request('/large', { method: 'POST', headers: { 'accept-encoding': 'gzip' } });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('content-encoding')).toBeNull();
  });

  it('keeps the headers that it has', async () => {
    const answer = await app.request('/tagged', { headers: { 'accept-encoding': 'gzip' } });
    expect(answer.headers.get('etag')).toBe('"v1"');
    expect(answer.headers.get('vary')).toBe('origin, accept-encoding');
  });
});
