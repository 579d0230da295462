import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';

import { secureHeaders } from '../../web/guards.ts';
import { mediaOriginOf, sendObject } from '../../web/media.ts';
import { memoryStore } from './memory-store.ts';

const objects = memoryStore(
  new Map([
    ['clips/ch_1/run_1/clp_1/wide.mp4', { bytes: Buffer.from('film'), contentType: 'video/mp4' }],
    ['clips/ch_1/run_1/clp_1/clp_1.json', { bytes: Buffer.from('{}'), contentType: 'application/json' }],
  ]),
);
const store = {
  ...objects,
  presign: async (key: string, options: { seconds: number; downloadName?: string }) =>
    `https://clips.s3.example/${key}?for=${options.seconds}&as=${options.downloadName ?? ''}`,
};
const app = new Hono()
  .use(secureHeaders(await mediaOriginOf(store)))
  .get('/*', async (context) => await sendObject(context, store, context.req.path.slice(1), 'immutable'));

describe('media of a store that gives addresses of its own', () => {
  it('is fetched there, for at most 15 minutes, and by the policy of the page', async () => {
    const answer = await app.request('/clips/ch_1/run_1/clp_1/wide.mp4');
    expect([answer.status, answer.headers.get('location')]).toEqual([
      302,
      'https://clips.s3.example/clips/ch_1/run_1/clp_1/wide.mp4?for=900&as=',
    ]);
    expect(answer.headers.get('cache-control')).toBe('private, no-store');
    const policy = answer.headers.get('content-security-policy');
    expect(policy).toContain("media-src 'self' https://clips.s3.example blob:;");
    expect(policy).toContain("img-src 'self' https://clips.s3.example;");
    expect(policy).toContain("connect-src 'self';");
  });

  it('keeps the name of a download', async () => {
    const answer = await app.request('/clips/ch_1/run_1/clp_1/wide.mp4?download');
    expect(answer.headers.get('location')).toContain('as=clp_1-wide.mp4');
  });

  it('is sent by us where the page reads it, and where only its size is asked', async () => {
    const json = await app.request('/clips/ch_1/run_1/clp_1/clp_1.json');
    expect([json.status, await json.text()]).toEqual([200, '{}']);
    const head = await app.request('/clips/ch_1/run_1/clp_1/wide.mp4', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '4']);
    expect((await app.request('/clips/no.mp4')).status).not.toBe(302);
  });

  it('is of no other place when the store has no addresses', async () => {
    expect(await mediaOriginOf(objects)).toBeUndefined();
  });
});
